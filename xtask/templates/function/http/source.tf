resource "aws_apigatewayv2_integration" "{{module}}" {
  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_uri        = "${var.lambda_arns["{{name}}"]}:${var.alias}"
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "{{module}}" {
  # checkov:skip=CKV_AWS_309:It is open to everybody. An application that is not sets `authorization_type` here.

  api_id    = aws_apigatewayv2_api.this.id
  route_key = "ANY {{path}}"
  target    = "integrations/${aws_apigatewayv2_integration.{{module}}.id}"
}

# For the one alias: no gateway can be pointed at a version that was not released.
resource "aws_lambda_permission" "{{module}}" {
  statement_id = "${var.project}-gateway"
  action       = "lambda:InvokeFunction"
  # By its name, as an import calls it: what a killed run made is adopted, not replaced.
  function_name = split(":", var.lambda_arns["{{name}}"])[6]
  qualifier     = var.alias
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/*"
}
