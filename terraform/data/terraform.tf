terraform {
  required_version = ">= 1.11, < 2"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }

  # Which bucket and key depends on the environment: `-backend-config` says so at `init`.
  backend "s3" {}
}
