# There is no `endpoints` block: it triples the time of every run, and AWS_ENDPOINT_URL in the environment does the
# same for the provider and the state's backend alike.
provider "aws" {
  region = var.region

  # The last guard against credentials of another account.
  allowed_account_ids = [var.account_id]

  # An emulated AWS has neither a metadata service to ask nor a host name for each bucket.
  skip_credentials_validation = var.emulated
  skip_metadata_api_check     = var.emulated
  s3_use_path_style           = var.emulated

  default_tags {
    tags = {
      project     = var.project
      environment = var.environment
    }
  }
}
