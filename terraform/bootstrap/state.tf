# Whoever may write here may change everything that Terraform made. Closed to the public; whom the account itself lets in
# is its administrator's to say (docs/security.md).
resource "aws_s3_bucket" "state" {
  # checkov:skip=CKV_AWS_18:A log would need a bucket of its own; CloudTrail can record who reads and writes states.
  # checkov:skip=CKV_AWS_144:Lost states can be imported anew; a copy in another region would be one more to guard.
  # checkov:skip=CKV_AWS_145:S3 encrypts it with a key of its own; another costs money and one more permission.
  # checkov:skip=CKV2_AWS_62:Nothing waits for a change of a state.

  bucket = var.state_bucket

  lifecycle {
    prevent_destroy = true
  }
}

# A state that was damaged can be taken back to the version before.
resource "aws_s3_bucket_versioning" "state" {
  bucket = aws_s3_bucket.state.id

  versioning_configuration {
    status = "Enabled"
  }
}

# Every older state is a way back, and a state is a few kB; packages are larger, and can be made again. An emulated AWS is
# not filled, and the provider waits most of a minute for a lifecycle.
resource "aws_s3_bucket_lifecycle_configuration" "state" {
  count = var.emulated ? 0 : 1

  bucket = aws_s3_bucket.state.id

  rule {
    id     = "packages"
    status = "Enabled"

    filter {
      prefix = "packages/"
    }

    expiration {
      days = 30
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }

  rule {
    id     = "uploads"
    status = "Enabled"

    # Of whatever broke off.
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  # S3 wants to know first what an older version is.
  depends_on = [aws_s3_bucket_versioning.state]
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket = aws_s3_bucket.state.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "state" {
  bucket = aws_s3_bucket.state.id
  policy = data.aws_iam_policy_document.state.json

  # AWS refuses both at once.
  depends_on = [aws_s3_bucket_public_access_block.state]
}

data "aws_iam_policy_document" "state" {
  statement {
    sid       = "OnlyEncryptedConnections"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.state.arn, "${aws_s3_bucket.state.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

# The bucket is made before Terraform can write its first state there; here Terraform takes it over.
import {
  to = aws_s3_bucket.state
  id = var.state_bucket
}
