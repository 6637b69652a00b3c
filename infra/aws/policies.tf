# Every policy, rendered. The texts are JSON files with ${words}: what is reviewed is what AWS gets.

locals {
  words = {
    account_root        = "arn:${local.partition}:iam::${local.account_id}:root"
    bucket_arn          = local.bucket_arn
    root                = local.root
    s3_service          = "s3.${var.region}.${local.dns_suffix}"
    sns_service         = "sns.${var.region}.${local.dns_suffix}"
    error_topic_arn     = local.error_topic_arn
    oidc_provider_arn   = var.oidc_provider_arn
    oidc_issuer         = try(regex("oidc-provider/(.+)$", var.oidc_provider_arn)[0], "")
    oidc_audience       = "sts.amazonaws.com"
    oidc_subjects       = jsonencode(var.oidc_subjects)
    writer_services     = jsonencode(var.writer_services)
    writer_principals   = jsonencode(var.writer_principal_arns)
    unbound             = jsonencode(concat(["arn:${local.partition}:iam::${local.account_id}:root"], var.admin_role_arns))
    list_condition      = local.root == "" ? "StringLikeIfExists" : "StringLike"
    storage_user_arn    = var.snowflake_user_arn
    storage_external_id = var.snowflake_external_id
    errors_user_arn     = var.snowflake_error_user_arn == "" ? var.snowflake_user_arn : var.snowflake_error_user_arn
    errors_external_id  = var.snowflake_error_external_id
  }

  name_the_key = ["writer", "storage", "errors"]

  # What each policy is made of, in order.
  policy_parts = {
    writer          = ["writer"]
    storage         = ["storage"]
    errors          = ["errors"]
    retention_audit = ["retention_audit"]
    retention_apply = ["retention_apply"]

    bucket = concat(
      ["bucket_tls"],
      var.require_conditional_writes ? ["bucket_conditional_writes"] : [],
      var.deny_deletes ? ["bucket_no_deletes"] : [],
    )

    # Empty until Snowflake's side is known: then a role trusts its own account alone, and nobody outside.
    storage_trust = [var.snowflake_user_arn == "" ? "trust_account" : "trust_storage"]
    errors_trust  = [var.snowflake_error_external_id == "" ? "trust_account" : "trust_errors"]
    writer_trust = coalescelist(
      concat(
        var.oidc_provider_arn == "" ? [] : ["trust_oidc"],
        length(var.writer_services) == 0 ? [] : ["trust_services"],
        length(var.writer_principal_arns) == 0 ? [] : ["trust_principals"],
      ),
      ["trust_account"],
    )
  }

  policies = {
    for name, parts in local.policy_parts : name => jsonencode({
      Version = "2012-10-17"
      Statement = flatten([
        for part in parts : jsondecode(templatefile(
          "${path.module}/policies/${part}.json.tftpl",
          # The key's ARN is not known before it is made. Only the policies that name it wait for it; a first plan shows
          # the others.
          contains(local.name_the_key, part) ? merge(local.words, { key_arn = local.key_arn }) : local.words,
        ))
      ])
    })
  }

  # Apart from the others, which name the key that this one belongs to.
  key_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = jsondecode(templatefile("${path.module}/policies/key.json.tftpl", local.words))
  })
}
