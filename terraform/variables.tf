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
  description = "The project that every resource is tagged with."
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

variable "packages" {
  description = <<-EOT
    The package of each function, by the function's name: the zip's path, relative to this directory, the SHA-256 of
    its bytes in base64, the instruction set that it is built for, and the runtime and handler that it is made for.
  EOT
  type = map(object({
    path          = string
    sha256_base64 = string
    architecture  = string
    runtime       = string
    handler       = string
  }))
  nullable = false

  # The provider uploads, and so publishes, when the path changes. An absolute one would differ on every machine.
  validation {
    condition     = alltrue([for package in values(var.packages) : !startswith(package.path, "/")])
    error_message = "A package's path must be relative, as in `../target/lambda/api-backend/lambda.zip`."
  }

  validation {
    condition     = alltrue([for package in values(var.packages) : can(regex("^[A-Za-z0-9+/]{43}=$", package.sha256_base64))])
    error_message = "A package's `sha256_base64` must be the base64, not the hex, of the zip's SHA-256."
  }
}

variable "settings" {
  description = <<-EOT
    What this environment says of each function, by the function's name (`functions` in `environments/`). Where it says
    nothing, the function's module call does.
  EOT
  type = map(object({
    memory_size           = optional(number)
    timeout               = optional(number)
    environment_variables = optional(map(string), {})
  }))
  nullable = false
}

variable "roles" {
  description = "ARN of the role that each function's next version runs with, by the function's name."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for arn in values(var.roles) : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$", arn))])
    error_message = "A role must be given by its ARN, as in `arn:aws:iam::123456789012:role/project/name`."
  }
}

variable "data" {
  description = "What the tables, queues and buckets of `data/` are called: its outputs, as they were applied last."
  type        = any
  nullable    = false
  default     = {}
}

variable "inputs_digest" {
  description = <<-EOT
    Digest of everything that went into this run. It is kept in the state, which tells the state of this run from that
    of another. No resource may depend on it.
  EOT
  type        = string
  nullable    = false

  validation {
    condition     = length(var.inputs_digest) > 0
    error_message = "The digest must not be empty: an empty one would equal that of another run without one."
  }
}
