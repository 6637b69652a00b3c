# What may be set. Defaults are those of the consumer's settings and of the dbt project's vars; tests hold them together.

variable "name" {
  description = "What the names of roles, policies, the key's alias and the topic begin with."
  type        = string
  default     = "aivo"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{0,31}$", var.name))
    error_message = "name is 1 to 32 letters, digits and hyphens, a letter first: it begins the names of IAM roles."
  }
}

variable "region" {
  description = "Where the bucket is: AWS_REGION of the consumer."
  type        = string
  default     = "us-west-2"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is the name of an AWS region, like us-west-2."
  }
}

variable "bucket" {
  description = "The bucket for objects: S3_BUCKET_RAW_EVENTS of the consumer. Made here; its name is taken all over the world."
  type        = string
  default     = "aivo-data-raw"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket is 3 to 63 lower-case letters, digits and hyphens, no hyphen at either end. A dot would break TLS host names."
  }
}

variable "prefix" {
  description = "What keys begin with: S3_PREFIX of the consumer. May be nested (raw/events) or empty."
  type        = string
  default     = "events"
  nullable    = false

  validation {
    condition     = can(regex("^([A-Za-z0-9_=-][A-Za-z0-9._=-]*(/[A-Za-z0-9_=-][A-Za-z0-9._=-]*)*)?$", var.prefix))
    error_message = "prefix is parts of letters, digits, dots, _, = and -, joined by single slashes, none at either end, no part begins with a dot. A * would be a wildcard in the policies."
  }
}

variable "topics" {
  description = "The topics whose objects expire: KAFKA_TOPIC_EVENTS_RAW of the consumer, and former ones that still have objects. Objects of a topic that is not listed stay for ever."
  type        = list(string)
  default     = ["events_raw"]
  nullable    = false

  validation {
    condition = length(var.topics) > 0 && alltrue([
      for topic in var.topics : can(regex("^[A-Za-z0-9_-][A-Za-z0-9._-]{0,248}$", topic))
    ])
    error_message = "topics is a list of at least one topic name (letters, digits, dots, _ and -, no dot first)."
  }

  validation {
    condition     = length(distinct(var.topics)) == length(var.topics)
    error_message = "topics names a topic twice."
  }

  validation {
    condition     = length(setintersection(var.topics, ["_jobs", "_probe", "_recovered"])) == 0
    error_message = "topics may not hold _jobs, _probe or _recovered: a rule for such a topic would govern the pipeline's own objects."
  }
}

# Retention

variable "raw_retention_months" {
  description = "How long objects are kept, in months: the dbt var of the same name. Change both together."
  type        = number
  default     = 18
  nullable    = false

  validation {
    condition     = var.raw_retention_months >= 1 && var.raw_retention_months <= 120 && floor(var.raw_retention_months) == var.raw_retention_months
    error_message = "raw_retention_months is a whole number from 1 to 120."
  }
}

variable "load_delay_days" {
  description = "Added to the retention: rows are aged from their load, objects from their creation. Set it to the longest that an object may wait for its load, if rows may not outlive their objects even then."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.load_delay_days >= 0 && var.load_delay_days <= 90 && floor(var.load_delay_days) == var.load_delay_days
    error_message = "load_delay_days is a whole number from 0 to 90."
  }
}

variable "noncurrent_version_days" {
  description = "How long what was expired, deleted or overwritten can be brought back."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.noncurrent_version_days >= 1 && floor(var.noncurrent_version_days) == var.noncurrent_version_days
    error_message = "noncurrent_version_days is a whole number from 1."
  }
}

variable "abort_multipart_days" {
  description = "Age at which unfinished multipart uploads are dropped. The pipeline makes none."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.abort_multipart_days >= 1 && floor(var.abort_multipart_days) == var.abort_multipart_days
    error_message = "abort_multipart_days is a whole number from 1."
  }
}

variable "transition_days" {
  description = "Age at which objects of topics move to transition_storage_class; 0: never."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.transition_days == 0 || var.transition_days >= 30 && floor(var.transition_days) == var.transition_days
    error_message = "transition_days is 0 (never) or a whole number from 30: S3 moves nothing to a class for infrequent access before."
  }

  validation {
    # months of 28 days: not a day too long, whatever the calendar
    condition     = var.transition_days < var.raw_retention_months * 28
    error_message = "transition_days is past the retention: objects would be gone before they move."
  }
}

variable "transition_storage_class" {
  description = "The class that objects move to. Only classes that answer at once: verify and a new load read old objects."
  type        = string
  default     = "STANDARD_IA"
  nullable    = false

  validation {
    condition     = contains(["STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR"], var.transition_storage_class)
    error_message = "transition_storage_class is STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING or GLACIER_IR; from other classes nothing can be read without a restore."
  }
}

# Encryption and guards

variable "kms_key_arn" {
  description = "A KMS key of yours, in the bucket's region, whose policy leaves rights to IAM; one is made if empty."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.kms_key_arn == "" || can(regex("^arn:aws[a-z-]*:kms:${var.region}:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a key (arn:aws:kms:REGION:ACCOUNT:key/ID, no alias) in the bucket's region."
  }
}

variable "require_conditional_writes" {
  description = "Refuse every write below the prefix that might overwrite an object. All of the pipeline's writes are conditional."
  type        = bool
  default     = true
  nullable    = false
}

variable "deny_deletes" {
  description = "Refuse every deletion below the prefix, but for admin_role_arns, the root user and the lifecycle rules."
  type        = bool
  default     = false
  nullable    = false
}

variable "admin_role_arns" {
  description = "Roles that the two guards above do not bind: for repairs and erasure."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.admin_role_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$", arn))])
    error_message = "admin_role_arns is a list of ARNs of roles (arn:aws:iam::ACCOUNT:role/NAME)."
  }
}

# Who writes. Without any of these only principals of this account that may assume roles can become the writer.

variable "oidc_provider_arn" {
  description = "The IAM OIDC provider of the Kubernetes cluster that the consumer runs on (IRSA)."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.oidc_provider_arn == "" || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/[A-Za-z0-9._/-]+$", var.oidc_provider_arn))
    error_message = "oidc_provider_arn is the ARN of an OIDC provider (arn:aws:iam::ACCOUNT:oidc-provider/HOST/ID)."
  }
}

variable "oidc_subjects" {
  description = "Service accounts of that cluster that may write: system:serviceaccount:NAMESPACE:NAME."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = (length(var.oidc_subjects) > 0) == (var.oidc_provider_arn != "")
    error_message = "oidc_provider_arn and oidc_subjects belong together: a provider without subjects would let in the whole cluster."
  }

  validation {
    condition     = alltrue([for subject in var.oidc_subjects : can(regex("^[^*?$]+$", subject))])
    error_message = "oidc_subjects are whole names, without wildcards."
  }
}

variable "writer_services" {
  description = "AWS services whose machines may write: ec2.amazonaws.com, ecs-tasks.amazonaws.com."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(setsubtract(var.writer_services, ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"])) == 0
    error_message = "writer_services holds ec2.amazonaws.com, ecs-tasks.amazonaws.com, or both."
  }
}

variable "writer_principal_arns" {
  description = "Roles and users that may assume the writer's role."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.writer_principal_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9_+=,.@/-]+$", arn))])
    error_message = "writer_principal_arns is a list of ARNs of roles and users, without wildcards."
  }
}

# Known only after Snowflake's side exists: empty at the first apply.

variable "snowflake_user_arn" {
  description = "STORAGE_AWS_IAM_USER_ARN of the storage integration (DESC INTEGRATION)."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.snowflake_user_arn == "" || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:user/[A-Za-z0-9_+=,.@/-]+$", var.snowflake_user_arn))
    error_message = "snowflake_user_arn is the ARN of Snowflake's user (arn:aws:iam::ACCOUNT:user/NAME), from DESC INTEGRATION."
  }
}

variable "snowflake_external_id" {
  description = "STORAGE_AWS_EXTERNAL_ID of the storage integration."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = (var.snowflake_external_id == "") == (var.snowflake_user_arn == "")
    error_message = "snowflake_user_arn and snowflake_external_id belong together: without the id any Snowflake customer could ask Snowflake to read this bucket."
  }

  validation {
    condition     = var.snowflake_external_id == "" || can(regex("^[A-Za-z0-9_+=,.@:/-]{2,}$", var.snowflake_external_id)) && length(var.snowflake_external_id) <= 1224
    error_message = "snowflake_external_id is 2 to 1224 letters, digits and _+=,.@:/-, as DESC INTEGRATION shows it."
  }
}

variable "snowflake_error_user_arn" {
  description = "SF_AWS_IAM_USER_ARN of the notification integration; snowflake_user_arn if empty."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.snowflake_error_user_arn == "" || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:user/[A-Za-z0-9_+=,.@/-]+$", var.snowflake_error_user_arn))
    error_message = "snowflake_error_user_arn is the ARN of Snowflake's user (arn:aws:iam::ACCOUNT:user/NAME), from DESC INTEGRATION."
  }
}

variable "snowflake_error_external_id" {
  description = "SF_AWS_EXTERNAL_ID of the notification integration: another one than the storage integration's."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.snowflake_error_external_id == "" || can(regex("^[A-Za-z0-9_+=,.@:/-]{2,}$", var.snowflake_error_external_id)) && length(var.snowflake_error_external_id) <= 1224
    error_message = "snowflake_error_external_id is 2 to 1224 letters, digits and _+=,.@:/-, as DESC INTEGRATION shows it."
  }

  validation {
    condition     = var.snowflake_error_external_id == "" || var.snowflake_error_user_arn != "" || var.snowflake_user_arn != ""
    error_message = "snowflake_error_external_id needs a user: snowflake_user_arn, or snowflake_error_user_arn if it is another one."
  }

  validation {
    condition     = var.snowflake_error_external_id != "" || var.snowflake_error_user_arn == ""
    error_message = "snowflake_error_user_arn needs snowflake_error_external_id: without it any Snowflake customer could ask Snowflake to publish here."
  }
}

variable "snowpipe_queue_arn" {
  description = "The queue that the pipes listen to: notification_channel of SHOW PIPES. One for all pipes on the bucket."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.snowpipe_queue_arn == "" || can(regex("^arn:aws[a-z-]*:sqs:${var.region}:[0-9]{12}:[A-Za-z0-9_-]+$", var.snowpipe_queue_arn))
    error_message = "snowpipe_queue_arn is the ARN of a queue in the bucket's region (arn:aws:sqs:REGION:ACCOUNT:NAME), from SHOW PIPES: S3 notifies no queue elsewhere."
  }
}

variable "error_emails" {
  description = "Addresses that Snowpipe's errors are sent to. Each must be confirmed from its mailbox."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.error_emails : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "error_emails is a list of mail addresses."
  }
}

variable "tags" {
  description = "Tags of everything that is made."
  type        = map(string)
  default     = {}
  nullable    = false
}
