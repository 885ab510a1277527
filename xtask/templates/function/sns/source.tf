# What production works off. Who publishes from a service of AWS's, such as S3, needs a key of one's own here: SNS's own
# lets only the account's identities in.
resource "aws_sns_topic" "{{module}}" {
  name              = "{{name}}"
  kms_master_key_id = "alias/aws/sns"
}

# To production's alias: no version that was not released gets an event, and a rollback takes the source along.
resource "aws_sns_topic_subscription" "{{module}}" {
  topic_arn = aws_sns_topic.{{module}}.arn
  protocol  = "lambda"
  endpoint  = "${var.lambda_arns["{{name}}"]}:${var.alias}"
}

resource "aws_lambda_permission" "{{module}}" {
  statement_id = "${var.project}-gateway"
  action       = "lambda:InvokeFunction"
  # By its name, as an import calls it: what a killed run made is adopted, not replaced.
  function_name = split(":", var.lambda_arns["{{name}}"])[6]
  qualifier     = var.alias
  principal     = "sns.amazonaws.com"
  source_arn    = aws_sns_topic.{{module}}.arn
}
