"""What the store really asks of S3, held against the policies: nothing of ours is turned down.

The store of the consumer works on moto's S3; each call it makes is judged as the request that AWS would see.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import botocore.client
import pytest
from moto import mock_aws

from ingest.chain import Hint
from ingest.jobs import JobType, Run
from ingest.objects import Encoder
from ingest.probe import CANARY_KEY, probe
from ingest.recorder import Recorder
from ingest.s3 import S3Store
from tests.chains import batch, chain
from tests.infra.aws_evaluator import Request, allowed
from tests.infra.aws_policies import GIVEN, GIVEN_PARTS, policy
from tests.services.s3 import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITER = "arn:aws:iam::111122223333:role/aivo-ingest-writer"
ACTIONS = {
    "PutObject": "s3:PutObject",
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "ListObjectsV2": "s3:ListBucket",
}


class Requests(list[Request]):
    """What was asked of S3, in order."""

    def take(self, operation: str, given: dict[str, Any]) -> None:
        bucket, key = f"arn:aws:s3:::{given['Bucket']}", given.get("Key")
        context = {"aws:SecureTransport": "true"}
        if operation == "PutObject":
            context["s3:ObjectCreationOperation"] = "true"
        if "IfNoneMatch" in given:
            context["s3:if-none-match"] = given["IfNoneMatch"]
        if "Prefix" in given:
            context["s3:prefix"] = given["Prefix"]
        self.append(Request(WRITER, ACTIONS[operation], f"{bucket}/{key}" if key else bucket, context))
        if operation in ("HeadObject", "GetObject"):  # S3 says 403 of what is not there to whoever may not list it
            self.append(Request(WRITER, "s3:ListBucket", bucket, context | {"s3:prefix": str(key)}))


@pytest.fixture(name="requests")
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Requests]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    found = Requests()
    call = botocore.client.BaseClient._make_api_call  # every call of a client passes here

    def recording(client: Any, operation: str, given: dict[str, Any]) -> Any:
        if operation != "CreateBucket":
            found.take(operation, given)
        return call(client, operation, given)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", recording)
    with mock_aws():
        yield found


def work(store: S3Store) -> None:
    """What consumers do: the probe, a chain that is begun, taken up, contended for and accepted, job records."""
    probe(store)
    probe(store)
    first = chain(store)
    first.last()
    first.append(batch(0, 0, 1))
    hint = Hint(2, 0, first.place)
    chain(store, "writer-2").append(batch(0, 0, 1))
    chain(store, "writer-3").last(hint)
    chain(store, "writer-4", Encoder("other settings", "writer-4"), accept=True).last()
    with Recorder(store, Run(JobType.INGEST, "1", datetime.now(UTC), "0af"), lambda: datetime.now(UTC)):
        pass
    for entry in store.list():
        store.read(entry.key)
    assert store.metadata("_probe/accepted-00000000-00000000") is None
    assert store.server_time() is not None


@pytest.mark.parametrize("prefix", ["events", "raw/events", ""])
def test_the_policies_let_all_pass_that_the_store_asks(requests: Requests, prefix: str):
    boto3.client("s3").create_bucket(
        Bucket="aivo-data-raw", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    work(S3Store("aivo-data-raw", prefix, region="us-west-2"))
    root = f"{prefix}/" if prefix else ""
    words = GIVEN | {"root": root, "list_condition": "StringLike" if root else "StringLikeIfExists"}
    identity, bucket = policy("writer", **words), policy(*GIVEN_PARTS["bucket"], **words)
    assert [one for one in requests if not allowed(one, [identity], [bucket])] == []
    put = {one.resource.removeprefix(f"arn:aws:s3:::aivo-data-raw/{root}") for one in requests if "Put" in one.action}
    assert CANARY_KEY in put
    assert {key.partition("/")[0] for key in put} == {"_probe", "_jobs", "events_raw"}
    assert {one.action for one in requests} == set(ACTIONS.values())
