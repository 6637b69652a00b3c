# The consumer's role, and every command's that writes to the store.

resource "aws_iam_role" "writer" {
  name               = "${var.name}-ingest-writer"
  description        = "Puts and reads objects below s3://${var.bucket}/${var.prefix}; deletes nothing"
  assume_role_policy = local.policies["writer_trust"]
}

# A policy of its own, since the commands for retention, with a role of their own, leave job records too.
resource "aws_iam_policy" "writer" {
  name        = "${var.name}-ingest-writer"
  description = "Put and read objects below s3://${var.bucket}/${var.prefix}"
  policy      = local.policies["writer"]
}

resource "aws_iam_role_policy_attachment" "writer" {
  role       = aws_iam_role.writer.name
  policy_arn = aws_iam_policy.writer.arn
}

# EC2 hands a role to machines by a profile.
resource "aws_iam_instance_profile" "writer" {
  count = contains(var.writer_services, "ec2.amazonaws.com") ? 1 : 0

  name = aws_iam_role.writer.name
  role = aws_iam_role.writer.name
}
