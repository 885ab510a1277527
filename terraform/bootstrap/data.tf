# What `terraform/data/` keeps for the functions. What publishes makes and changes what the environment's file names, since a
# version is proved with the data that it needs; it neither reads nor writes what is held, and deletes nothing: no queue,
# table, bucket or object, no time to live, no rule by which objects expire. That is an administrator's. A queue's retention it
# may set, and with that end messages.
locals {
  dynamodb = "arn:${local.partition}:dynamodb:${local.account}"
  sqs      = "arn:${local.partition}:sqs:${local.account}"

  # What is asked of each to find drift, and what makes and changes it.
  of_queue = {
    read = ["sqs:GetQueueAttributes", "sqs:ListQueueTags"]
    keep = ["sqs:CreateQueue", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"]
  }
  of_bucket = {
    read = [
      "s3:GetAccelerateConfiguration",
      "s3:GetBucketAcl",
      "s3:GetBucketCORS",
      "s3:GetBucketLocation",
      "s3:GetBucketLogging",
      "s3:GetBucketNotification",
      "s3:GetBucketObjectLockConfiguration",
      "s3:GetBucketPolicy",
      "s3:GetBucketPublicAccessBlock",
      "s3:GetBucketRequestPayment",
      "s3:GetBucketTagging",
      "s3:GetBucketVersioning",
      "s3:GetBucketWebsite",
      "s3:GetEncryptionConfiguration",
      "s3:GetLifecycleConfiguration",
      "s3:GetReplicationConfiguration",
      "s3:ListBucket",
    ]
    keep = [
      "s3:CreateBucket",
      "s3:PutBucketNotification",
      "s3:PutBucketPublicAccessBlock",
      "s3:PutBucketTagging",
      "s3:PutBucketVersioning",
    ]
  }
  of_table = {
    read = [
      "dynamodb:DescribeContinuousBackups",
      "dynamodb:DescribeTable",
      "dynamodb:DescribeTimeToLive",
      "dynamodb:ListTagsOfResource",
    ]
    keep = [
      "dynamodb:CreateTable",
      "dynamodb:TagResource",
      "dynamodb:UntagResource",
      "dynamodb:UpdateContinuousBackups",
      "dynamodb:UpdateTable",
    ]
  }

  data = {
    Tables  = merge(local.of_table, { on = [for name in var.data.tables : "${local.dynamodb}:table/${var.project}-${name}"] })
    Queues  = merge(local.of_queue, { on = [for name in var.data.queues : "${local.sqs}:${var.project}-${name}"] })
    Buckets = merge(local.of_bucket, { on = [for name in var.data.buckets : "arn:${local.partition}:s3:::${var.project}-${name}-${var.account_id}-${var.region}"] })
  }
  keeps_data = toset([
    for duty in keys(local.duties) : duty if duty != "release" && anytrue([for kind in values(local.data) : length(kind.on) > 0])
  ])
}

resource "aws_iam_policy" "data" {
  for_each = local.keeps_data

  name        = "${var.deploy_role}-data-${each.key}"
  path        = "/${var.project}/"
  description = "Lets CircleCI see to the tables, queues and buckets of ${var.project}."
  policy      = data.aws_iam_policy_document.data.json
}

data "aws_iam_policy_document" "data" {
  dynamic "statement" {
    for_each = { for sid, kind in local.data : sid => kind if length(kind.on) > 0 }

    content {
      sid       = statement.key
      actions   = concat(statement.value.read, statement.value.keep)
      resources = statement.value.on
    }
  }
}

resource "aws_iam_role_policy_attachment" "data" {
  for_each = local.keeps_data

  role       = aws_iam_role.deploy[each.key].name
  policy_arn = aws_iam_policy.data[each.key].arn
}
