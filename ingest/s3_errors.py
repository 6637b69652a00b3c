"""The errors of botocore, and of the connections below it, in our words: the one place that translates them.

Classes of botocore and urllib3 are known here by name: to import them is to wait for them.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from ingest.errors import StoreError, StoreRefused, StoreUnavailable

ACCESS_REMEDY: Final = (
    "Check the credentials, the clock, and the rights s3:PutObject, s3:GetObject and s3:ListBucket (with "
    "kms:GenerateDataKey and kms:Decrypt for an encrypted bucket). A running consumer goes on by itself then."
)
CREDENTIALS_REMEDY: Final = (
    "Without S3: --store FOLDER. With it: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or the role of "
    "the machine or pod. A running consumer goes on by itself then."
)
#: What ends once access is mended: a client made anew may find other credentials.
ACCESS: Final = frozenset((ACCESS_REMEDY, CREDENTIALS_REMEDY))
BUSY_REMEDY: Final = (
    "Check S3_ENDPOINT_URL, AWS_REGION and the network. A consumer that runs asks again and loses nothing meanwhile."
)
_REFUSED_REMEDY: Final = "Check S3_BUCKET_RAW_EVENTS, AWS_REGION, S3_ENDPOINT_URL and S3_SSE_KMS_KEY_ID."
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


def s3_error(error: Exception, what: str, endpoint: str | None = None) -> StoreError | None:
    """Every error of botocore, and of the connections below it, as ours; None for any other error.

    `endpoint` is the address that was asked; of it, scheme, host and port are told.

    Texts carry codes and class names, not the library's own words: those may quote a body or a process's
    output. The original is chained.
    """
    kinds = {kind.__name__ for kind in type(error).__mro__}
    name = type(error).__name__
    if "ClientError" in kinds:
        return _answer_error(error, what)
    if kinds & CREDENTIAL_ERRORS:
        return StoreUnavailable(f"{what}: no usable credentials ({name})", CREDENTIALS_REMEDY)
    if kinds & TRANSPORT_ERRORS:
        return StoreUnavailable(f"{what}: no proper answer from {_place(endpoint)} ({name})", BUSY_REMEDY)
    if isinstance(error, RecursionError):  # how botocore ends when every request is redirected
        return StoreRefused(f"{what}: the endpoint redirects every request", _REGION_REMEDY)
    if kinds & SETTINGS_ERRORS:
        return StoreRefused(f"{what}: boto3 can't work with these settings ({name})", _REFUSED_REMEDY)
    return None


def _place(endpoint: str | None) -> str:
    if not endpoint:
        return "S3"
    parts = urlsplit(endpoint)  # a user, a path or a query may hold a secret
    return f"S3 at {parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _answer_error(error: Exception, what: str) -> StoreError:
    code, status = _answer(error).get("Error", {}).get("Code", "?"), status_of(error)
    text = f"{what}: S3 answered {code}" + (f" ({status})" if code != str(status) else "")
    if code in _REFUSED or status == 501:
        return StoreRefused(text, _REFUSED[code if code in _REFUSED else "NotImplemented"])
    if code in _ACCESS or status in (401, 403):
        return StoreUnavailable(text, ACCESS_REMEDY)
    if code in _BUSY or status in (408, 409, 425, 429) or status >= 500:
        return StoreUnavailable(text, BUSY_REMEDY)
    return StoreRefused(text, _REFUSED_REMEDY)


def status_of(error: Exception) -> int:
    """The HTTP status; 0 where the answer had none (an error inside a body with status 200)."""
    found: int = _answer(error).get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return found


def _answer(error: Exception) -> dict[str, Any]:
    found: dict[str, Any] = vars(error)["response"]  # what every ClientError has
    return found
