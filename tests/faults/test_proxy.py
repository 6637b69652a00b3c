"""The proxy does what its faults are called, and nothing to anything else."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError

from tests.faults.storefaults import HANGS, USUAL
from tests.running import eventually
from tests.services.proxy import Fault, Plan, Proxy, fault_proxy

FAULTS = {fault.name: fault for fault in USUAL}
SAID = {
    "500": 500,
    "503": 503,
    "429": 429,
    "409": 409,
    "403 access denied": 403,
    "400 expired credentials": 400,
    "412 without an object": 412,
    "500 though done": 500,
    "503, delivered later": 503,
}
CUT = ("connection reset", "half a request", "half a response", "response lost")
#: After these the object is there all the same.
DONE = ("half a response", "response lost", "500 though done", "slow")


@pytest.fixture(scope="module")
def bucket(s3) -> str:
    s3.create_bucket("proxied")
    return "proxied"


@pytest.fixture(scope="module")
def running(s3, bucket) -> Iterator[Proxy]:
    with fault_proxy(s3.url) as proxy:
        yield proxy


@pytest.fixture
def proxy(running) -> Proxy:
    running.trap = running.outage = running.plan = None
    running.counts.clear()
    running.requests.clear()
    return running


def client(url: str, name: str = "tester"):
    return boto3.session.Session().client(
        "s3",
        endpoint_url=url,
        region_name="us-west-2",
        aws_access_key_id=name,
        aws_secret_access_key="s",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=10),
    )


@pytest.fixture(scope="module")
def s3api(running) -> Iterator:
    api = client(running.url)
    yield api
    api.close()


@pytest.fixture(scope="module")
def direct(s3) -> Iterator:
    api = client(s3.url)
    yield api
    api.close()


def put(api, key: str, body: bytes = b"x" * 300_000) -> int:
    """The status of a put-if-absent; 0 if the connection was cut."""
    try:
        done = api.put_object(Bucket="proxied", Key=key, Body=body, IfNoneMatch="*", Metadata={"a-b": "c"})
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]
    except (ConnectionClosedError, HTTPClientError):
        return 0
    return done["ResponseMetadata"]["HTTPStatusCode"]


def test_a_calm_proxy_is_not_noticed(s3api, proxy):
    body = bytes(range(256)) * 1000
    assert put(s3api, "calm/1", body) == 200
    assert put(s3api, "calm/1", b"other") == 412
    found = s3api.get_object(Bucket="proxied", Key="calm/1")
    assert found["Body"].read() == body
    head = s3api.head_object(Bucket="proxied", Key="calm/1")
    assert (head["Metadata"], head["ContentLength"]) == ({"a-b": "c"}, len(body))
    listed = s3api.list_objects_v2(Bucket="proxied", Prefix="calm/")
    assert [one["Key"] for one in listed["Contents"]] == ["calm/1"]
    assert not proxy.counts
    assert proxy.requests == {"PUT": 2, "GET": 1, "HEAD": 1, "LIST": 1}


def test_a_chunked_body_comes_whole(proxy, s3api):
    address = urlsplit(proxy.url)
    with contextlib.closing(http.client.HTTPConnection(address.hostname, address.port, timeout=10)) as link:
        for key in ("one", "two"):  # on one connection
            link.request("PUT", f"/proxied/{key}", iter([b"one", b"two" * 1000]))  # chunked, for want of a length
            assert link.getresponse().read() == b""
            assert s3api.get_object(Bucket="proxied", Key=key)["Body"].read() == b"one" + b"two" * 1000


@pytest.mark.parametrize("name", FAULTS)
def test_a_put_meets_its_fault(name, proxy, s3api, direct):
    fault, key = FAULTS[name], f"put/{name}"
    proxy.plan = Plan(1, {fault: 1.0})
    assert put(s3api, key) == SAID.get(name, 0 if name in CUT else 200)
    if name != "503, delivered later":
        eventually(lambda: proxy.counts[name] == 1)
    held = {one["Key"] for one in direct.list_objects_v2(Bucket="proxied", Prefix=key).get("Contents", ())}
    assert held == ({key} if name in DONE else set())


def test_a_request_is_delivered_when_the_client_has_gone_on(proxy, s3api):
    fault = FAULTS["503, delivered later"]
    proxy.plan = Plan(1, {fault: 1.0})
    assert put(s3api, "later/1", b"early") == 503
    proxy.plan = None
    began = time.monotonic()
    assert put(s3api, "later/1", b"again") == 200, "the first should still be on its way"
    assert time.monotonic() - began < 1
    eventually(lambda: proxy.counts)
    assert s3api.get_object(Bucket="proxied", Key="later/1")["Body"].read() == b"again"


@pytest.mark.parametrize("name", [fault.name for fault in USUAL if "HEAD" in fault.kinds])
def test_reads_meet_their_faults(name, proxy, s3api):
    assert put(s3api, "read/1") in (200, 412)
    proxy.plan = Plan(1, {FAULTS[name]: 1.0})
    for ask in (
        lambda: s3api.head_object(Bucket="proxied", Key="read/1"),
        lambda: s3api.list_objects_v2(Bucket="proxied", Prefix="read/"),
    ):
        if name == "slow":
            ask()
        else:
            with pytest.raises((ClientError, HTTPClientError)):
                ask()
    eventually(lambda: proxy.counts[name] >= 2)  # botocore asks about the bucket once more for some


def test_what_is_not_its_kind_is_left_alone(proxy, s3api):
    proxy.outage = FAULTS["409"]
    assert put(s3api, "kinds/1") == 409
    assert s3api.list_objects_v2(Bucket="proxied", Prefix="kinds/")["KeyCount"] == 0
    proxy.outage = None
    assert put(s3api, "kinds/1") == 200


def test_a_fault_counts_when_it_was_injected(proxy):
    """Of two puts whose client leaves half-way neither meets the answer that was planned for it."""
    proxy.plan = Plan(1, {FAULTS["500"]: 1.0})
    address = urlsplit(proxy.url)
    for _ in range(2):
        with socket.create_connection((address.hostname, address.port)) as link:
            link.sendall(b"PUT /proxied/gone HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
    eventually(lambda: proxy.requests["PUT"] == 2)
    time.sleep(0.2)
    assert not proxy.counts


def test_a_trap_knows_who_asks(proxy):
    callers = []
    proxy.trap = lambda exchange: callers.append((exchange.caller, exchange.kind, exchange.name))
    api = client(proxy.url, "member-7")
    assert put(api, "a/b/partition=00001/0000.parquet") == 200
    api.list_objects_v2(Bucket="proxied", Prefix="a/b/partition=00001/")
    api.close()
    assert callers == [
        ("member-7", "PUT", "partition=00001/0000.parquet"),
        ("member-7", "LIST", "partition=00001"),
    ]


def test_a_plan_is_its_seed():
    shares = dict.fromkeys(USUAL, 0.02)
    asked = [("PUT", f"partition=00000/{number}", times) for number in range(2000) for times in (1, 2)]
    drawn = [Plan(7, shares).draw(*one) for one in asked]
    assert drawn == [Plan(7, shares).draw(*one) for one in reversed(asked)][::-1]
    assert drawn != [Plan(8, shares).draw(*one) for one in asked]
    for fault in USUAL:
        assert 40 <= drawn.count(fault) <= 130, fault.name
    assert Plan(7, {Fault("x", HANGS.happening, ("PUT",)): 1.0}).draw("LIST", "", 1) is None
