# The least that the pipeline needs, and nothing that would let it widen what it may do. What does not grow with the
# number of functions stands in each role's inline policy (10,240 characters), what does in managed ones (6,144 each,
# of which a role may have 10). A test makes them all for 300 functions.
data "aws_partition" "current" {}

locals {
  partition = data.aws_partition.current.partition
  account   = "${var.region}:${var.account_id}"
  lambda    = "arn:${local.partition}:lambda:${local.account}:function"
  logs      = "arn:${local.partition}:logs:${local.account}:log-group"
  iam       = "arn:${local.partition}:iam::${var.account_id}"
  api       = "arn:${local.partition}:apigateway:${var.region}:"
  bucket    = "arn:${local.partition}:s3:::${var.state_bucket}"

  documents = {
    publish = [data.aws_iam_policy_document.publish.json]
    release = [data.aws_iam_policy_document.release.json]
    deploy = [
      data.aws_iam_policy_document.publish.json,
      data.aws_iam_policy_document.release.json,
      data.aws_iam_policy_document.branches.json,
    ]
  }
}

resource "aws_iam_role_policy" "deploy" {
  for_each = local.duties

  name   = each.key
  role   = aws_iam_role.deploy[each.key].name
  policy = data.aws_iam_policy_document.deploy[each.key].json
}

data "aws_iam_policy_document" "deploy" {
  for_each = local.duties

  source_policy_documents = local.documents[each.key]

  statement {
    sid       = "FindLogGroups"
    actions   = ["logs:DescribeLogGroups"]
    resources = ["*"]
  }

  statement {
    sid       = "FindTheState"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket]
  }

  # Terraform's drift check, and a release in a project of its own, read what the other one keeps.
  statement {
    sid       = "ReadStates"
    actions   = ["s3:GetObject"]
    resources = [for state in ["functions", "gateway"] : "${local.bucket}/${state}.*"]
  }

  statement {
    sid       = "ReadTheGateway"
    actions   = ["apigateway:GET"]
    resources = ["${local.api}:/apis", "${local.api}:/apis/*", "${local.api}:/tags/*"]
  }

  statement {
    sid       = "ReadLogGroups"
    actions   = ["logs:ListTagsForResource"]
    resources = ["${local.logs}:/aws/lambda/*", "${local.logs}:/aws/apigateway/${var.project}"]
  }
}
