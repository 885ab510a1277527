# Lambda tries twice more what has failed, within six hours, and then keeps it for two weeks with the dead letters.
resource "aws_lambda_function_event_invoke_config" "{{module}}" {
  function_name                = split(":", var.lambda_arns["{{name}}"])[6]
  qualifier                    = var.alias
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 6 * 60 * 60

  destination_config {
    on_failure {
      destination = aws_sqs_queue.{{module}}_dead_letters.arn
    }
  }
}
