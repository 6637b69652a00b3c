# Names that more than one file needs. Computed, not read off resources: so policies can be checked without any.

locals {
  root       = var.prefix == "" ? "" : "${var.prefix}/" # what keys begin with
  bucket_arn = "arn:${local.partition}:s3:::${var.bucket}"

  error_topic_name = "${var.name}-errors"
  error_topic_arn  = "arn:${local.partition}:sns:${var.region}:${local.account_id}:${local.error_topic_name}"
}
