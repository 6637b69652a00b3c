# Snowflake's two roles, one for each of its integrations: it reads objects, and it tells what it could not load.

resource "aws_iam_role" "storage" {
  name               = "${var.name}-snowflake"
  description        = "Snowflake reads objects below s3://${var.bucket}/${var.prefix}"
  assume_role_policy = local.policies["storage_trust"]
}

resource "aws_iam_role_policy" "storage" {
  name   = "objects"
  role   = aws_iam_role.storage.id
  policy = local.policies["storage"]
}

resource "aws_sns_topic" "errors" {
  name              = local.error_topic_name
  kms_master_key_id = local.key_arn # messages quote the file and the error
}

resource "aws_sns_topic_subscription" "errors" {
  for_each = toset(var.error_emails)

  topic_arn = aws_sns_topic.errors.arn
  protocol  = "email"
  endpoint  = each.value
}

resource "aws_iam_role" "errors" {
  name               = "${var.name}-snowflake-errors"
  description        = "Snowflake tells the topic ${local.error_topic_name} what its pipes could not load"
  assume_role_policy = local.policies["errors_trust"]
}

resource "aws_iam_role_policy" "errors" {
  name   = "publish"
  role   = aws_iam_role.errors.id
  policy = local.policies["errors"]
}
