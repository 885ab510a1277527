variable "lambda_name" {
  description = "Name of the Lambda, the same as its function's. It is also the name of its log group."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9-_]{1,64}$", var.lambda_name))
    error_message = "A Lambda's name must be 1 to 64 letters, digits, hyphens and underscores."
  }
}

variable "description" {
  description = "What the Lambda is for. A change of it publishes a version."
  type        = string
  nullable    = false
  default     = ""

  validation {
    condition     = length(var.description) <= 256
    error_message = "A Lambda's description may have 256 characters at most."
  }
}

variable "package" {
  description = "The zip: path, SHA-256 in base64, and what it says itself of the machine and the runtime that it is made for."
  type = object({
    path          = string
    sha256_base64 = string
    architecture  = string
    runtime       = string
    handler       = string
  })
  nullable = false
}

variable "role_arn" {
  description = "ARN of the role that the next version runs with."
  type        = string
  nullable    = false
}

variable "settings" {
  description = "What the environment says of the function, over the values below."
  type = object({
    memory_size           = optional(number)
    timeout               = optional(number)
    environment_variables = optional(map(string), {})
  })
  nullable = false
}

variable "memory_size" {
  description = "Memory in MB, where the environment says nothing else. Processor time grows with it."
  type        = number
  nullable    = false
  default     = 128

  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 10240 && floor(var.memory_size) == var.memory_size
    error_message = "The memory must be a whole number of MB from 128 to 10240."
  }
}

variable "timeout" {
  description = "Longest run of one invocation, in seconds, where the environment says nothing else."
  type        = number
  nullable    = false
  default     = 10

  validation {
    condition     = var.timeout >= 1 && var.timeout <= 900 && floor(var.timeout) == var.timeout
    error_message = "The timeout must be a whole number of seconds from 1 to 900."
  }
}

variable "environment_variables" {
  description = "Environment of the Lambda. It is frozen into the version and readable by whoever may read that: no secrets."
  type        = map(string)
  nullable    = false
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.environment_variables) : can(regex("^[a-zA-Z][a-zA-Z0-9_]+$", name))])
    error_message = "An environment variable's name must be two or more letters, digits and underscores, and begin with a letter."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  nullable    = false
  default     = 30

  validation {
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.log_retention_days,
    )
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}
