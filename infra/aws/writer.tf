# The consumer's role, and every command's that writes to the store.

resource "aws_iam_role" "writer" {
  name               = "${var.name}-ingest-writer"
  description        = "Puts and reads objects below s3://${var.bucket}/${var.prefix}; deletes nothing"
  assume_role_policy = local.policies["writer_trust"]
}

resource "aws_iam_role_policy" "writer" {
  name   = "objects"
  role   = aws_iam_role.writer.id
  policy = local.policies["writer"]
}

# EC2 hands a role to machines by a profile.
resource "aws_iam_instance_profile" "writer" {
  count = contains(var.writer_services, "ec2.amazonaws.com") ? 1 : 0

  name = aws_iam_role.writer.name
  role = aws_iam_role.writer.name
}
