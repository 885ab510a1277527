output "url" {
  description = "Where production answers."
  value       = aws_apigatewayv2_stage.default.invoke_url
}

output "api_id" {
  description = "Id of the HTTP API. An emulated AWS serves it under a host name made of it."
  value       = aws_apigatewayv2_api.this.id
}

output "inputs_digest" {
  description = "Digest of the inputs of the run that last applied this state."
  value       = var.inputs_digest
}
