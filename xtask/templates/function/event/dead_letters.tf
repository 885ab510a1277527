resource "aws_sqs_queue" "{{module}}_dead_letters" {
  name                      = "{{name}}-dead-letters"
  message_retention_seconds = 14 * 24 * 60 * 60
  sqs_managed_sse_enabled   = true

  lifecycle {
    prevent_destroy = true
  }
}
