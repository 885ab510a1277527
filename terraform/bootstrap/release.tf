# What releases: everything behind the gate. It moves aliases and keeps the gateway, and publishes nothing.
data "aws_iam_policy_document" "release" {
  statement {
    sid       = "JudgeCanaries"
    actions   = ["cloudwatch:GetMetricData"]
    resources = ["*"]
  }

  # IAM tells the principal that a statement of a function's policy would let in. One that is not told is refused too.
  statement {
    sid       = "LetInNobodyElse"
    effect    = "Deny"
    actions   = ["lambda:AddPermission"]
    resources = ["*"]

    condition {
      test     = "StringNotEquals"
      variable = "lambda:Principal"
      values   = local.callers
    }
  }

  statement {
    sid     = "KeepTheGateway"
    actions = ["apigateway:DELETE", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT", "apigateway:TagResource"]
    resources = [
      "${local.api}:/apis",
      "${local.api}:/apis/*",
      "${local.api}:/tags/*",
    ]
  }

  statement {
    sid = "KeepTheAccessLog"
    actions = [
      "logs:CreateLogGroup",
      "logs:PutRetentionPolicy",
      "logs:TagResource",
      "logs:UntagResource",
    ]
    resources = [for end in ["", ":*"] : "${local.logs}:/aws/apigateway/${var.project}${end}"]
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
    sid     = "KeepTheGatewaysState"
    actions = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = [
      for key in ["gateway.tfstate", "gateway.tfstate.tflock", "gateway.applied"] : "${local.bucket}/${key}"
    ]
  }
}

# API Gateway wants this role in the account of whoever makes an API, and makes it for callers who may make roles
# (https://docs.aws.amazon.com/apigateway/latest/developerguide/using-service-linked-roles.html). The pipeline may not. An
# emulated AWS does without.
resource "aws_iam_service_linked_role" "apigateway" {
  count = var.emulated ? 0 : 1

  aws_service_name = "ops.apigateway.amazonaws.com"

  lifecycle {
    prevent_destroy = true
  }
}

locals {
  # A URL that is open to anybody lets `*` in. Where there is a gate, only production's branch is deployed, and that has
  # the gateway.
  callers = concat(
    ["apigateway.amazonaws.com"],
    distinct([for trigger, service in local.services : "${service}.amazonaws.com" if contains(local.named, trigger)]),
    var.preview_url == "public" && !var.gate ? ["*"] : [],
  )
}

# What branches have besides: URLs of their aliases, for the callers that the environment's `preview_url` names.
data "aws_iam_policy_document" "branches" {
  dynamic "statement" {
    for_each = var.preview_url == "none" ? [] : [var.preview_url]

    content {
      sid       = "OnlyTheseUrls"
      effect    = "Deny"
      actions   = ["lambda:CreateFunctionUrlConfig", "lambda:UpdateFunctionUrlConfig"]
      resources = ["*"]

      condition {
        test     = "StringNotEquals"
        variable = "lambda:FunctionUrlAuthType"
        values   = [{ iam = "AWS_IAM", public = "NONE" }[statement.value]]
      }
    }
  }
}
