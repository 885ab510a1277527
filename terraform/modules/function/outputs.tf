output "lambda" {
  description = "What the pipeline needs to know of the Lambda; the root's output `lambdas` says what each field means."
  value = {
    lambda_name    = aws_lambda_function.this.function_name
    lambda_version = aws_lambda_function.this.version
    lambda_arn     = aws_lambda_function.this.arn
    code_sha256    = aws_lambda_function.this.code_sha256
    # Of the package that was applied: the other one is read from AWS, where somebody may have put other code.
    source_code_hash = aws_lambda_function.this.source_code_hash
    role_arn         = aws_lambda_function.this.role
    # What the published version is compared with.
    configuration = {
      memory_size   = aws_lambda_function.this.memory_size
      timeout       = aws_lambda_function.this.timeout
      architectures = aws_lambda_function.this.architectures
      runtime       = aws_lambda_function.this.runtime
      handler       = aws_lambda_function.this.handler
      # Not the variables themselves: a value may be nobody's business.
      environment_sha256 = nonsensitive(sha256(join("\n", [
        for name, value in local.environment_variables : "${name}=${base64encode(value)}"
      ])))
    }
  }
}
