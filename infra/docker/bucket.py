"""Make the bucket of the compose file, unless it is there. Stdlib and boto3, in the consumer's image."""

import os
import sys

import boto3

bucket = os.environ["S3_BUCKET_RAW_EVENTS"]
client = boto3.client("s3", endpoint_url=os.environ["S3_ENDPOINT_URL"], region_name=os.environ["AWS_REGION"])
try:
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": os.environ["AWS_REGION"]})
except (client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
    sys.stdout.write(f"{bucket} is there\n")
else:
    sys.stdout.write(f"{bucket} was made\n")
