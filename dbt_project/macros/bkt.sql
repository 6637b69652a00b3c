{#-
    Bayesian knowledge tracing in windows (Corbett and Anderson 1995, without forgetting). In odds an answer and the chance
    to learn from it make o_n = a_n·o_(n−1) + b, with a = r / (1−T), b = T / (1−T) and r the likelihood ratio of the
    answer: (1−slip) / guess when right, slip / (1−guess) when wrong. With A_n the product of the a up to n that is
    o_n = A_n·(o_0 + Σ b / A_i). The products leave a double's range after some hundred answers, so they are held as logarithms
    and the sum is scaled: a segment is a run of answers whose greatest term so far lies within one step of e^300. The segment
    before counts with e^−300, what lies further back weighs nothing.
-#}
{% macro bkt_ctes(evidence, target) -%}
    bkt_answers as (
        select
            {{ evidence }}.*,
            ln(parameters.prior / (1 - parameters.prior)) as log_prior_odds,
            ln(parameters.learn / (1 - parameters.learn)) as log_gain,
            case
                when {{ evidence }}.score_scaled >= 0.5 then ln((1 - parameters.slip) / parameters.guess)
                else ln(parameters.slip / (1 - parameters.guess))
            end - ln(1 - parameters.learn) as log_factor
        from {{ evidence }}
        inner join (
            select
                skill_id,
                {{ clamped('prior', 0.001, 0.999) }} as prior,
                {{ clamped('learn', 0.000001, 0.999) }} as learn,
                {{ clamped('guess', 0.001, 0.5) }} as guess,
                {{ clamped('slip', 0.001, 0.5) }} as slip
            from {{ ref('bkt_parameters') }}
        ) as parameters
            on {{ evidence }}.content_type = 'skill' and {{ evidence }}.content_id = parameters.skill_id
        where not {{ evidence }}.is_reported
    ),

    bkt_products as (
        select
            *,
            sum(log_factor) over (
                partition by {{ target }} order by evidence_count rows between unbounded preceding and current row
            ) as log_product
        from bkt_answers
    ),

    bkt_segments as (
        select
            *,
            floor(
                greatest(
                    max(-log_product) over (
                        partition by {{ target }}
                        order by evidence_count
                        rows between unbounded preceding and current row
                    ),
                    0
                ) / 300
            ) as segment
        from bkt_products
    ),

    bkt_sums as (
        select
            *,
            sum(exp(greatest(-log_product - 300 * segment, -700))) over (
                partition by {{ target }}, segment
                order by evidence_count
                rows between unbounded preceding and current row
            ) as segment_sum
        from bkt_segments
    ),

    bkt_ends as (
        select
            {{ target }},
            segment,
            max(segment_sum) as segment_total
        from bkt_sums
        group by {{ target }}, segment
    ),

    bkt_odds as (
        select
            bkt_sums.tenant_id,
            bkt_sums.event_id,
            bkt_sums.log_product + 300 * bkt_sums.segment + ln(
                exp(bkt_sums.log_gain)
                * (bkt_sums.segment_sum + coalesce(bkt_ends.segment_total * exp(-300), 0))
                + case when bkt_sums.segment = 0 then exp(bkt_sums.log_prior_odds) else 0 end
            ) as log_odds
        from bkt_sums
        left join bkt_ends
            on
                bkt_sums.tenant_id = bkt_ends.tenant_id
                and bkt_sums.learner_id = bkt_ends.learner_id
                and bkt_sums.content_type = bkt_ends.content_type
                and bkt_sums.content_id = bkt_ends.content_id
                and bkt_sums.segment = bkt_ends.segment + 1
    ),

    bkt as (
        select
            tenant_id,
            event_id,
            1 / (1 + exp(-{{ clamped('log_odds', -700, 700) }})) as bkt_mastery
        from bkt_odds
    ),
{%- endmacro %}

{% macro clamped(number, low, high) -%}
    least(greatest({{ number }}, {{ low }}), {{ high }})
{%- endmacro %}
