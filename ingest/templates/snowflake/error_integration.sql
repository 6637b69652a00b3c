
create notification integration if not exists {{ error_integration_name }}
    enabled = true
    type = queue
    notification_provider = aws_sns
    direction = outbound
    aws_sns_topic_arn = '{{ error_topic_arn }}'
    aws_sns_role_arn = '{{ error_role_arn }}';
alter notification integration {{ error_integration_name }} set
    enabled = true
    aws_sns_topic_arn = '{{ error_topic_arn }}'
    aws_sns_role_arn = '{{ error_role_arn }}';
grant usage on integration {{ error_integration_name }} to role {{ loader }};
