"""A bucket of S3 as the store. The only importer of boto3."""

from __future__ import annotations

import threading
import time
import zlib
from base64 import b64encode
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ingest.chain import Entry
from ingest.errors import SettingsError, StoreError, StoreUnavailable
from ingest.keys import check_key, check_metadata, is_key, missing
from ingest.s3_errors import ACCESS, BUSY_REMEDY, s3_error, status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_s3 import S3Client

_RULES_REMEDY: Final = (
    "Reading lifecycle rules takes the rights s3:GetLifecycleConfiguration and s3:GetBucketVersioning, changing them "
    "s3:PutLifecycleConfiguration. Where the store has no such rules: --without rules."
)
_FOR_ALL_RULES: Final = "TransitionDefaultMinimumObjectSize"  # set anew with every change of a rule
_CONFLICT_PAUSES: Final = (0.0, 0.05, 0.2, 0.8)  # seconds before each try of a put that S3 answered with 409


class S3Store:
    """Objects in a bucket of S3, or of a store that speaks its API at `endpoint_url`, below `prefix`.

    Credentials are boto3's own affair (environment, files, roles). When S3 does not accept them, the
    client is made anew for the next call, so that a renewed credentials file is found without a restart.
    botocore repeats a put whose answer was lost; the repeated one finds its own object and says False,
    which is why the chain compares the writer's nonce. S3 Express buckets list in no order: not usable.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        endpoint_url: str | None = None,
        region: str | None = None,
        kms_key_id: str | None = None,
        max_connections: int = 16,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if endpoint_url and urlsplit(endpoint_url).scheme not in ("http", "https"):
            raise SettingsError(f"not an address: {endpoint_url!r}", "S3_ENDPOINT_URL is http:// or https://.")
        self._bucket = bucket
        prefix = prefix.strip("/")
        if prefix:
            check_key(prefix)
        self._root = prefix + "/" if prefix else ""
        self._endpoint_url, self._region, self._max_connections = endpoint_url, region, max_connections
        self._encryption: dict[str, Any] = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id} if kms_key_id else {}
        )
        self._sleep = sleep
        self._client: S3Client | None = None
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """`s3://bucket/prefix`."""
        return f"s3://{self._bucket}/{self._root}".rstrip("/")

    def put_if_absent(self, key: str, body: bytes, metadata: Mapping[str, str]) -> bool:
        """See `Store`."""
        check_key(key)
        held = check_metadata(metadata)
        for pause in _CONFLICT_PAUSES:
            self._sleep(pause)
            won = self._put(key, body, held)
            if won is not None:
                return won
        raise StoreUnavailable(f"{self.url}: can't write {key}: S3 answered 409 each time", BUSY_REMEDY)

    def _put(self, key: str, body: bytes, metadata: Mapping[str, str]) -> bool | None:
        """True or False as in `Store`; None if S3 wants the same again (409, which botocore leaves to us)."""
        checksum = b64encode(zlib.crc32(body).to_bytes(4)).decode()
        with self._calling(f"can't write {key}") as s3:
            try:
                s3.put_object(
                    Bucket=self._bucket,
                    Key=self._root + key,
                    Body=body,
                    Metadata=metadata,
                    IfNoneMatch="*",
                    ChecksumCRC32=checksum,
                    **self._encryption,
                )
            except s3.exceptions.ClientError as error:
                if status_of(error) not in (409, 412):
                    raise
                return False if status_of(error) == 412 else None
        return True

    def metadata(self, key: str) -> dict[str, str] | None:
        """See `Store`."""
        check_key(key)
        with self._calling(f"can't read {key}") as s3:
            try:
                found = s3.head_object(Bucket=self._bucket, Key=self._root + key)
            except s3.exceptions.ClientError as error:
                if status_of(error) != 404:
                    raise
                return None
        return {name.lower(): value for name, value in found["Metadata"].items()}

    def read(self, key: str) -> bytes:
        """See `Store`."""
        check_key(key)
        with self._calling(f"can't read {key}") as s3:
            try:
                return s3.get_object(Bucket=self._bucket, Key=self._root + key)["Body"].read()
            except s3.exceptions.NoSuchKey as error:
                raise missing(self.url, key) from error

    def list(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        """See `Store`. One request for every 1,000 objects."""
        start: dict[str, Any] = {"StartAfter": self._root + after} if after else {}
        with self._calling("can't list") as s3:
            pages = s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._root + prefix, **start
            )
            for page in pages:
                for one in page.get("Contents", ()):
                    key = one["Key"].removeprefix(self._root)
                    if is_key(key):
                        yield Entry(key, one["Size"], one["LastModified"])

    @property
    def root(self) -> str:
        """What every key of ours begins with in the bucket: empty, or with a slash at its end."""
        return self._root

    def rules(self) -> Sequence[dict[str, Any]]:
        """The bucket's lifecycle rules, in the words of S3's API; all of them, whoever made them."""
        with self._governing("can't read the lifecycle rules") as s3:
            return [*map(dict, self._lifecycle(s3).get("Rules", ()))]

    def set_rules(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Put these in the place of all lifecycle rules of the bucket; what holds for all of them stays."""
        with self._governing("can't set the lifecycle rules") as s3:
            kept = {name: value for name, value in self._lifecycle(s3).items() if name == _FOR_ALL_RULES}
            told: Any = {"Bucket": self._bucket, "LifecycleConfiguration": {"Rules": list(rules)}, **kept}
            s3.put_bucket_lifecycle_configuration(**told)

    def _lifecycle(self, s3: S3Client) -> Mapping[str, Any]:
        """What S3 says of the lifecycle; nothing, if there are no rules."""
        try:
            return s3.get_bucket_lifecycle_configuration(Bucket=self._bucket)
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchLifecycleConfiguration":
                raise
            return {}

    def keeps_versions(self) -> bool:
        """Whether what is removed stays as a noncurrent version; so it does where versioning was ever enabled."""
        with self._governing("can't ask for versioning") as s3:
            return "Status" in s3.get_bucket_versioning(Bucket=self._bucket)

    def server_time(self) -> datetime | None:
        """What the server's clock says, to the second; None if it does not say."""
        with self._calling("can't ask for the time") as s3:
            # below the prefix, like all that is asked: to ask for the bucket itself may not be allowed
            found = s3.list_objects_v2(Bucket=self._bucket, Prefix=self._root, MaxKeys=1)
        head = found["ResponseMetadata"]["HTTPHeaders"]
        return parsedate_to_datetime(head["date"]) if "date" in head else None

    def _connected(self) -> S3Client:
        with self._lock:
            if self._client is None:
                self._client = _client(self._endpoint_url, self._region, self._max_connections)
            return self._client

    @contextmanager
    def _calling(self, what: str) -> Iterator[S3Client]:
        client = None
        try:
            client = self._connected()
            yield client
        except Exception as error:
            asked = client.meta.endpoint_url if client else self._endpoint_url
            translated = s3_error(error, f"{self.url}: {what}", asked)
            if translated is None:
                raise
            if translated.remedy in ACCESS:
                self._forget(client)
            raise translated from error

    @contextmanager
    def _governing(self, what: str) -> Iterator[S3Client]:
        """As `_calling`, for what takes other rights than objects do."""
        try:
            with self._calling(what) as s3:
                yield s3
        except StoreError as error:
            raise type(error)(str(error), _RULES_REMEDY) from error

    def _forget(self, client: S3Client | None) -> None:
        with self._lock:
            if self._client is client:
                self._client = None


def _client(endpoint_url: str | None, region: str | None, max_connections: int) -> S3Client:
    import boto3  # noqa: PLC0415 - it takes over a second, and a folder has no use for it
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=5,
        read_timeout=30,
        retries={"mode": "standard", "total_max_attempts": 3},  # the chain above has patience, not this
        max_pool_connections=max_connections,
        tcp_keepalive=True,
        # botocore's own checksums come as a trailer of a chunked body, which other stores than Amazon's
        # reject or keep as part of the body; ours is a plain header, which they check or ignore
        request_checksum_calculation="when_required",
        s3={"addressing_style": "path" if endpoint_url else "auto"},
    )
    session = boto3.session.Session()  # a new one: sessions keep credentials, also those that expired
    client: S3Client = session.client("s3", endpoint_url=endpoint_url, region_name=region, config=config)
    return client
