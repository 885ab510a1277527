# A role is as frozen as the versions that run with it: made once, never altered, deleted only when no version is left
# that uses it. A role made again under the same name would not do, since Lambda holds on to the identity behind it.
resource "aws_iam_role" "this" {
  name                 = var.role_name
  path                 = "/${var.project}/"
  description          = "Runs versions of the Lambda function ${var.function}."
  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name   = "permissions"
  role   = aws_iam_role.this.name
  policy = var.policy
}
