output "deploy_role_arn" {
  description = "ARN of the role that CircleCI assumes."
  value       = aws_iam_role.deploy.arn
}

output "permissions_boundary" {
  description = "ARN of the policy that bounds every function's role."
  value       = aws_iam_policy.boundary.arn
}

output "state_bucket" {
  description = "Name of the bucket that holds Terraform's states."
  value       = aws_s3_bucket.state.id
}
