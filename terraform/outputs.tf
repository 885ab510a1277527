output "lambdas" {
  description = <<-EOT
    The Lambda of each function, by the function's name: `lambda_name`, `lambda_version` (the newest published, as a
    string), `lambda_arn` (without a version), `code_sha256` (base64) and `role_arn`.
  EOT
  value = {
    "api-backend" = module.api_backend.lambda
  }
}

output "inputs_digest" {
  description = "Digest of the inputs of the run that last applied this state."
  value       = var.inputs_digest
}
