# What else than an HTTP API calls functions, under the names that `cargo xtask new NAME --trigger T` gives it. What comes
# before a gate reads it, to find drift; what comes behind keeps it. A topic is an administrator's to delete, as is what
# holds data (`data.tf`).
locals {
  sns = "arn:${local.partition}:sns:${local.account}"

  # A function, and what calls it.
  sources = flatten([
    for trigger, names in var.triggers : [for name in names : { trigger = trigger, name = name }]
  ])
  named = distinct(local.sources[*].trigger)

  # Whom S3, SNS and the bus are, as callers of a function.
  services = { eventbridge = "events", s3 = "s3", schedule = "events", sns = "sns" }

  # Lambda itself sends on what a function could not do; of a queue's messages SQS does it.
  sends_dead_letters = length(setsubtract(local.named, ["sqs"])) > 0

  arns_of_function = ["${local.lambda}:NAME", "${local.lambda}:NAME:*"]

  # For which triggers, on what (`NAME` is the function's), and where `limit` says so for these functions alone.
  kinds = {
    Queues      = merge(local.of_queue, { of = ["sqs"], on = ["${local.sqs}:NAME"] })
    DeadLetters = merge(local.of_queue, { of = concat(["dynamodb", "sqs"], keys(local.services)), on = ["${local.sqs}:NAME-dead-letters"] })
    Failures = {
      of   = keys(local.services)
      on   = local.arns_of_function
      read = ["lambda:GetFunctionEventInvokeConfig"]
      keep = [
        "lambda:DeleteFunctionEventInvokeConfig",
        "lambda:PutFunctionEventInvokeConfig",
        "lambda:UpdateFunctionEventInvokeConfig",
      ]
    }
    # What they are called AWS says once they are made.
    Mappings = {
      of   = ["dynamodb", "sqs"]
      on   = ["arn:${local.partition}:lambda:${local.account}:event-source-mapping:*"]
      read = ["lambda:GetEventSourceMapping", "lambda:ListTags"]
      keep = ["lambda:TagResource", "lambda:UntagResource"]
    }
    MappingsToFunctions = {
      of    = ["dynamodb", "sqs"]
      on    = ["*"]
      read  = []
      keep  = ["lambda:CreateEventSourceMapping", "lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"]
      limit = { ArnLike = "lambda:FunctionArn" }
    }
    Rules = {
      of   = ["eventbridge", "schedule"]
      on   = ["arn:${local.partition}:events:${local.account}:rule/NAME"]
      read = ["events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule"]
      keep = [
        "events:DeleteRule",
        "events:PutRule",
        "events:RemoveTargets",
        "events:TagResource",
        "events:UntagResource",
      ]
    }
    RulesToFunctions = {
      of    = ["eventbridge", "schedule"]
      on    = ["arn:${local.partition}:events:${local.account}:rule/NAME"]
      read  = []
      keep  = ["events:PutTargets"]
      limit = { "ForAllValues:ArnLike" = "events:TargetArn" }
    }
    Buckets = merge(local.of_bucket, { of = ["s3"], on = ["arn:${local.partition}:s3:::NAME-${var.account_id}-${var.region}"] })
    Tables  = merge(local.of_table, { of = ["dynamodb"], on = ["${local.dynamodb}:table/NAME-items"] })
    # A subscription's name begins with its topic's.
    Topics = {
      of = ["sns"]
      on = ["${local.sns}:NAME", "${local.sns}:NAME:*"]
      read = [
        "sns:GetSubscriptionAttributes",
        "sns:GetTopicAttributes",
        "sns:ListSubscriptionsByTopic",
        "sns:ListTagsForResource",
      ]
      keep = [
        "sns:CreateTopic",
        "sns:SetSubscriptionAttributes",
        "sns:SetTopicAttributes",
        "sns:TagResource",
        "sns:Unsubscribe",
        "sns:UntagResource",
      ]
    }
    TopicsToFunctions = {
      of    = ["sns"]
      on    = ["${local.sns}:NAME"]
      read  = []
      keep  = ["sns:Subscribe"]
      limit = { StringLike = "sns:Endpoint" }
    }
  }

  # So many characters of sources go into one policy, and one source more; all actions together are below three thousand.
  room_for_sources = 2000
  sizes_of_sources = [
    for source in local.sources : sum([
      for kind in values(local.kinds) :
      length(replace(jsonencode(concat(kind.on, can(kind.limit) ? local.arns_of_function : [])), "NAME", source.name))
      if contains(kind.of, source.trigger)
    ])
  ]
  source_chunks = {
    for nth, source in local.sources : floor(sum(slice(local.sizes_of_sources, 0, nth + 1)) / local.room_for_sources) => source...
  }
  source_chunks_of = merge([
    for duty in keys(local.duties) : {
      for number, sources in local.source_chunks : "${duty}-${number}" => [
        for sid, kind in local.kinds : {
          sid     = sid
          actions = duty == "publish" ? kind.read : concat(kind.read, kind.keep)
          on      = kind.on
          limit   = try(kind.limit, {})
          names   = distinct([for source in sources : source.name if contains(kind.of, source.trigger)])
        }
      ]
    }
  ]...)
}

resource "aws_iam_policy" "triggers" {
  for_each = local.source_chunks_of

  name        = "${var.deploy_role}-triggers-${each.key}"
  path        = "/${var.project}/"
  description = "Lets CircleCI see to what calls functions of ${var.project}."
  policy      = data.aws_iam_policy_document.triggers[each.key].json
}

data "aws_iam_policy_document" "triggers" {
  for_each = local.source_chunks_of

  dynamic "statement" {
    for_each = [for kind in each.value : kind if length(kind.names) > 0 && length(kind.actions) > 0]

    content {
      sid       = statement.value.sid
      actions   = statement.value.actions
      resources = distinct(flatten([for name in statement.value.names : [for arn in statement.value.on : replace(arn, "NAME", name)]]))

      dynamic "condition" {
        for_each = statement.value.limit
        iterator = limit

        content {
          test     = limit.key
          variable = limit.value
          values   = flatten([for name in statement.value.names : [for arn in local.arns_of_function : replace(arn, "NAME", name)]])
        }
      }
    }
  }
}

resource "aws_iam_role_policy_attachment" "triggers" {
  for_each = local.source_chunks_of

  role       = aws_iam_role.deploy[split("-", each.key)[0]].name
  policy_arn = aws_iam_policy.triggers[each.key].arn
}
