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
  description = "The project that the role is tagged with, and the path it stands under."
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

variable "function" {
  description = "The function whose versions run with this role."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9-_]{1,64}$", var.function))
    error_message = "The function must be 1 to 64 letters, digits, hyphens and underscores."
  }
}

variable "role_name" {
  description = "Name of the role. It ends in the hash of the policy, so that another policy is another role."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9+=,.@_-]{1,64}$", var.role_name))
    error_message = "A role's name must be 1 to 64 letters, digits and characters of `+=,.@_-`."
  }
}

variable "policy" {
  description = "The permissions, as the JSON of an IAM policy document."
  type        = string
  nullable    = false

  validation {
    condition     = can(jsondecode(var.policy).Statement)
    error_message = "The policy must be the JSON of an IAM policy document, with a `Statement`."
  }

  validation {
    condition     = length(replace(var.policy, "/\\s/", "")) <= 10240
    error_message = "A role's inline policy may have 10240 characters at most, not counting white space."
  }
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds what the role may ever do, made by `bootstrap`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:policy/.+$", var.permissions_boundary))
    error_message = "The permissions boundary must be the ARN of an IAM policy."
  }
}
