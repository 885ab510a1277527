locals {
  issuer  = "oidc.circleci.com/org/${var.circleci.organization_id}"
  subject = "org/${var.circleci.organization_id}/project/${var.circleci.project_id}/user/*"
}

resource "aws_iam_openid_connect_provider" "circleci" {
  url            = "https://${local.issuer}"
  client_id_list = [var.circleci.organization_id]
}

resource "aws_iam_role" "deploy" {
  name                 = var.deploy_role
  description          = "Assumed by CircleCI to deploy ${var.project}."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 3600
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.circleci.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = [var.circleci.organization_id]
    }

    condition {
      test     = "StringLike"
      variable = "${local.issuer}:sub"
      values   = [for name in var.branches : name == "*" ? local.subject : "${local.subject}/vcs-ref/refs/heads/${name}"]
    }

    # `*` also matches slashes: the branch `x/vcs-ref/refs/heads/main` would otherwise pass for `main`.
    condition {
      test     = "StringNotLike"
      variable = "${local.issuer}:sub"
      values   = ["*/vcs-ref/*/vcs-ref/*"]
    }
  }
}
