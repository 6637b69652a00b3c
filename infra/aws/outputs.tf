# What the consumer and Snowflake's set-up are told.

output "bucket" {
  description = "S3_BUCKET_RAW_EVENTS of the consumer."
  value       = aws_s3_bucket.raw.bucket
}

output "prefix" {
  description = "S3_PREFIX of the consumer."
  value       = var.prefix
}

output "store_url" {
  description = "INGEST_STORE, in place of the two above."
  value       = trimsuffix("s3://${aws_s3_bucket.raw.bucket}/${var.prefix}", "/")
}

output "region" {
  description = "AWS_REGION of the consumer."
  value       = var.region
}

output "key_arn" {
  description = "The key of objects: the bucket's default, so S3_SSE_KMS_KEY_ID may stay unset."
  value       = local.key_arn
}

output "writer_role_arn" {
  description = "The consumer's role."
  value       = aws_iam_role.writer.arn
}

output "writer_policy_arn" {
  description = "The rights of that role, for other roles that leave job records."
  value       = aws_iam_policy.writer.arn
}

output "writer_instance_profile" {
  description = "The consumer's role for EC2; empty unless writer_services has it."
  value       = try(aws_iam_instance_profile.writer[0].name, "")
}

output "storage_role_arn" {
  description = "SNOWFLAKE_STORAGE_ROLE_ARN: of the storage integration."
  value       = aws_iam_role.storage.arn
}

output "error_topic_arn" {
  description = "SNOWFLAKE_ERROR_TOPIC_ARN: of the notification integration."
  value       = aws_sns_topic.errors.arn
}

output "error_role_arn" {
  description = "SNOWFLAKE_ERROR_ROLE_ARN: of the notification integration."
  value       = aws_iam_role.errors.arn
}

output "retention_audit_policy_arn" {
  description = "For whoever audits retention, and for whoever applies it."
  value       = aws_iam_policy.retention_audit.arn
}

output "retention_apply_policy_arn" {
  description = "For whoever applies retention, beside the one above."
  value       = aws_iam_policy.retention_apply.arn
}

output "raw_expiration_days" {
  description = "What raw_retention_months come to in the lifecycle rules."
  value       = local.raw_expiration_days
}

output "waiting_for" {
  description = "Variables that a second apply gives, once Snowflake's side exists."
  value = compact([
    var.snowflake_user_arn == "" ? "snowflake_user_arn, snowflake_external_id" : "",
    var.snowflake_error_external_id == "" ? "snowflake_error_external_id" : "",
    var.snowpipe_queue_arn == "" ? "snowpipe_queue_arn" : "",
  ])
}
