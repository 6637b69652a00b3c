"""The policies in the hands of moto: it takes them, and lets through and turns down what they say.

moto knows no conditions outside of trust policies: what rests on them is judged in test_aws_policies.py.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core import set_initial_no_auth_action_count

from tests.infra.aws_policies import PARTS, policy
from tests.services.s3 import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "aivo-data-raw"
OBJECT = "events/events_raw/id/partition=00000/00000000000000000000.parquet"
RULES = {"Rules": [{"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "b/"}, "Expiration": {"Days": 1}}]}
CALLS: dict[str, dict[str, Any]] = {
    "put_object": {"Key": OBJECT},
    "get_object": {"Key": OBJECT},
    "head_object": {"Key": OBJECT},
    "delete_object": {"Key": OBJECT},
    "get_bucket_location": {},
    "get_bucket_lifecycle_configuration": {},
    "get_bucket_versioning": {},
    "put_bucket_lifecycle_configuration": {"LifecycleConfiguration": RULES},
}


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration=RULES)
        for key in (OBJECT, "elsewhere/object"):
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
        yield


def session_of(name: str) -> boto3.session.Session:
    """A session of somebody who has become a role with this policy."""
    iam = boto3.client("iam")
    trust = json.dumps(policy(*PARTS["storage_trust"]))
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=json.dumps(policy(*PARTS[name])))
    taken = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName=uuid.uuid4().hex)["Credentials"]
    return boto3.session.Session(taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"])


@pytest.mark.parametrize(
    ("name", "may"),
    [
        ("writer", {"put_object", "get_object", "head_object"}),
        ("storage", {"get_object", "head_object", "get_bucket_location"}),
        ("errors", set()),
        ("retention_audit", {"get_bucket_lifecycle_configuration", "get_bucket_versioning"}),
        ("retention_apply", {"put_bucket_lifecycle_configuration"}),
    ],
)
def test_a_role_does_what_its_policy_says_and_nothing_else(name: str, may: set[str]):
    s3 = session_of(name).client("s3")

    def passes(call: str, **other: str) -> bool:
        try:
            getattr(s3, call)(Bucket=BUCKET, **CALLS[call] | other)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 403:
                raise
            return False
        return True

    @set_initial_no_auth_action_count(0)  # enforce policies from the first call on
    def passing() -> set[str]:
        assert not passes("get_object", Key="elsewhere/object")
        assert not passes("put_object", Key="elsewhere/object")
        return {call for call in CALLS if passes(call)}

    assert passing() == may
