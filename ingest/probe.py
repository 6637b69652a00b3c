"""Does a store keep its word? Asked at start, before anything depends on it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import polars as pl

from ingest.errors import StoreRefused

if TYPE_CHECKING:
    from ingest.chain import Store

#: One key for ever, so that no litter grows where nobody may delete; no `.parquet` at its end, so that
#: neither `ingest load` nor a Snowflake pipe takes it for an object of a chain.
CANARY_KEY: Final = "_probe/canary-1"
CANARY_METADATA: Final = {"purpose": "probe", "next-offset": "00000000000000000042"}


def probe(store: Store) -> None:
    """Raise `StoreRefused` unless the store writes conditionally, keeps metadata and lists what it has.

    Puts a canary twice under one key. The first time in a store's life the first put succeeds; the second
    must always be turned down. Takes four requests; raises `StoreUnavailable` as the store does.
    """
    body = _canary()
    store.put_if_absent(CANARY_KEY, body, CANARY_METADATA)
    if store.put_if_absent(CANARY_KEY, body, CANARY_METADATA):
        raise StoreRefused(
            f"{store.url} ignores conditional writes: two writers would overwrite each other's records",
            "Use Amazon S3, a store whose PUT honours If-None-Match, or a folder.",
        )
    if store.metadata(CANARY_KEY) != CANARY_METADATA:
        raise StoreRefused(
            f"{store.url} does not give back the metadata of {CANARY_KEY} as it was put",
            "Look for a proxy that drops x-amz-meta headers, or for somebody else's object at that key.",
        )
    if CANARY_KEY not in {entry.key for entry in store.list(CANARY_KEY)}:
        raise StoreRefused(f"{store.url} does not list {CANARY_KEY}, which it holds", "Use another store.")


def _canary() -> bytes:
    target = io.BytesIO()
    pl.DataFrame({"canary": [True]}).write_parquet(target, compression="uncompressed", metadata=dict(CANARY_METADATA))
    return target.getvalue()
