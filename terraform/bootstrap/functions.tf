locals {
  prove = [
    "lambda:GetAlias",
    "lambda:GetFunctionConfiguration",
    "lambda:GetPolicy",
    "lambda:InvokeFunction",
  ]
  publish = [
    "lambda:CreateFunction",
    "lambda:DeleteFunction",
    "lambda:GetFunction",
    "lambda:GetFunctionCodeSigningConfig",
    "lambda:GetFunctionUrlConfig",
    "lambda:ListAliases",
    "lambda:ListTags",
    "lambda:ListVersionsByFunction",
    "lambda:PublishVersion",
    "lambda:TagResource",
    "lambda:UntagResource",
    "lambda:UpdateFunctionCode",
    "lambda:UpdateFunctionConfiguration",
  ]
  release = [
    "lambda:AddPermission",
    "lambda:CreateAlias",
    "lambda:RemovePermission",
    "lambda:UpdateAlias",
  ]
  # What ends a branch takes its URL away, also where none is made any more.
  branches = concat(
    ["lambda:DeleteAlias", "lambda:DeleteFunctionUrlConfig"],
    var.preview_url == "none" ? [] : ["lambda:CreateFunctionUrlConfig", "lambda:UpdateFunctionUrlConfig"],
  )

  actions = {
    publish = concat(local.prove, local.publish)
    release = concat(local.prove, local.release)
    deploy  = concat(local.prove, local.publish, local.release, local.branches)
  }

  # A function's ARN, and that of all its versions and aliases. So many characters of functions go into one policy, and
  # one function more; what a policy has besides is below a thousand.
  room  = 5000
  sizes = [for name in var.functions : 2 * length("\"${local.lambda}:${name}\",") + length(":*")]
  chunks = {
    for nth, name in var.functions : floor(sum(slice(local.sizes, 0, nth + 1)) / local.room) => name...
  }
  chunks_of = merge([
    for duty in keys(local.duties) : { for number, names in local.chunks : "${duty}-${number}" => { duty = duty, names = names } }
  ]...)
}

resource "aws_iam_policy" "functions" {
  for_each = local.chunks_of

  name        = "${var.deploy_role}-${each.key}"
  path        = "/${var.project}/"
  description = "Lets CircleCI ${each.value.duty} these functions of ${var.project}."
  policy      = data.aws_iam_policy_document.functions[each.key].json
}

data "aws_iam_policy_document" "functions" {
  for_each = local.chunks_of

  statement {
    sid       = "Functions"
    actions   = local.actions[each.value.duty]
    resources = flatten([for name in each.value.names : ["${local.lambda}:${name}", "${local.lambda}:${name}:*"]])
  }
}

resource "aws_iam_role_policy_attachment" "functions" {
  for_each = local.chunks_of

  role       = aws_iam_role.deploy[each.value.duty].name
  policy_arn = aws_iam_policy.functions[each.key].arn
}
