# Every other output is handed to the functions, as `var.data.NAME` in `terraform/*.tf`; one that is sensitive is not.
output "inputs_digest" {
  description = "Digest of the inputs of the run that last applied this state."
  value       = var.inputs_digest
}
