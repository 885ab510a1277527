output "lambda" {
  description = "What the pipeline needs to know of the Lambda; the root's output `lambdas` says what each field means."
  value = {
    lambda_name    = aws_lambda_function.this.function_name
    lambda_version = aws_lambda_function.this.version
    lambda_arn     = aws_lambda_function.this.arn
    code_sha256    = aws_lambda_function.this.code_sha256
    role_arn       = aws_lambda_function.this.role
  }
}
