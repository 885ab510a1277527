# In UTC; `cron(0 6 * * ? *)` is six in the morning, each day.
resource "aws_cloudwatch_event_rule" "{{module}}" {
  name        = "{{name}}"
  description = "When {{name}} is due."

  schedule_expression = "rate(1 hour)"
}

# To production's alias: no version that was not released gets an event, and a rollback takes the source along.
resource "aws_cloudwatch_event_target" "{{module}}" {
  rule = aws_cloudwatch_event_rule.{{module}}.name
  arn  = "${var.lambda_arns["{{name}}"]}:${var.alias}"
}

resource "aws_lambda_permission" "{{module}}" {
  statement_id = "${var.project}-gateway"
  action       = "lambda:InvokeFunction"
  # By its name, as an import calls it: what a killed run made is adopted, not replaced.
  function_name = split(":", var.lambda_arns["{{name}}"])[6]
  qualifier     = var.alias
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.{{module}}.arn
}
