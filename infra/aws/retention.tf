# How long objects are kept, in days, and which keys that holds for.

locals {
  # The dbt project keeps rows for months of the calendar, S3 counts days. No month count may come out shorter than the
  # calendar can make it: whole years, a leap day for each four begun, and the longest that the months left over can be
  # (6 of them: 184 days, from the 1st of March to the 1st of September). 18 months: 365 + 1 + 184 = 550 days.
  longest_months = [0, 31, 62, 92, 123, 153, 184, 215, 245, 276, 306, 337]
  whole_years    = floor(var.raw_retention_months / 12)

  raw_expiration_days = (
    local.whole_years * 365
    + ceil(local.whole_years / 4)
    + local.longest_months[var.raw_retention_months % 12]
    + var.load_delay_days
  )

  # A rule's filter can only include. One rule for the whole prefix would take `_probe/` too, whose notes say which changes
  # of settings were accepted: without them a consumer refuses its own chain. So each kind of objects has a rule.
  topic_rules = { for topic in var.topics : "topic-${topic}" => "${local.root}${topic}/" }
  own_rules = {
    recovered = "${local.root}_recovered/"
    jobs      = "${local.root}_jobs/"
  }
  expiring = merge(local.topic_rules, local.own_rules)
}
