# Lambda would create the group itself at the first invocation, and keep its logs for ever.
resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.lambda_name}"
  retention_in_days = var.log_retention_days

  # As for the function, below.
  skip_destroy = true
}

resource "aws_lambda_function" "this" {
  function_name = var.lambda_name
  description   = var.description
  role          = var.role_arn

  runtime       = "provided.al2023"
  handler       = "bootstrap"
  architectures = var.architectures

  filename         = var.package.path
  source_code_hash = var.package.sha256_base64
  publish          = true

  memory_size = var.memory_size
  timeout     = var.timeout

  # An empty block would be a difference at every plan: AWS gives none back.
  dynamic "environment" {
    for_each = length(var.environment_variables) > 0 ? [var.environment_variables] : []

    content {
      variables = environment.value
    }
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  # All branches share this function. One that was cut before the function existed has no module call for it, and would
  # delete it with every version and alias, production's too. So it is only forgotten, never deleted.
  skip_destroy = true

  lifecycle {
    # A new name means another function: without this the old one would be replaced, aliases and all.
    prevent_destroy = true
  }
}
