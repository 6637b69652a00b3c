"""Every way S3 and the network can fail becomes one of our errors, and the right one."""

from __future__ import annotations

import base64
import inspect
import socket
import zlib
from typing import TYPE_CHECKING

import botocore.exceptions
import botocore.parsers
import pytest
import urllib3.exceptions

from ingest import s3_errors as module
from ingest.errors import StoreError, StoreRefused, StoreUnavailable
from ingest.s3 import S3Store
from ingest.s3_errors import s3_error
from tests.store.scripted import Answer, Request, scripted

if TYPE_CHECKING:
    from pathlib import Path

OK = Answer(200)
HELD = {"topic-id": "a"}


@pytest.fixture(autouse=True)
def _environment(credentials: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)


def at(url: str, kms_key_id: str | None = None) -> S3Store:
    return S3Store("bucket", "p", endpoint_url=url, kms_key_id=kms_key_id, sleep=lambda seconds: None)


def test_what_a_put_says_on_the_wire() -> None:
    with scripted(OK) as server:
        assert at(server.url, "my-key").put_if_absent("a/b", b"body", HELD)
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("PUT", "/bucket/p/a/b", b"body")
    assert request.headers["if-none-match"] == "*"
    assert request.headers["x-amz-meta-topic-id"] == "a"
    crc = base64.b64decode(request.headers["x-amz-checksum-crc32"])
    assert int.from_bytes(crc, "big") == zlib.crc32(b"body")
    assert request.headers["x-amz-server-side-encryption-aws-kms-key-id"] == "my-key"
    assert not {"content-encoding", "x-amz-trailer"} & set(request.headers), "no chunked trailer"


@pytest.mark.parametrize(
    ("first", "attempts"),
    [
        ([Answer(409, "ConditionalRequestConflict")] * 3, 4),
        ([Answer(503, "SlowDown")], 2),
        ([Answer(500, "InternalError")] * 2, 3),
        ([Answer(0)], 2),
    ],
)
def test_a_fault_that_passes_is_not_seen(first: list[Answer], attempts: int) -> None:
    with scripted(*first, OK) as server:
        assert at(server.url).put_if_absent("a", b"body", HELD) is True
        assert len(server.requests) == attempts


def test_a_lost_answer_looks_like_a_taken_key() -> None:
    """The chain tells by the writer's nonce that the object is its own."""
    with scripted(Answer(0), Answer(412, "PreconditionFailed")) as server:
        assert at(server.url).put_if_absent("a", b"body", HELD) is False


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (Answer(409, "ConditionalRequestConflict"), StoreUnavailable, "409"),
        (Answer(409, "OperationAborted"), StoreUnavailable, "409"),
        (Answer(500, "InternalError"), StoreUnavailable, "InternalError"),
        (Answer(503, "SlowDown"), StoreUnavailable, "SlowDown"),
        (Answer(429, "TooManyRequests"), StoreUnavailable, "TooManyRequests"),
        (Answer(502), StoreUnavailable, "502"),
        (Answer(403, "AccessDenied"), StoreUnavailable, "AccessDenied"),
        (Answer(403, "InvalidAccessKeyId"), StoreUnavailable, "InvalidAccessKeyId"),
        (Answer(403, "SignatureDoesNotMatch"), StoreUnavailable, "SignatureDoesNotMatch"),
        (Answer(403, "RequestTimeTooSkewed"), StoreUnavailable, "RequestTimeTooSkewed"),
        (Answer(400, "ExpiredToken"), StoreUnavailable, "ExpiredToken"),
        (Answer(400, "RequestTimeout"), StoreUnavailable, "RequestTimeout"),
        (Answer(400, "BadDigest"), StoreUnavailable, "BadDigest"),
        (Answer(0), StoreUnavailable, "ConnectionClosedError"),
        (Answer(404, "NoSuchBucket"), StoreRefused, "NoSuchBucket"),
        (Answer(400, "InvalidBucketName"), StoreRefused, "InvalidBucketName"),
        (Answer(301, "PermanentRedirect"), StoreRefused, "redirects every request"),
        (Answer(501, "NotImplemented"), StoreRefused, "NotImplemented"),
        (Answer(400, "KeyTooLongError"), StoreRefused, "KeyTooLongError"),
        (Answer(405, "MethodNotAllowed"), StoreRefused, "MethodNotAllowed"),
    ],
)
def test_a_fault_that_stays(answer: Answer, kind: type[StoreError], says: str) -> None:
    with scripted(answer) as server:
        store = at(server.url)
        for call in (
            lambda: store.put_if_absent("a", b"body", HELD),
            lambda: store.read("a"),
            lambda: list(store.list()),
        ):
            with pytest.raises(kind, match=says) as caught:
                call()
            assert str(caught.value).startswith("s3://bucket/p: ")
            assert caught.value.remedy
            assert "secret" not in str(caught.value) + caught.value.remedy


@pytest.mark.parametrize(
    ("status", "kind"), [(400, StoreUnavailable), (403, StoreUnavailable), (500, StoreUnavailable)]
)
def test_head_has_a_status_and_no_code(status: int, kind: type[StoreError]) -> None:
    with scripted(Answer(status)) as server, pytest.raises(kind, match=str(status)):
        at(server.url).metadata("a")


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    says = rf"no proper answer from S3 at http://127\.0\.0\.1:{port} \(EndpointConnectionError\)"
    with pytest.raises(StoreUnavailable, match=says) as caught:
        at(f"http://user:hunter2@127.0.0.1:{port}/hunter2").put_if_absent("a", b"body", HELD)
    assert "hunter2" not in str(caught.value)


def test_an_answer_that_no_s3_gives_names_the_variables_that_lead_there() -> None:
    with scripted(Answer(404)) as server, pytest.raises(StoreRefused, match="S3 answered 404") as caught:
        list(at(server.url).list())
    for name in ("S3_BUCKET_RAW_EVENTS", "AWS_REGION", "S3_ENDPOINT_URL", "S3_SSE_KMS_KEY_ID"):
        assert name in caught.value.remedy


def test_a_body_that_breaks_off() -> None:
    with (
        scripted(Answer(200, body=b"half", length=8)) as server,
        pytest.raises(StoreUnavailable, match="no proper answer"),
    ):
        at(server.url).read("a")


def test_a_body_that_was_damaged_on_the_way() -> None:
    crc = base64.b64encode(zlib.crc32(b"right").to_bytes(4, "big")).decode()
    with (
        scripted(Answer(200, body=b"wrong", headers={"x-amz-checksum-crc32": crc})) as server,
        pytest.raises(StoreUnavailable, match="FlexibleChecksumError"),
    ):
        at(server.url).read("a")


def test_renewed_credentials_are_found_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(request: Request) -> Answer:
        known = "Credential=FRESH/" in request.headers["authorization"]
        return OK if known else Answer(400, "ExpiredToken")

    given = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(given))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with scripted(check) as server:
        store = at(server.url)
        with pytest.raises(StoreUnavailable, match="NoCredentialsError") as caught:
            store.put_if_absent("a", b"body", HELD)
        assert caught.value.remedy.startswith("Without S3: --store FOLDER. With it: AWS_ACCESS_KEY_ID")
        for name in ("STALE", "FRESH"):
            given.write_text(f"[default]\naws_access_key_id={name}\naws_secret_access_key=x\n")
            if name == "STALE":
                with pytest.raises(StoreUnavailable, match="ExpiredToken"):
                    store.put_if_absent("a", b"body", HELD)
        assert store.put_if_absent("a", b"body", HELD) is True


FOREIGN = [
    kind
    for kind in vars(botocore.exceptions).values()
    if inspect.isclass(kind) and issubclass(kind, Exception) and not issubclass(kind, Warning)
]


@pytest.mark.parametrize("kind", [*FOREIGN, botocore.parsers.ResponseParserError, urllib3.exceptions.HTTPError])
def test_no_error_of_the_library_is_missed(kind: type[Exception]) -> None:
    error = kind.__new__(kind)
    if isinstance(error, botocore.exceptions.ClientError):
        error.response = {}
    translated = s3_error(error, "can't write a")
    assert isinstance(translated, StoreRefused | StoreUnavailable)
    assert translated.remedy
    passes = issubclass(kind, PASSING)
    assert isinstance(translated, StoreUnavailable) == passes


PASSING = (
    botocore.exceptions.HTTPClientError,
    botocore.exceptions.ConnectionError,
    botocore.exceptions.NoCredentialsError,
    botocore.exceptions.PartialCredentialsError,
    botocore.exceptions.CredentialRetrievalError,
    botocore.exceptions.NoAuthTokenError,
    botocore.exceptions.TokenRetrievalError,
    botocore.exceptions.MetadataRetrievalError,
    botocore.exceptions.RefreshWithMFAUnsupportedError,
    botocore.exceptions.SSOError,
    botocore.exceptions.LoginError,
    botocore.exceptions.IncompleteReadError,
    botocore.exceptions.ChecksumError,
    botocore.exceptions.FlexibleChecksumError,
    botocore.exceptions.CapacityNotAvailableError,
    botocore.exceptions.PaginationError,
    botocore.parsers.ResponseParserError,
    urllib3.exceptions.HTTPError,
)


def test_the_tables_name_classes_that_exist() -> None:
    named = module.CREDENTIAL_ERRORS | module.TRANSPORT_ERRORS | module.SETTINGS_ERRORS
    known = {kind.__name__ for kind in (*FOREIGN, *PASSING, OSError)}
    assert named <= known


@pytest.mark.parametrize("ours", [KeyError("a"), ValueError("a"), StoreRefused("a"), AssertionError()])
def test_other_errors_are_left_alone(ours: Exception) -> None:
    assert s3_error(ours, "can't write a") is None
