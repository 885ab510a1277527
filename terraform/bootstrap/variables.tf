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

variable "triggers" {
  description = "What the pipeline may let call functions besides an HTTP API: `sqs`, `schedule`, `s3`, `dynamodb`, `eventbridge` or `sns`, and for each the functions."
  type        = map(list(string))
  nullable    = false

  validation {
    condition = alltrue([
      for trigger, names in var.triggers :
      contains(["dynamodb", "eventbridge", "s3", "schedule", "sns", "sqs"], trigger) && length(setsubtract(names, var.functions)) == 0
    ])
    error_message = "Each must be `sqs`, `schedule`, `s3`, `dynamodb`, `eventbridge` or `sns`, and name functions of `functions`."
  }

  validation {
    condition = alltrue([
      for name in lookup(var.triggers, "s3", []) : "${name}-${var.account_id}-${var.region}" != var.state_bucket
    ])
    error_message = "A function whose bucket would be the one with Terraform's states can have none: give it another name."
  }
}

variable "data" {
  description = "What the pipeline may make of `terraform/data/`: `tables`, `queues` and `buckets`, each by what follows the project in its name."
  type = object({
    tables  = optional(list(string), [])
    queues  = optional(list(string), [])
    buckets = optional(list(string), [])
  })
  nullable = false

  validation {
    condition = alltrue([
      for name in concat(var.data.tables, var.data.queues, var.data.buckets) : can(regex("^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$", name))
    ])
    error_message = "A name in `data` must be 1 to 32 lowercase letters, digits and hyphens, and begin and end with no hyphen."
  }

  validation {
    condition = alltrue([
      for name in var.data.buckets : length("${var.project}-${name}-${var.account_id}-${var.region}") <= 63
    ])
    error_message = "A bucket's whole name, `PROJECT-NAME-ACCOUNT-REGION`, may have 63 characters at most."
  }

  validation {
    condition     = !contains([for name in var.data.buckets : "${var.project}-${name}-${var.account_id}-${var.region}"], var.state_bucket)
    error_message = "The bucket `terraform` holds Terraform's states: give yours another name."
  }

  # They share one policy.
  validation {
    condition     = length(concat(var.data.tables, var.data.queues, var.data.buckets)) <= 30
    error_message = "More than 30 names do not fit into a policy: write one for the others, as `data.tf` does."
  }
}

variable "deploy_role" {
  description = "Name of the role that CircleCI assumes; where there is a gate, `-publish` or `-release` follows it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9+=,.@_-]{1,56}$", var.deploy_role))
    error_message = "A deploy role's name must be 1 to 56 letters, digits and characters of `+=,.@_-`."
  }
}

variable "gate" {
  description = "Whether what publishes and what releases are apart: two roles, of which neither may do what the other does."
  type        = bool
  nullable    = false
}

variable "preview_url" {
  description = "The URLs that aliases of branches may have: `none`, `iam` (signed requests) or `public`."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["none", "iam", "public"], var.preview_url)
    error_message = "URLs must be `none`, `iam` or `public`."
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
  description = <<-EOT
    Who deploys here: the organisation and the project on CircleCI by their ids, and the repository as in
    `github.com/acme/shop`. With a project of its own for what comes behind the gate, no job of the first may release.
  EOT
  type = object({
    organization_id    = string
    project_id         = string
    repository         = string
    release_project_id = optional(string)
  })
  nullable = false

  validation {
    condition = alltrue([
      for id in [var.circleci.organization_id, var.circleci.project_id, coalesce(var.circleci.release_project_id, "the-same")] :
      can(regex("^[0-9a-zA-Z-]{8,64}$", id))
    ])
    error_message = "The ids of an organisation and a project are letters, digits and hyphens, as CircleCI's settings show them."
  }

  validation {
    condition     = can(regex("^[a-z0-9.-]+(/[a-zA-Z0-9._-]+)+$", var.circleci.repository))
    error_message = "The repository must be its host and path, as in `github.com/acme/shop`: without a scheme, `.git` or a pattern."
  }
}
