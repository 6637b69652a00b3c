to_date(convert_timezone('UTC', {{ column }}))
    < to_date(dateadd(month, -{{ raw_retention_months }}, convert_timezone('UTC', current_timestamp())))
