# What S3 removes by itself. Bucket policies do not bind it: nothing there has to allow this.

resource "aws_s3_bucket_lifecycle_configuration" "raw" {
  bucket = aws_s3_bucket.raw.id

  dynamic "rule" {
    for_each = local.expiring

    content {
      id     = rule.key
      status = "Enabled"

      filter {
        prefix = rule.value
      }

      # In a versioned bucket the object is hidden first; its bytes go with the next action.
      expiration {
        days = local.raw_expiration_days
      }

      noncurrent_version_expiration {
        noncurrent_days = var.noncurrent_version_days
      }

      dynamic "transition" {
        for_each = var.transition_days > 0 && contains(keys(local.topic_rules), rule.key) ? [var.transition_days] : []

        content {
          days          = transition.value
          storage_class = var.transition_storage_class
        }
      }
    }
  }

  # Takes no object and no version: parts of uploads that nobody finished, and markers that hide nothing any more.
  rule {
    id     = "leftovers"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = var.abort_multipart_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  # Rules about versions are refused while the bucket has none.
  depends_on = [aws_s3_bucket_versioning.raw]
}
