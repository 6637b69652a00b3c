# Rights over the lifecycle rules, attached to nobody: auditing them needs other hands than changing them.

resource "aws_iam_policy" "retention_audit" {
  name        = "${var.name}-retention-audit"
  description = "Read the lifecycle rules of ${var.bucket}, and how old its objects are"
  policy      = local.policies["retention_audit"]
}

resource "aws_iam_policy" "retention_apply" {
  name        = "${var.name}-retention-apply"
  description = "Change the lifecycle rules of ${var.bucket}: whoever may, can have every object removed"
  policy      = local.policies["retention_apply"]
}
