output "url" {
  description = "Where production answers."
  value       = aws_apigatewayv2_stage.default.invoke_url
}

output "routes" {
  description = "A route that leads to each function, by the function's name: what `deploy` prints its URL by."
  value       = { "api-backend" = aws_apigatewayv2_route.default.route_key }
}

output "api_id" {
  description = "Id of the HTTP API. An emulated AWS serves it under a host name made of it."
  value       = aws_apigatewayv2_api.this.id
}

output "inputs_digest" {
  description = "Digest of the inputs of the run that last applied this state."
  value       = var.inputs_digest
}
