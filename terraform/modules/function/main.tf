locals {
  environment_variables = merge(var.environment_variables, var.settings.environment_variables)
}

# Lambda would create the group itself at the first invocation, and keep its logs for ever.
resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_158:CloudWatch encrypts logs with a key of its own; another costs money and one more permission.
  # checkov:skip=CKV_AWS_338:Each function says how long its logs are of use; a year of all of them is paid for by the GB.

  name              = "/aws/lambda/${var.lambda_name}"
  retention_in_days = var.log_retention_days

  # As for the function, below.
  skip_destroy = true
}

resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_50:Tracing costs by the request and wants a permission; the function that needs it turns it on.
  # checkov:skip=CKV_AWS_115:A reservation holds for all aliases together, so a branch could use up what is production's.
  # checkov:skip=CKV_AWS_116:What calls it asynchronously is bound to production's alias, which has dead letters of its own.
  # checkov:skip=CKV_AWS_117:It reaches nothing inside a VPC, and in one it would need a NAT gateway to reach AWS.
  # checkov:skip=CKV_AWS_173:No secrets belong into the environment; Lambda encrypts it with a key of its own.
  # checkov:skip=CKV_AWS_272:A version's SHA-256 is compared with the package's before any alias moves to it.

  function_name = var.lambda_name
  description   = var.description
  role          = var.role_arn

  runtime       = var.package.runtime
  handler       = var.package.handler
  architectures = [var.package.architecture]

  filename         = var.package.path
  source_code_hash = var.package.sha256_base64
  publish          = true

  memory_size = coalesce(var.settings.memory_size, var.memory_size)
  timeout     = coalesce(var.settings.timeout, var.timeout)

  # An empty block would be a difference at every plan: AWS gives none back.
  dynamic "environment" {
    for_each = length(local.environment_variables) > 0 ? [local.environment_variables] : []

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
