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

variable "lambda_arns" {
  description = "ARN of each function's Lambda, without a version, by the function's name."
  type        = map(string)
  nullable    = false
}

variable "alias" {
  description = "The alias that is production. It exists when this root is applied."
  type        = string
  nullable    = false
}

variable "burst_limit" {
  description = "Requests that may come at once before the API answers with 429."
  type        = number
  nullable    = false
  default     = 100
}

variable "rate_limit" {
  description = "Requests a second that may come lastingly before the API answers with 429."
  type        = number
  nullable    = false
  default     = 50
}

variable "log_retention_days" {
  description = "Days that access logs are kept."
  type        = number
  nullable    = false
  default     = 90
}

variable "inputs_digest" {
  description = "Digest of everything that went into this run, as for the functions. No resource may depend on it."
  type        = string
  nullable    = false
}
