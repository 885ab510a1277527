variable "environment" {
  description = "Name of the environment, which is one account and region: `local`, `dev`, `prod`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,31}$", var.environment))
    error_message = "The environment must be 1 to 32 lowercase letters, digits and hyphens, and begin with a letter."
  }
}

variable "project" {
  description = "The project that every resource is named and tagged after."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,31}$", var.project))
    error_message = "The project must be 1 to 32 lowercase letters, digits and hyphens, and begin with a letter."
  }
}

variable "region" {
  description = "AWS region of the environment, as in `us-east-1`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "The region must be the name of an AWS region, as in `us-east-1`."
  }
}

variable "emulated" {
  description = "Whether something else than AWS answers for it: the local AWS, or what `AWS_ENDPOINT_URL` names."
  type        = bool
  nullable    = false
  default     = false
}

variable "account_id" {
  description = "The only AWS account to work in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "The account id must be 12 digits, in quotes so that a leading zero survives."
  }
}

variable "inputs_digest" {
  description = "Digest of everything that went into this run, as for the functions. No resource may depend on it."
  type        = string
  nullable    = false
}
