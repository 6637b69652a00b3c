# The bucket: private, versioned, encrypted, TLS only.

resource "aws_s3_bucket" "raw" {
  bucket = var.bucket

  # Objects are evidence, and what Snowflake is filled from when it must be filled anew: emptied by hand or not at all.
  force_destroy = false
}

resource "aws_s3_bucket_public_access_block" "raw" {
  bucket = aws_s3_bucket.raw.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "raw" {
  bucket = aws_s3_bucket.raw.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "raw" {
  bucket = aws_s3_bucket.raw.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "raw" {
  bucket = aws_s3_bucket.raw.id

  rule {
    # Without a bucket key, S3 asks KMS anew for every object.
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = local.key_arn
    }
  }
}

resource "aws_s3_bucket_policy" "raw" {
  bucket = aws_s3_bucket.raw.id
  policy = local.policies["bucket"]

  # S3 turns down changes of both at once.
  depends_on = [aws_s3_bucket_public_access_block.raw]
}
