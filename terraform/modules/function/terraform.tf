terraform {
  required_version = ">= 1.11, < 2"

  required_providers {
    # The version is the root's to pin.
    aws = {
      source = "hashicorp/aws"
    }
  }
}
