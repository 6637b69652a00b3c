"""Who may what: each policy, judged by the rules of IAM."""

from __future__ import annotations

import json
import warnings

import pytest

from tests.infra.aws_evaluator import Request, allowed, trusts
from tests.infra.aws_policies import (
    ACCOUNT,
    ADMIN,
    BUCKET,
    CONSUMER,
    GIVEN,
    GIVEN_PARTS,
    KEY,
    OIDC,
    PARTS,
    ROOT_USER,
    SNOWFLAKE,
    SUBJECT,
    TOPIC,
    policy,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it leaves files open, and its patterns are no raw strings
    import parliament

WRITER = f"arn:aws:iam::{ACCOUNT}:role/aivo-ingest-writer"
STORAGE = f"arn:aws:iam::{ACCOUNT}:role/aivo-snowflake"
ERRORS = f"arn:aws:iam::{ACCOUNT}:role/aivo-snowflake-errors"
SOMEBODY = f"arn:aws:iam::{ACCOUNT}:role/somebody"
BUCKET_POLICY = policy(*GIVEN_PARTS["bucket"], **GIVEN)
EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}

TLS = {"aws:SecureTransport": "true"}
NEW = TLS | {"s3:if-none-match": "*", "s3:ObjectCreationOperation": "true"}  #: PutObject with If-None-Match
PLAIN = TLS | {"s3:ObjectCreationOperation": "true"}
PART = TLS | {"s3:ObjectCreationOperation": "false"}  #: a part of a multipart upload, which takes no condition
BY_S3 = {"kms:ViaService": "s3.us-west-2.amazonaws.com"}
BY_SNS = {"kms:ViaService": "sns.us-west-2.amazonaws.com"}
OBJECT = f"{BUCKET}/events/events_raw/id/partition=00000/00000000000000000000.parquet"
ELSEWHERE = f"{BUCKET}/events_of_others/object"


def listing(prefix: str) -> dict[str, str]:
    return TLS | {"s3:prefix": prefix}


WRITER_MAY = [
    ("s3:PutObject", OBJECT, NEW),
    ("s3:PutObject", f"{BUCKET}/events/_jobs/ingest/run/000000.parquet", NEW),
    ("s3:PutObject", f"{BUCKET}/events/_recovered/o", NEW),
    ("s3:PutObject", f"{BUCKET}/events/_probe/canary-1", NEW),
    ("s3:GetObject", OBJECT, TLS),
    ("s3:ListBucket", BUCKET, listing("events/")),
    ("s3:ListBucket", BUCKET, listing("events/events_raw/")),
    ("kms:GenerateDataKey", KEY, BY_S3),
    ("kms:Decrypt", KEY, BY_S3),
]
WRITER_MAY_NOT = [
    ("s3:PutObject", OBJECT, PLAIN),
    ("s3:PutObject", ELSEWHERE, NEW),
    ("s3:GetObject", ELSEWHERE, TLS),
    ("s3:PutObject", OBJECT.replace("aivo-data-raw", "other"), NEW),
    ("s3:ListBucket", BUCKET, listing("")),
    ("s3:ListBucket", BUCKET, listing("event")),
    ("s3:ListBucket", BUCKET, TLS),
    ("s3:DeleteObject", OBJECT, TLS),
    ("s3:DeleteObjectVersion", OBJECT, TLS),
    ("s3:PutObjectAcl", OBJECT, TLS),
    ("s3:PutLifecycleConfiguration", BUCKET, TLS),
    ("s3:PutBucketVersioning", BUCKET, TLS),
    ("s3:PutBucketPolicy", BUCKET, TLS),
    ("kms:Decrypt", KEY, {}),
    ("kms:Decrypt", KEY, BY_SNS),
    ("kms:Decrypt", KEY.replace("1111", "2222"), BY_S3),
    ("kms:ScheduleKeyDeletion", KEY, BY_S3),
    ("sns:Publish", TOPIC, {}),
]
STORAGE_MAY = [
    ("s3:GetObject", OBJECT, TLS),
    ("s3:GetObjectVersion", OBJECT, TLS),
    ("s3:ListBucket", BUCKET, listing("events/")),
    ("s3:GetBucketLocation", BUCKET, TLS),
    ("kms:Decrypt", KEY, BY_S3),
]
STORAGE_MAY_NOT = [
    ("s3:GetObject", ELSEWHERE, TLS),
    ("s3:ListBucket", BUCKET, listing("")),
    ("s3:PutObject", OBJECT, NEW),
    ("s3:DeleteObject", OBJECT, TLS),
    ("s3:GetLifecycleConfiguration", BUCKET, TLS),
    ("kms:GenerateDataKey", KEY, BY_S3),
    ("kms:Decrypt", KEY, {}),
    ("sns:Publish", TOPIC, {}),
]
ERRORS_MAY = [("sns:Publish", TOPIC, {}), ("kms:GenerateDataKey", KEY, BY_SNS), ("kms:Decrypt", KEY, BY_SNS)]
ERRORS_MAY_NOT = [
    ("sns:Publish", TOPIC.replace("aivo", "other"), {}),
    ("sns:Subscribe", TOPIC, {}),
    ("s3:GetObject", OBJECT, TLS),
    ("kms:Decrypt", KEY, BY_S3),
]
AUDIT_MAY = [
    ("s3:GetLifecycleConfiguration", BUCKET, TLS),
    ("s3:GetBucketVersioning", BUCKET, TLS),
    ("s3:ListBucket", BUCKET, listing("events/")),
]
AUDIT_MAY_NOT = [("s3:PutLifecycleConfiguration", BUCKET, TLS), ("s3:GetObject", OBJECT, TLS)]
APPLY_MAY = [("s3:PutLifecycleConfiguration", BUCKET, TLS)]
APPLY_MAY_NOT = [("s3:DeleteObject", OBJECT, TLS), ("s3:PutBucketPolicy", BUCKET, TLS)]

CASES = [
    (name, who, *case, may)
    for name, who, cases, may in [
        ("writer", WRITER, WRITER_MAY, True),
        ("writer", WRITER, WRITER_MAY_NOT, False),
        ("storage", STORAGE, STORAGE_MAY, True),
        ("storage", STORAGE, STORAGE_MAY_NOT, False),
        ("errors", ERRORS, ERRORS_MAY, True),
        ("errors", ERRORS, ERRORS_MAY_NOT, False),
        ("retention_audit", SOMEBODY, AUDIT_MAY, True),
        ("retention_audit", SOMEBODY, AUDIT_MAY_NOT, False),
        ("retention_apply", SOMEBODY, APPLY_MAY, True),
        ("retention_apply", SOMEBODY, APPLY_MAY_NOT, False),
    ]
    for case in cases
]


@pytest.mark.parametrize(("name", "who", "action", "resource", "context", "may"), CASES)
def test_rights(name: str, who: str, action: str, resource: str, context: dict[str, str], may: bool):
    bucket = [BUCKET_POLICY] if action.startswith("s3:") else []
    assert allowed(Request(who, action, resource, context), [policy(*PARTS[name])], bucket) is may


@pytest.mark.parametrize("name", ["writer", "storage", "retention_audit"])
def test_without_a_prefix_the_whole_bucket_is_listed(name: str):
    document = policy(name, root="", list_condition="StringLikeIfExists")
    for context in (TLS, listing("events_raw/")):  # botocore leaves an empty prefix out, or sends it empty
        assert allowed(Request(WRITER, "s3:ListBucket", BUCKET, context), [document], [BUCKET_POLICY])


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:DeleteObject"])
@pytest.mark.parametrize("who", [WRITER, ADMIN, ROOT_USER])
def test_nobody_gets_anything_without_tls(who: str, action: str):
    for resource in (BUCKET, OBJECT, ELSEWHERE):
        request = Request(who, action, resource, NEW | {"aws:SecureTransport": "false"})
        assert not allowed(request, [EVERYTHING], [BUCKET_POLICY])
        assert allowed(Request(ADMIN, action, resource, NEW), [EVERYTHING], [BUCKET_POLICY])


def test_a_write_that_might_overwrite_is_refused_to_all_but_administrators():
    for who, context, may in [
        (SOMEBODY, NEW, True),
        (SOMEBODY, PLAIN, False),
        (SOMEBODY, PART, True),  # the object appears with the last call, and that one takes the condition
        (ADMIN, PLAIN, True),
        (ROOT_USER, PLAIN, True),
    ]:
        request = Request(who, "s3:PutObject", OBJECT, context)
        assert allowed(request, [EVERYTHING], [BUCKET_POLICY]) is may, (who, context)
    outside = Request(SOMEBODY, "s3:PutObject", ELSEWHERE, PLAIN)
    assert allowed(outside, [EVERYTHING], [BUCKET_POLICY])


@pytest.mark.parametrize("action", ["s3:DeleteObject", "s3:DeleteObjectVersion"])
def test_where_deletes_are_denied_only_administrators_delete(action: str):
    assert not allowed(Request(SOMEBODY, action, OBJECT, TLS), [EVERYTHING], [BUCKET_POLICY])
    assert allowed(Request(SOMEBODY, action, ELSEWHERE, TLS), [EVERYTHING], [BUCKET_POLICY])
    assert allowed(Request(ADMIN, action, OBJECT, TLS), [EVERYTHING], [BUCKET_POLICY])
    assert allowed(Request(ROOT_USER, action, OBJECT, TLS), [EVERYTHING], [BUCKET_POLICY])
    by_default = policy(*PARTS["bucket"])
    assert allowed(Request(SOMEBODY, action, OBJECT, TLS), [EVERYTHING], [by_default])


def test_the_bucket_and_the_key_grant_nothing_to_other_accounts():
    assert {one["Effect"] for one in BUCKET_POLICY["Statement"]} == {"Deny"}
    key = policy("key")
    assert trusts(key, Request(ADMIN, "kms:PutKeyPolicy", KEY))
    assert not trusts(key, Request(SNOWFLAKE, "kms:Decrypt", KEY))


@pytest.mark.parametrize("role", ["storage", "errors"])
def test_snowflake_becomes_its_role_only_with_its_own_external_id(role: str):
    trust = policy(f"trust_{role}", **GIVEN)
    theirs = {"sts:ExternalId": GIVEN[f"{role}_external_id"]}
    other = {"sts:ExternalId": "SOMEBODY_SFCRole=1_else="}
    assert trusts(trust, Request(SNOWFLAKE, "sts:AssumeRole", "", theirs))
    assert not trusts(trust, Request(SNOWFLAKE, "sts:AssumeRole", "", other))
    assert not trusts(trust, Request(SNOWFLAKE, "sts:AssumeRole", ""))
    assert not trusts(trust, Request(ADMIN, "sts:AssumeRole", "", theirs))
    assert not trusts(trust, Request(SNOWFLAKE.replace("abcd", "efgh"), "sts:AssumeRole", "", theirs))


def test_until_snowflake_is_known_only_the_own_account_is_trusted():
    trust = policy("trust_account")
    assert trusts(trust, Request(ADMIN, "sts:AssumeRole", ""))
    assert not trusts(trust, Request(SNOWFLAKE, "sts:AssumeRole", ""))
    assert not trusts(trust, Request(OIDC, "sts:AssumeRoleWithWebIdentity", ""))


def test_only_the_named_service_accounts_machines_and_principals_become_the_writer():
    trust = policy(*GIVEN_PARTS["writer_trust"], **GIVEN)
    issuer = GIVEN["oidc_issuer"]
    pod = {f"{issuer}:sub": SUBJECT, f"{issuer}:aud": "sts.amazonaws.com"}
    by_token = "sts:AssumeRoleWithWebIdentity"
    assert trusts(trust, Request(OIDC, by_token, "", pod))
    assert not trusts(trust, Request(OIDC, by_token, "", pod | {f"{issuer}:sub": f"{SUBJECT}-2"}))
    assert not trusts(trust, Request(OIDC, by_token, "", pod | {f"{issuer}:aud": "other"}))
    assert not trusts(trust, Request(OIDC.replace("EXAMPLE", "OTHER"), by_token, "", pod))
    assert trusts(trust, Request("ec2.amazonaws.com", "sts:AssumeRole", ""))
    assert not trusts(trust, Request("ecs-tasks.amazonaws.com", "sts:AssumeRole", ""))
    assert trusts(trust, Request(CONSUMER, "sts:AssumeRole", ""))
    assert not trusts(trust, Request(SOMEBODY, "sts:AssumeRole", ""))


#: What the linter says of policies that mean it: who may change the rules can have every object removed.
SAID = {"retention_apply": ["RESOURCE_POLICY_PRIVILEGE_ESCALATION"]}


@pytest.mark.parametrize("name", [name for name in PARTS if "trust" not in name])  # it knows no trust policies
def test_a_linter_knows_every_action_condition_and_form(name: str):
    for document in (policy(*PARTS[name]), policy(*GIVEN_PARTS[name], **GIVEN)):
        found = parliament.analyze_policy_string(json.dumps(document)).findings
        assert [finding.issue for finding in found] == SAID.get(name, []), found
