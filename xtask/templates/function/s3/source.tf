# What production works off.
resource "aws_s3_bucket" "{{module}}" {
  # checkov:skip=CKV_AWS_18:A log would need a bucket of its own; CloudTrail can record who reads and writes.
  # checkov:skip=CKV_AWS_144:A copy in another region is for data that nobody can bring again; that is yours to say.
  # checkov:skip=CKV_AWS_145:S3 encrypts it with a key of its own; another costs money and one more permission.
  # checkov:skip=CKV2_AWS_61:How long an object is of use is yours to say.

  bucket = "{{name}}-${var.account_id}-${var.region}"

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "{{module}}" {
  bucket = aws_s3_bucket.{{module}}.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "{{module}}" {
  bucket = aws_s3_bucket.{{module}}.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# To production's alias: no version that was not released gets an event, and a rollback takes the source along.
resource "aws_s3_bucket_notification" "{{module}}" {
  bucket = aws_s3_bucket.{{module}}.id

  lambda_function {
    lambda_function_arn = "${var.lambda_arns["{{name}}"]}:${var.alias}"
    events              = ["s3:ObjectCreated:*"]
  }

  # S3 tries at once whether it may.
  depends_on = [aws_lambda_permission.{{module}}]
}

resource "aws_lambda_permission" "{{module}}" {
  statement_id = "${var.project}-gateway"
  action       = "lambda:InvokeFunction"
  # By its name, as an import calls it: what a killed run made is adopted, not replaced.
  function_name  = split(":", var.lambda_arns["{{name}}"])[6]
  qualifier      = var.alias
  principal      = "s3.amazonaws.com"
  source_arn     = aws_s3_bucket.{{module}}.arn
  source_account = var.account_id
}
