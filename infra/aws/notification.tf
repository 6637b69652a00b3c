# New objects are told to Snowpipe's queue. The queue exists once the first pipe does: nothing is told before.
# This is the whole notification configuration of the bucket: another one beside it would undo it at each apply.

resource "aws_s3_bucket_notification" "raw" {
  count = var.snowpipe_queue_arn == "" ? 0 : 1

  bucket = aws_s3_bucket.raw.id

  queue {
    id            = "snowpipe"
    queue_arn     = var.snowpipe_queue_arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = local.root
    filter_suffix = ".parquet" # the probe's canary has none
  }
}
