"""Terraform's own reading of the files: policies, days, refusals."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ingest.layout import Slot, acceptance_key, job_key, recovered_key
from ingest.objects import ChainId
from ingest.probe import CANARY_KEY
from ingest.retention import longest_days
from tests.infra.aws_policies import (
    ADMIN,
    CONSUMER,
    GIVEN,
    GIVEN_PARTS,
    MODULE,
    OIDC,
    PARTS,
    SNOWFLAKE,
    SUBJECT,
    policy,
)
from tests.infra.aws_terraform import RefusedError, computed, needs_terraform, prepare, terraform

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_terraform

EVERYTHING = {
    "deny_deletes": True,
    "admin_role_arns": [ADMIN],
    "oidc_provider_arn": OIDC,
    "oidc_subjects": [SUBJECT],
    "writer_services": ["ec2.amazonaws.com"],
    "writer_principal_arns": [CONSUMER],
    "snowflake_user_arn": SNOWFLAKE,
    "snowflake_external_id": GIVEN["storage_external_id"],
    "snowflake_error_external_id": GIVEN["errors_external_id"],
}


@pytest.fixture(scope="module", name="folder")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("terraform"))


def test_the_files_are_formatted():
    done = terraform("fmt", "-check", "-recursive", "-diff", str(MODULE), cwd=MODULE.parent.parent)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("variables", "parts", "words"),
    [
        pytest.param({}, PARTS, {}, id="defaults"),
        pytest.param(EVERYTHING, GIVEN_PARTS, GIVEN, id="everything given"),
        pytest.param(
            {"prefix": "", "require_conditional_writes": False},
            PARTS | {"bucket": ["bucket_tls"]},
            {"root": "", "list_condition": "StringLikeIfExists"},
            id="no prefix",
        ),
        pytest.param({"prefix": "raw/events"}, PARTS, {"root": "raw/events/"}, id="nested prefix"),
    ],
)
def test_terraform_renders_the_policies_that_the_other_tests_judge(
    folder: Path, variables: dict[str, Any], parts: dict[str, list[str]], words: dict[str, str]
):
    found = computed(folder, **variables)
    rendered = {name: json.loads(text) for name, text in found["policies"].items()}
    assert rendered == {name: policy(*some, **words) for name, some in parts.items()}
    assert json.loads(found["key_policy"]) == policy("key", **words)


def test_errors_may_come_from_another_user_of_snowflake(folder: Path):
    other = SNOWFLAKE.replace("abcd", "efgh")
    found = computed(folder, **EVERYTHING, snowflake_error_user_arn=other)
    assert json.loads(found["policies"]["errors_trust"]) == policy(
        "trust_errors", **GIVEN | {"errors_user_arn": other}
    )


def later(day: date, months: int) -> date:
    """The first day from which `day` is `months` months back: a day that its month lacks is its last one.

    Found by looking, not by a formula.
    """
    for days in range(28 * months, 32 * months):
        now = day + timedelta(days)
        back = now.year * 12 + now.month - 1 - months
        first = date(back // 12, back % 12 + 1, 1)
        last = (date((back + 1) // 12, (back + 1) % 12 + 1, 1) - timedelta(1)).day
        if first.replace(day=min(now.day, last)) >= day:
            return now
    raise AssertionError


@pytest.mark.parametrize("months", [1, 2, 6, 11, 12, 18, 24, 30, 48, 54, 84])
def test_no_object_expires_before_its_rows_do_whenever_it_was_stored(folder: Path, months: int):
    starts = [date(2023, 1, 1) + timedelta(days) for days in range(4 * 366)]
    longest = max((later(day, months) - day).days for day in starts)
    assert computed(folder, raw_retention_months=months)["days"] == longest == longest_days(months)


def test_eighteen_months_are_550_days_and_a_wait_for_the_load_is_added(folder: Path):
    assert computed(folder)["days"] == 550
    assert computed(folder, load_delay_days=14)["days"] == 564


@pytest.mark.parametrize(("prefix", "root"), [("events", "events/"), ("", ""), ("raw/events", "raw/events/")])
def test_each_kind_of_object_has_a_rule(folder: Path, prefix: str, root: str):
    assert computed(folder, prefix=prefix, topics=["events_raw", "other.topic"])["expiring"] == {
        "topic-events_raw": f"{root}events_raw/",
        "topic-other.topic": f"{root}other.topic/",
        "recovered": f"{root}_recovered/",
        "jobs": f"{root}_jobs/",
    }


def test_every_object_of_ours_expires_by_one_rule_and_the_notes_of_the_probe_by_none(folder: Path):
    slot = Slot(ChainId("events_raw", "id", 3), 16386)
    ours = [slot.chain.key(slot.start), recovered_key(slot, 0), job_key("ingest", "20260101T120000Z-0af", 0)]
    kept = [CANARY_KEY, acceptance_key("a", "b"), "events_raw2/id/partition=00000/0.parquet", "notes"]
    for prefix, root in [("events", "events/"), ("", "")]:
        begins = computed(folder, prefix=prefix)["expiring"].values()
        assert [sum(f"{root}{key}".startswith(one) for one in begins) for key in ours] == [1, 1, 1]
        assert not any(f"{root}{key}".startswith(one) for key in kept for one in begins)


@pytest.mark.parametrize(
    "variables",
    [
        {"name": "1aivo"},
        {"region": "Oregon"},
        {"bucket": "Aivo_Data"},
        {"bucket": "aivo.data"},
        {"prefix": "/events"},
        {"prefix": "events/"},
        {"prefix": "a//b"},
        {"prefix": "events*"},
        {"prefix": ".events"},
        {"topics": []},
        {"topics": ["a", "a"]},
        {"topics": ["a b"]},
        {"topics": ["_probe"]},
        {"raw_retention_months": 0},
        {"raw_retention_months": 1.5},
        {"raw_retention_months": 121},
        {"load_delay_days": -1},
        {"noncurrent_version_days": 0},
        {"abort_multipart_days": 0},
        {"transition_days": 29},
        {"transition_days": 504},
        {"transition_storage_class": "DEEP_ARCHIVE"},
        {"kms_key_arn": "alias/key"},
        {"kms_key_arn": "arn:aws:kms:eu-west-1:111122223333:key/11111111"},
        {"admin_role_arns": ["arn:aws:iam::111122223333:role/*"]},
        {"oidc_provider_arn": OIDC},
        {"oidc_provider_arn": OIDC, "oidc_subjects": ["system:serviceaccount:*:ingest"]},
        {"oidc_subjects": [SUBJECT]},
        {"writer_services": ["lambda.amazonaws.com"]},
        {"writer_principal_arns": ["*"]},
        {"snowflake_user_arn": SNOWFLAKE},
        {"snowflake_external_id": "an id"},
        {"snowflake_external_id": "ACCOUNT_SFCRole=2_example="},
        {"snowflake_user_arn": "arn:aws:iam::444455556666:root", "snowflake_external_id": "id"},
        {"snowflake_error_external_id": "ACCOUNT_SFCRole=3_example="},
        {"snowflake_error_user_arn": SNOWFLAKE},
        {"snowpipe_queue_arn": "arn:aws:sqs:eu-west-1:444455556666:sf-snowpipe-EXAMPLE"},
        {"snowpipe_queue_arn": "arn:aws:sns:us-west-2:444455556666:topic"},
        {"error_emails": ["on-call"]},
    ],
    ids=lambda variables: " ".join(f"{name}={value}" for name, value in variables.items()),
)
def test_what_makes_no_sense_is_refused_and_the_variable_is_named(folder: Path, variables: dict[str, Any]):
    with pytest.raises(RefusedError) as refused:
        computed(folder, **variables)
    assert "Invalid value for variable" in str(refused.value)
    assert any(f"{name}" in str(refused.value).split("Invalid value for variable", 1)[1] for name in variables)


def test_what_looks_odd_and_is_right_is_taken(folder: Path):
    computed(
        folder,
        prefix="raw/dt=2026/events_v1.0",
        topics=["_events", "a.b-c"],
        transition_days=503,
        snowflake_user_arn=SNOWFLAKE,
        snowflake_external_id="AB12345_SFCRole=2_a/b+c=@:,.-",
    )
