module "api_backend" {
  source = "./modules/function"

  lambda_name = "api-backend"
  package     = var.packages["api-backend"]
  role_arn    = var.roles["api-backend"]
  settings    = var.settings["api-backend"]

  memory_size        = 256
  timeout            = 10
  log_retention_days = 30

  environment_variables = {
    RUST_LOG = "info"
  }
}
