# The two applies, against a provider that makes nothing: `terraform init`, then `terraform test`. No account is needed.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:us-west-2:111122223333:key/11111111-2222-3333-4444-555555555555" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/mock" }
  }

  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::111122223333:policy/mock" }
  }

  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:us-west-2:111122223333:aivo-errors" }
  }
}

run "first" {
  assert {
    condition     = output.store_url == "s3://aivo-data-raw/events"
    error_message = "The consumer's default store is another one."
  }

  assert {
    condition     = length(output.waiting_for) == 3 && length(aws_s3_bucket_notification.raw) == 0
    error_message = "Snowflake's side does not exist yet: it is waited for, and nothing is told to a queue."
  }

  assert {
    condition = alltrue([
      for role in [aws_iam_role.storage, aws_iam_role.errors, aws_iam_role.writer] :
      jsondecode(role.assume_role_policy).Statement[*].Principal == [{ AWS = "arn:aws:iam::111122223333:root" }]
    ])
    error_message = "A role trusts more than its own account."
  }

  assert {
    condition     = endswith(local.error_topic_arn, ":${aws_sns_topic.errors.name}")
    error_message = "The policies name another topic than the one that is made."
  }

  assert {
    condition     = jsondecode(aws_iam_policy.writer.policy).Statement[2].Resource == aws_kms_key.raw[0].arn
    error_message = "The writer may not use the key that objects are encrypted with."
  }
}

run "second" {
  variables {
    snowflake_user_arn          = "arn:aws:iam::444455556666:user/abcd0000-s"
    snowflake_external_id       = "ACCOUNT_SFCRole=2_example="
    snowflake_error_external_id = "ACCOUNT_SFCRole=3_example="
    snowpipe_queue_arn          = "arn:aws:sqs:us-west-2:444455556666:sf-snowpipe-EXAMPLE"
    oidc_provider_arn           = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-west-2.amazonaws.com/id/EXAMPLE"
    oidc_subjects               = ["system:serviceaccount:learner-events:ingest-consumer"]
    writer_services             = ["ec2.amazonaws.com"]
    transition_days             = 90
    error_emails                = ["on-call@example.com"]
  }

  assert {
    condition     = length(output.waiting_for) == 0
    error_message = "Something is waited for yet."
  }

  assert {
    condition     = one(aws_s3_bucket_notification.raw[0].queue).filter_prefix == "events/"
    error_message = "Other keys than the prefix's are told to the queue."
  }

  assert {
    condition     = jsondecode(aws_iam_role.errors.assume_role_policy).Statement[0].Principal.AWS == var.snowflake_user_arn
    error_message = "The errors' role does not trust Snowflake's user."
  }

  assert {
    condition     = length(jsondecode(aws_iam_role.writer.assume_role_policy).Statement) == 2
    error_message = "The writer's role trusts service accounts and machines."
  }

  assert {
    condition = {
      for rule in aws_s3_bucket_lifecycle_configuration.raw.rule : rule.id => length(rule.transition)
    } == { topic-events_raw = 1, jobs = 0, recovered = 0, leftovers = 0 }
    error_message = "Objects of topics move to another class, and nothing else."
  }
}

run "own_key_and_no_prefix" {
  variables {
    kms_key_arn = "arn:aws:kms:us-west-2:111122223333:key/99999999-2222-3333-4444-555555555555"
    prefix      = ""
  }

  assert {
    condition     = length(aws_kms_key.raw) == 0 && length(aws_kms_alias.raw) == 0
    error_message = "A key is made although one is given."
  }

  assert {
    condition     = output.store_url == "s3://aivo-data-raw"
    error_message = "The store's address ends with a slash."
  }
}
