locals {
  issuer = "oidc.circleci.com/org/${var.circleci.organization_id}"

  # Where there is a gate, what comes before it and what comes after have a role each, and none has both.
  duties = var.gate ? {
    publish = { role = "${var.deploy_role}-publish", circleci_project = var.circleci.project_id }
    release = {
      role             = "${var.deploy_role}-release"
      circleci_project = coalesce(var.circleci.release_project_id, var.circleci.project_id)
    }
    } : {
    deploy = { role = var.deploy_role, circleci_project = var.circleci.project_id }
  }
}

resource "aws_iam_openid_connect_provider" "circleci" {
  url            = "https://${local.issuer}"
  client_id_list = [var.circleci.organization_id]
}

resource "aws_iam_role" "deploy" {
  for_each = local.duties

  name                 = each.value.role
  description          = "Assumed by CircleCI to ${each.key} ${var.project}."
  assume_role_policy   = data.aws_iam_policy_document.trust[each.key].json
  max_session_duration = 3600
}

data "aws_iam_policy_document" "trust" {
  for_each = local.duties

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

    # Project, repository and branch: a fork's pipeline runs in the same project and comes from another repository
    # (https://circleci.com/docs/openid-connect-tokens/).
    condition {
      test     = "StringLike"
      variable = "${local.issuer}:sub"
      values = [for branch in var.branches : join("/", [
        "org/${var.circleci.organization_id}/project/${each.value.circleci_project}/user/*",
        "vcs-origin/${var.circleci.repository}/vcs-ref/refs/heads/${branch}",
      ])]
    }

    # `*` also matches slashes: the branch `x/vcs-ref/refs/heads/main` would otherwise pass for `main`.
    condition {
      test     = "StringNotLike"
      variable = "${local.issuer}:sub"
      values   = ["*/vcs-origin/*/vcs-origin/*", "*/vcs-ref/*/vcs-ref/*"]
    }
  }
}

# Before there was a gate to have two of them.
moved {
  from = aws_iam_role.deploy
  to   = aws_iam_role.deploy["deploy"]
}

moved {
  from = aws_iam_role_policy.deploy
  to   = aws_iam_role_policy.deploy["deploy"]
}
