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

variable "state_bucket" {
  description = "Name of the bucket that holds Terraform's states. It exists when this root is applied, as this root's own state lies there."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.state_bucket))
    error_message = "A bucket's name must be 3 to 63 lowercase letters, digits and hyphens."
  }
}

variable "functions" {
  description = "The functions that the pipeline may publish and release. Another function wants another `bootstrap`."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.functions) > 0 && alltrue([for name in var.functions : can(regex("^[a-zA-Z0-9-_]{1,64}$", name))])
    error_message = "There must be a function, and each must be 1 to 64 letters, digits, hyphens and underscores."
  }
}

variable "deploy_role" {
  description = "Name of the role that CircleCI assumes."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9+=,.@_-]{1,64}$", var.deploy_role))
    error_message = "A role's name must be 1 to 64 letters, digits and characters of `+=,.@_-`."
  }
}

variable "branches" {
  description = "The branches whose pipelines may assume the deploy role; `*` is any."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.branches) > 0 && alltrue([for name in var.branches : name == "*" || !strcontains(name, "*")])
    error_message = "There must be a branch. Each is a whole name, or `*` for any: a pattern would let in what was not meant."
  }
}

variable "circleci" {
  description = "Ids of the one organisation and project on CircleCI that deploy here."
  type = object({
    organization_id = string
    project_id      = string
  })
  nullable = false

  validation {
    condition     = alltrue([for id in values(var.circleci) : can(regex("^[0-9a-zA-Z-]{8,64}$", id))])
    error_message = "The ids of an organisation and a project are letters, digits and hyphens, as CircleCI's settings show them."
  }
}
