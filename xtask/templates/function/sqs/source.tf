# What production works off. A message that has failed five times is kept for two weeks with the dead letters.
resource "aws_sqs_queue" "{{module}}" {
  name                    = "{{name}}"
  sqs_managed_sse_enabled = true

  # Six times the function's timeout, as AWS advises: until then nobody else is given the message.
  visibility_timeout_seconds = 60

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.{{module}}_dead_letters.arn
    maxReceiveCount     = 5
  })

  lifecycle {
    prevent_destroy = true
  }
}

# To production's alias: no version that was not released gets a message, and a rollback takes the queue along.
resource "aws_lambda_event_source_mapping" "{{module}}" {
  event_source_arn        = aws_sqs_queue.{{module}}.arn
  function_name           = "${var.lambda_arns["{{name}}"]}:${var.alias}"
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]
}
