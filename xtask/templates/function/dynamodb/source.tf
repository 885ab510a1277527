# Whose changes production works off.
resource "aws_dynamodb_table" "{{module}}" {
  # checkov:skip=CKV_AWS_119:DynamoDB encrypts it with a key of its own; another costs money and one more permission.

  name         = "{{name}}-items"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  stream_enabled   = true
  stream_view_type = "NEW_AND_OLD_IMAGES"

  attribute {
    name = "id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  lifecycle {
    prevent_destroy = true
  }
}

# To production's alias: no version that was not released gets a change, and a rollback takes the stream along. What has
# failed six times is left out, and told of in the dead letters; until then what lies behind it waits.
resource "aws_lambda_event_source_mapping" "{{module}}" {
  event_source_arn               = aws_dynamodb_table.{{module}}.stream_arn
  function_name                  = "${var.lambda_arns["{{name}}"]}:${var.alias}"
  starting_position              = "TRIM_HORIZON"
  batch_size                     = 100
  maximum_retry_attempts         = 5
  bisect_batch_on_function_error = true
  function_response_types        = ["ReportBatchItemFailures"]

  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.{{module}}_dead_letters.arn
    }
  }
}
