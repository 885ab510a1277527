module "{{module}}" {
  source = "./modules/function"

  lambda_name = "{{name}}"
  package     = var.packages["{{name}}"]
  role_arn    = var.roles["{{name}}"]
  settings    = var.settings["{{name}}"]

  memory_size        = 256
  timeout            = 10
  log_retention_days = 30{{secret.variables}}
}
