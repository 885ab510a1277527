# The most that any function's role may ever do, whatever a branch writes into its `iam-policy.json`: use data, and
# administer nothing. Widen it here when a function needs more; that is an administrator's decision, not a branch's.
#
# IAM cannot limit which trust policy the pipeline gives to a role that it makes. So data is for code that runs in a
# function: Lambda says so in each call (https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html),
# and whoever else assumes such a role finds next to nothing that it may use.
resource "aws_iam_policy" "boundary" {
  name        = "boundary"
  path        = "/${var.project}/"
  description = "Bounds what the roles of Lambda functions may do."
  policy      = data.aws_iam_policy_document.boundary.json
}

data "aws_iam_policy_document" "boundary" {
  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.logs}:/aws/lambda/*:*"]

    condition {
      test     = "ArnLike"
      variable = "lambda:SourceFunctionArn"
      values   = ["${local.lambda}:*"]
    }
  }

  statement {
    sid = "UseData"
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:BatchWriteItem",
      "dynamodb:ConditionCheckItem",
      "dynamodb:DeleteItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:Scan",
      "dynamodb:UpdateItem",
      "events:PutEvents",
      "kms:Decrypt",
      "kms:GenerateDataKey",
      "s3:DeleteObject",
      "s3:GetObject",
      "s3:ListBucket",
      "s3:PutObject",
      "secretsmanager:GetSecretValue",
      "sns:Publish",
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
      "sqs:SendMessage",
      "ssm:GetParameter",
      "ssm:GetParameters",
      "ssm:GetParametersByPath",
      "xray:PutTelemetryRecords",
      "xray:PutTraceSegments",
    ]
    resources = ["*"]

    condition {
      test     = "ArnLike"
      variable = "lambda:SourceFunctionArn"
      values   = ["${local.lambda}:*"]
    }
  }

  # Lambda reads an event source with the function's role, and names no function when it does.
  statement {
    sid = "ReadEventSources"
    actions = [
      "dynamodb:DescribeStream",
      "dynamodb:GetRecords",
      "dynamodb:GetShardIterator",
      "kinesis:DescribeStream",
      "kinesis:DescribeStreamSummary",
      "kinesis:GetRecords",
      "kinesis:GetShardIterator",
      "kinesis:ListShards",
      "kinesis:SubscribeToShard",
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
    ]
    resources = [
      "arn:${local.partition}:dynamodb:${local.account}:table/*/stream/*",
      "arn:${local.partition}:kinesis:${local.account}:stream/*",
      "arn:${local.partition}:sqs:${local.account}:*",
    ]
  }

  statement {
    sid       = "FindEventSources"
    actions   = ["dynamodb:ListStreams", "kinesis:ListStreams"]
    resources = ["*"]
  }

  # Of no use but for what is read from such a source.
  statement {
    sid       = "ReadEncryptedEventSources"
    actions   = ["kms:Decrypt"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = [for service in ["dynamodb", "kinesis", "sqs"] : "${service}.${var.region}.amazonaws.com"]
    }
  }

  # Nor when it keeps what a function could not do.
  dynamic "statement" {
    for_each = local.sends_dead_letters ? ["SendDeadLetters"] : []

    content {
      sid       = statement.value
      actions   = ["sqs:SendMessage"]
      resources = ["${local.sqs}:*-dead-letters"]
    }
  }

  statement {
    sid       = "NeverTheState"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.bucket, "${local.bucket}/*"]
  }
}
