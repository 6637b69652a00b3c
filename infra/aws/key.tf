# The key that objects and error messages are encrypted with, unless one is given.

resource "aws_kms_key" "raw" {
  count = var.kms_key_arn == "" ? 1 : 0

  description             = "Objects of ${var.bucket} and errors of their load"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = local.key_policy
}

resource "aws_kms_alias" "raw" {
  count = var.kms_key_arn == "" ? 1 : 0

  name          = "alias/${var.name}-raw"
  target_key_id = aws_kms_key.raw[0].key_id
}

locals {
  key_arn = var.kms_key_arn == "" ? aws_kms_key.raw[0].arn : var.kms_key_arn
}
