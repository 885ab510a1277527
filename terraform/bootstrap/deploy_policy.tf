# The least that the pipeline needs, and nothing that would let it widen what it may do.
resource "aws_iam_role_policy" "deploy" {
  name   = "deploy"
  role   = aws_iam_role.deploy.name
  policy = data.aws_iam_policy_document.deploy.json
}

locals {
  function_arns = [for name in var.functions : "arn:aws:lambda:${var.region}:${var.account_id}:function:${name}"]
  role_arns     = "arn:aws:iam::${var.account_id}:role/${var.project}/*"

  log_group_arns = concat(
    [for name in var.functions : "arn:aws:logs:${var.region}:${var.account_id}:log-group:/aws/lambda/${name}"],
    ["arn:aws:logs:${var.region}:${var.account_id}:log-group:/aws/apigateway/${var.project}"],
  )
}

data "aws_iam_policy_document" "deploy" {
  statement {
    sid = "PublishAndRelease"
    actions = [
      "lambda:AddPermission",
      "lambda:CreateAlias",
      "lambda:CreateFunction",
      "lambda:CreateFunctionUrlConfig",
      "lambda:DeleteAlias",
      "lambda:DeleteFunctionUrlConfig",
      "lambda:GetAlias",
      "lambda:GetFunction",
      "lambda:GetFunctionCodeSigningConfig",
      "lambda:GetFunctionConfiguration",
      "lambda:GetFunctionUrlConfig",
      "lambda:GetPolicy",
      "lambda:InvokeFunction",
      "lambda:ListAliases",
      "lambda:ListTags",
      "lambda:ListVersionsByFunction",
      "lambda:PublishVersion",
      "lambda:RemovePermission",
      "lambda:TagResource",
      "lambda:UntagResource",
      "lambda:UpdateAlias",
      "lambda:UpdateFunctionCode",
      "lambda:UpdateFunctionConfiguration",
      "lambda:UpdateFunctionUrlConfig",
    ]
    resources = concat(local.function_arns, [for arn in local.function_arns : "${arn}:*"])
  }

  # Only with a qualifier: without one it would delete the function, all its versions and aliases.
  statement {
    sid       = "DeleteVersions"
    actions   = ["lambda:DeleteFunction"]
    resources = [for arn in local.function_arns : "${arn}:*"]
  }

  statement {
    sid       = "ReadTheAccount"
    actions   = ["lambda:GetAccountSettings", "cloudwatch:GetMetricData", "logs:DescribeLogGroups"]
    resources = ["*"]
  }

  statement {
    sid       = "MakeRolesWithinTheBoundary"
    actions   = ["iam:CreateRole", "iam:PutRolePolicy"]
    resources = [local.role_arns]

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [aws_iam_policy.boundary.arn]
    }
  }

  statement {
    sid = "ReadTagAndDeleteRoles"
    actions = [
      "iam:DeleteRole",
      "iam:DeleteRolePolicy",
      "iam:GetRole",
      "iam:GetRolePolicy",
      "iam:ListAttachedRolePolicies",
      "iam:ListInstanceProfilesForRole",
      "iam:ListRolePolicies",
      "iam:TagRole",
      "iam:UntagRole",
    ]
    resources = [local.role_arns]
  }

  statement {
    sid       = "GiveRolesToLambdaAlone"
    actions   = ["iam:PassRole"]
    resources = [local.role_arns]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["lambda.amazonaws.com"]
    }
  }

  statement {
    sid = "KeepLogGroups"
    actions = [
      "logs:CreateLogGroup",
      "logs:ListTagsForResource",
      "logs:PutRetentionPolicy",
      "logs:TagResource",
      "logs:UntagResource",
    ]
    resources = concat(local.log_group_arns, [for arn in local.log_group_arns : "${arn}:*"])
  }

  # Access logs of an HTTP API are delivered by these; AWS knows no resource for them.
  statement {
    sid = "DeliverAccessLogs"
    actions = [
      "logs:CreateLogDelivery",
      "logs:DeleteLogDelivery",
      "logs:DescribeResourcePolicies",
      "logs:GetLogDelivery",
      "logs:ListLogDeliveries",
      "logs:PutResourcePolicy",
      "logs:UpdateLogDelivery",
    ]
    resources = ["*"]
  }

  statement {
    sid     = "KeepTheGateway"
    actions = ["apigateway:DELETE", "apigateway:GET", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT", "apigateway:TagResource"]
    resources = [
      "arn:aws:apigateway:${var.region}::/apis",
      "arn:aws:apigateway:${var.region}::/apis/*",
      "arn:aws:apigateway:${var.region}::/tags/*",
    ]
  }

  statement {
    sid       = "FindTheState"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.state.arn]
  }

  # Not `bootstrap.tfstate`: that is an administrator's.
  statement {
    sid     = "KeepItsOwnStates"
    actions = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = [
      for key in ["functions.tfstate", "functions.applied", "gateway.tfstate", "gateway.applied", "roles/*"] : "${aws_s3_bucket.state.arn}/${key}"
    ]
  }

  statement {
    sid       = "LockItsOwnStates"
    actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = [for key in ["functions.tfstate", "gateway.tfstate"] : "${aws_s3_bucket.state.arn}/${key}.tflock"]
  }
}
