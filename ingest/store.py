"""Where objects are kept: a folder or a bucket. The only importer of boto3.

Both do what `ingest.chain.Store` says and pass one contract suite (tests/store). What they ask of a caller
is the smaller of what the two can hold, so that whatever a folder takes, S3 takes too: see `check_key` and
`check_metadata`. The same condition that makes a chain safe is asked for in one call each: a hard link in
a folder, `If-None-Match: *` on S3.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import threading
import time
import zlib
from base64 import b64encode
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast
from urllib.parse import unquote, urlsplit

import polars as pl

from ingest.chain import Entry, Store
from ingest.errors import SettingsError, StoreError, StoreRefused, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from botocore.exceptions import ClientError
    from mypy_boto3_s3 import S3Client

_NAME: Final = re.compile(r"[a-z0-9_-]+")
_VALUE: Final = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?")
_ABSENT: Final = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_METADATA_LIMIT: Final = 2048  # bytes of names and values together: S3's own limit


def open_store(
    url: str, *, endpoint_url: str | None = None, region: str | None = None, kms_key_id: str | None = None
) -> Store:
    """The store at `s3://bucket/prefix`, `file:///folder`, or a folder's path. Touches nothing yet."""
    parts = urlsplit(url)
    if parts.scheme == "s3" and parts.netloc:
        return S3Store(parts.netloc, parts.path, endpoint_url=endpoint_url, region=region, kms_key_id=kms_key_id)
    if parts.scheme == "file" and not parts.netloc and parts.path:
        return FolderStore(Path(unquote(parts.path)))
    if "://" in url or not url:
        raise SettingsError(f"not a store: {url!r}", "Give s3://bucket/prefix, file:///folder or a path.")
    return FolderStore(Path(url).expanduser())


def is_key(key: str) -> bool:
    """Whether both stores can hold `key`: parts between single `/`, none empty or beginning with a dot."""
    return key.isprintable() and all(part and part[0] != "." for part in key.split("/"))


def check_key(key: str) -> None:
    """Raise ValueError unless `is_key`: nothing outside the root, nothing that a listing would hide."""
    if not is_key(key):
        raise ValueError(f"not an object's key: {key!r}")


def check_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """The mapping with names in lower case; ValueError if S3 could not hand it back unchanged.

    Names are letters, digits, `_` and `-`; values printable ASCII without spaces at either end; 2,048 bytes
    in all. HTTP headers carry them, which change everything else on the way.
    """
    lower = {name.lower(): value for name, value in metadata.items()}
    held = all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in lower.items())
    if not held or len(lower) < len(metadata):
        raise ValueError("metadata must be plain ASCII, its names distinct in lower case")
    if sum(len(name) + len(value) for name, value in lower.items()) > _METADATA_LIMIT:
        raise ValueError(f"metadata is over {_METADATA_LIMIT} bytes")
    return lower


class FolderStore:
    """Objects as files below `root`, which is made on the first put.

    A body is written under a hidden name, flushed to the disk, and then linked to its own name: that link
    is the condition, and the moment when a reader sees it. Metadata is not kept beside the body, where a
    crash could part the two, but read from the Parquet footer; so a body must be Parquet whose footer holds
    exactly the metadata given. A killed writer leaves at most a hidden `.put-…`, which no listing shows.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._durable: set[Path] = set()

    @property
    def url(self) -> str:
        """The folder's path."""
        return str(self._root)

    def put_if_absent(self, key: str, body: bytes, metadata: Mapping[str, str]) -> bool:
        """See `Store`. ValueError if the body's footer does not hold `metadata`."""
        check_key(key)
        if _footer(BytesIO(body)) != check_metadata(metadata):
            raise ValueError(f"{key}: in a folder the Parquet footer must hold exactly the metadata given")
        path = self._root / key
        with self._filesystem(f"can't write {key}"):
            self._make(path.parent)
            won = _create(path, body)
            _sync(path.parent)  # also when it was taken: its writer may have died before this step
        return won

    def metadata(self, key: str) -> dict[str, str] | None:
        """See `Store`."""
        check_key(key)
        with self._filesystem(f"can't read {key}"):
            try:
                with (self._root / key).open("rb") as body:
                    found = _footer(body)
            except _ABSENT:
                return None
        if found is None:
            raise StoreRefused(f"{self.url}: {key} is damaged, or is no Parquet", "Put it aside.")
        return found

    def read(self, key: str) -> bytes:
        """See `Store`."""
        check_key(key)
        with self._filesystem(f"can't read {key}"):
            try:
                return (self._root / key).read_bytes()
            except _ABSENT as error:
                raise _missing(self.url, key) from error

    def list(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        """See `Store`. One directory at a time is held in memory."""
        with self._filesystem("can't list"):
            yield from _walk(self._root, "", prefix, after)

    def _make(self, directory: Path) -> None:
        """Make the directory and its parents, so that they too outlive a power cut."""
        known = directory in self._durable
        missing = [] if known else [one for one in directory.parents if not one.exists()]
        directory.mkdir(parents=True, exist_ok=True)
        if known:
            return
        ours = [one for one in (directory, *directory.parents) if one.is_relative_to(self._root)]
        for parent in {one.parent for one in (*ours, *missing)}:
            _sync(parent)
        self._durable.add(directory)

    @contextmanager
    def _filesystem(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _folder_error(error, f"{self.url}: {what}") from error


def _create(path: Path, body: bytes) -> bool:
    hidden = path.with_name(f".put-{secrets.token_hex(8)}")
    try:
        with hidden.open("xb") as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        return _link(hidden, path)
    finally:
        hidden.unlink(missing_ok=True)


def _link(hidden: Path, path: Path) -> bool:
    try:
        path.hardlink_to(hidden)
    except FileExistsError:
        # NFS may answer a repeated request with "exists" though the first one made the link
        return hidden.stat().st_nlink == 2
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        remedy = "Use a local disk (ext4, xfs, APFS …) or NFS for the folder, or an S3 bucket."
        raise StoreRefused(f"{path.parent}: this filesystem has no hard links", remedy) from error
    return True


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a filesystem that can't flush directories
            raise
    finally:
        os.close(handle)


def _footer(source: BinaryIO) -> dict[str, str] | None:
    """The key/value metadata of a Parquet footer, names in lower case; None if it isn't Parquet."""
    try:
        found = pl.read_parquet_metadata(source)
    except pl.exceptions.PolarsError:
        return None
    return {name.lower(): value for name, value in found.items() if name != "ARROW:schema"}


def _walk(directory: Path, above: str, prefix: str, after: str) -> Iterator[Entry]:
    """Entries in key order. Comparing text is comparing UTF-8 bytes: both follow the code points."""
    try:
        found = [(one.name + "/" * one.is_dir(), one) for one in os.scandir(directory)]
    except FileNotFoundError:
        return
    for name, one in sorted(found, key=lambda pair: pair[0]):
        key = above + name
        if not is_key(key.removesuffix("/")):
            continue
        if name.endswith("/"):
            wanted = key.startswith(prefix) or prefix.startswith(key)
            if wanted and (after <= key or after.startswith(key)):
                yield from _walk(directory / one.name, key, prefix, after)
        elif key.startswith(prefix) and key > after:
            yield Entry(key, one.stat().st_size)


def _folder_error(error: OSError, what: str) -> StoreError:
    text = f"{what}: {error.strerror or error}"
    if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL):
        return StoreRefused(text, "Choose another folder.")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreUnavailable(text, "Free some space; nothing is lost meanwhile.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreUnavailable(text, "Give this user the right to write there; nothing is lost meanwhile.")
    return StoreUnavailable(text, "Look at the disk and its mount; nothing is lost meanwhile.")


def _missing(url: str, key: str) -> StoreRefused:
    return StoreRefused(f"{url}: there is no object {key}", "List what is there with `ingest status`.")


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
        raise StoreUnavailable(f"{self.url}: can't write {key}: S3 answered 409 each time", _BUSY_REMEDY)

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
                if _status(error) not in (409, 412):
                    raise
                return False if _status(error) == 412 else None
        return True

    def metadata(self, key: str) -> dict[str, str] | None:
        """See `Store`."""
        check_key(key)
        with self._calling(f"can't read {key}") as s3:
            try:
                found = s3.head_object(Bucket=self._bucket, Key=self._root + key)
            except s3.exceptions.ClientError as error:
                if _status(error) != 404:
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
                raise _missing(self.url, key) from error

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
                        yield Entry(key, one["Size"])

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
            translated = s3_error(error, f"{self.url}: {what}")
            if translated is None:
                raise
            if translated.remedy == _ACCESS_REMEDY:
                self._forget(client)
            raise translated from error

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


_ACCESS_REMEDY: Final = (
    "Check the credentials, the clock, and the rights s3:PutObject, s3:GetObject and s3:ListBucket (with "
    "kms:GenerateDataKey and kms:Decrypt for an encrypted bucket). Then it goes on by itself."
)
_BUSY_REMEDY: Final = "It is asked again; nothing is lost meanwhile. `ingest doctor` shows each step."
_REFUSED_REMEDY: Final = "Check bucket, region, endpoint and key settings with `ingest doctor`."
_REGION_REMEDY: Final = "Set AWS_REGION to the bucket's region, S3_ENDPOINT_URL to the address redirected to."
_REFUSED: Final = {
    "NoSuchBucket": "Create the bucket, or set S3_BUCKET_RAW_EVENTS to one that is there.",
    "InvalidBucketName": "Set S3_BUCKET_RAW_EVENTS to a bucket's name.",
    "PermanentRedirect": _REGION_REMEDY,
    "301": _REGION_REMEDY,
    "AuthorizationHeaderMalformed": _REGION_REMEDY,
    "IllegalLocationConstraintException": _REGION_REMEDY,
    "NotImplemented": "This store has no conditional writes; use one that has (If-None-Match on PUT).",
}
# fmt: off
#: Codes that come with status 400; a bare 400 is how HEAD, which has no body, says ExpiredToken.
_ACCESS: Final = frozenset((
    "400", "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "KMS.DisabledException",
))
_BUSY: Final = frozenset((
    "RequestTimeout", "BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch",
    "XAmzContentChecksumMismatch", "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded",
    "KMS.ThrottlingException", "KMS.KMSInvalidStateException", "InternalError", "ServiceUnavailable",
))
#: Classes of botocore and urllib3, by name: to import them is to wait for them.
CREDENTIAL_ERRORS: Final = frozenset((
    "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "NoAuthTokenError",
    "TokenRetrievalError", "MetadataRetrievalError", "RefreshWithMFAUnsupportedError", "SSOError",
    "LoginError",
))
TRANSPORT_ERRORS: Final = frozenset((
    "HTTPClientError", "ConnectionError", "IncompleteReadError", "ChecksumError", "FlexibleChecksumError",
    "CapacityNotAvailableError", "PaginationError", "ResponseParserError", "HTTPError", "OSError",
))
# fmt: on
SETTINGS_ERRORS: Final = frozenset(("BotoCoreError", "UndefinedModelAttributeError"))


def s3_error(error: Exception, what: str) -> StoreError | None:
    """Every error of botocore, and of the connections below it, as ours; None for any other error.

    Texts carry codes and class names, not the library's own words: those may quote a body or a process's
    output. The original is chained.
    """
    kinds = {kind.__name__ for kind in type(error).__mro__}
    name = type(error).__name__
    if "ClientError" in kinds:
        return _answer_error(cast("ClientError", error), what)
    if kinds & CREDENTIAL_ERRORS:
        return StoreUnavailable(f"{what}: no usable credentials ({name})", _ACCESS_REMEDY)
    if kinds & TRANSPORT_ERRORS:
        return StoreUnavailable(f"{what}: no proper answer from S3 ({name})", _BUSY_REMEDY)
    if isinstance(error, RecursionError):  # how botocore ends when every request is redirected
        return StoreRefused(f"{what}: the endpoint redirects every request", _REGION_REMEDY)
    if kinds & SETTINGS_ERRORS:
        return StoreRefused(f"{what}: boto3 can't work with these settings ({name})", _REFUSED_REMEDY)
    return None


def _answer_error(error: ClientError, what: str) -> StoreError:
    code, status = error.response.get("Error", {}).get("Code", "?"), _status(error)
    text = f"{what}: S3 answered {code}" + (f" ({status})" if code != str(status) else "")
    if code in _REFUSED or status == 501:
        return StoreRefused(text, _REFUSED[code if code in _REFUSED else "NotImplemented"])
    if code in _ACCESS or status in (401, 403):
        return StoreUnavailable(text, _ACCESS_REMEDY)
    if code in _BUSY or status in (408, 409, 425, 429) or status >= 500:
        return StoreUnavailable(text, _BUSY_REMEDY)
    return StoreRefused(text, _REFUSED_REMEDY)


def _status(error: ClientError) -> int:
    """The HTTP status; 0 where the answer had none (an error inside a body with status 200)."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
