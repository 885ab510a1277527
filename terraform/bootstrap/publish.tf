# What publishes: everything up to the gate. It makes versions and roles, and moves nothing.
data "aws_iam_policy_document" "publish" {
  # Without a qualifier it would delete the function, all its versions and aliases.
  statement {
    sid           = "NeverTheFunctionItself"
    effect        = "Deny"
    actions       = ["lambda:DeleteFunction"]
    not_resources = ["${local.lambda}:*:*"]
  }

  statement {
    sid       = "ReadCodeStorage"
    actions   = ["lambda:GetAccountSettings"]
    resources = ["*"]
  }

  statement {
    sid       = "MakeRolesWithinTheBoundary"
    actions   = ["iam:CreateRole", "iam:PutRolePolicy"]
    resources = [local.roles]

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
    resources = [local.roles]
  }

  statement {
    sid       = "GiveRolesToLambdaAlone"
    actions   = ["iam:PassRole"]
    resources = [local.roles]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["lambda.amazonaws.com"]
    }
  }

  # By the names that all log groups of functions begin with: named one by one they would fill the policies.
  statement {
    sid = "KeepLogGroupsOfFunctions"
    actions = [
      "logs:CreateLogGroup",
      "logs:PutRetentionPolicy",
      "logs:TagResource",
      "logs:UntagResource",
    ]
    resources = ["${local.logs}:/aws/lambda/*"]
  }

  # Not `bootstrap.tfstate`: that is an administrator's.
  statement {
    sid     = "KeepStatesOfFunctionsAndData"
    actions = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = concat(["${local.bucket}/roles/*"], flatten([
      for state in ["data", "functions"] : [for end in ["tfstate", "tfstate.tflock", "applied"] : "${local.bucket}/${state}.${end}"]
    ]))
  }

  statement {
    sid       = "KeepPackages"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${local.bucket}/packages/*"]
  }
}

locals {
  roles = "${local.iam}:role/${var.project}/*"
}
