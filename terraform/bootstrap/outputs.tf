output "deploy_role_arns" {
  description = "ARN of each role that CircleCI assumes, by what it is for."
  value       = { for duty, role in aws_iam_role.deploy : duty => role.arn }
}

output "permissions_boundary" {
  description = "ARN of the policy that bounds every function's role."
  value       = aws_iam_policy.boundary.arn
}

output "state_bucket" {
  description = "Name of the bucket that holds Terraform's states."
  value       = aws_s3_bucket.state.id
}
