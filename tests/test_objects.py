from __future__ import annotations

import io

import duckdb  # as an independent reader of Parquet
import polars as pl
import pytest

from ingest.errors import ChainError, InputError
from ingest.events import SCHEMA
from ingest.objects import ChainId, Encoder, ObjectMetadata, check_body, checksum_of, settings_of, settings_text
from ingest.records import OffsetRange
from tests.chains import CHAIN, batch


def test_a_key_names_the_slot_and_sorts_as_offsets_do():
    chain = ChainId("events_raw", "aB-_9", 7)
    assert chain.key(42) == "events_raw/aB-_9/partition=00007/00000000000000000042.parquet"
    assert sorted(chain.key(start) for start in (100, 9, 2**63 - 1)) == [
        chain.key(9),
        chain.key(100),
        chain.key(2**63 - 1),
    ]


def test_an_object_is_named_by_its_position_and_tells_its_range():
    made = Encoder("1.2", "w")(CHAIN, batch(5, 7, 9, lost=(OffsetRange(5, 6), OffsetRange(6, 7))))
    assert made.key == CHAIN.key(5)
    assert made.metadata == ObjectMetadata(
        CHAIN,
        OffsetRange(5, 10),
        7,
        2,
        0,
        "1.2",
        "w",
        checksum=made.metadata.checksum,
        lost=(OffsetRange(5, 6), OffsetRange(6, 7)),
    )


def test_metadata_comes_back_from_its_text():
    made = Encoder("1.2", "w")(CHAIN, batch(5, 7, 9, lost=(OffsetRange(5, 6), OffsetRange(6, 7))))
    assert ObjectMetadata.from_text(made.key, made.metadata.to_text()) == made.metadata
    plain = Encoder("1.2", "w")(CHAIN, batch(5, 7, 9))
    assert ObjectMetadata.from_text(plain.key, plain.metadata.to_text()) == plain.metadata


@pytest.mark.parametrize("broken", [{}, {"start": "x"}, {"start": "9", "next": "5"}])
def test_foreign_metadata_is_refused(broken):
    text = Encoder("1.2", "w")(CHAIN, batch(5, 7)).metadata.to_text()
    with pytest.raises(ChainError, match=r"some/key\.parquet"):
        ObjectMetadata.from_text("some/key.parquet", (text | broken) if broken else {})


def test_equal_batches_give_equal_bytes():
    assert Encoder("1", "w")(CHAIN, batch(0, 1, 2)).body == Encoder("1", "w")(CHAIN, batch(0, 1, 2)).body


def test_the_checksum_covers_every_byte():
    made = Encoder("1", "w")(CHAIN, batch(0, 1, 2))
    check_body(made.body)
    assert made.metadata.checksum == checksum_of(made.body) != "00000000"
    for at in range(len(made.body)):
        flipped = bytearray(made.body)
        flipped[at] ^= 1 << at % 8
        with pytest.raises(InputError):
            check_body(bytes(flipped))


@pytest.mark.parametrize("length", [0, 3, 8, 100, -1])
def test_a_truncated_body_is_told(length):
    body = Encoder("1", "w")(CHAIN, batch(0, 1, 2)).body
    with pytest.raises(InputError, match="footer has no checksum"):
        check_body(body[:length])


def test_settings_come_back_from_their_text():
    settings = {"group": "a&b=c d", "max-record-bytes": "5", "cluster": ""}
    text = settings_text(settings)
    assert text.isascii()
    assert settings_of(text) == settings
    assert text == settings_text(dict(reversed(settings.items())))


WRITTEN = {"none": "UNCOMPRESSED", "lz4": "LZ4_RAW"}


@pytest.mark.parametrize("compression", ["snappy", "zstd", "lz4", "gzip", "none"])
def test_parquet_as_another_reader_sees_it(compression, tmp_path):
    made = Encoder("1", "w", compression)(CHAIN, batch(0, 1, 2))
    path = str(tmp_path / "object.parquet")
    (tmp_path / "object.parquet").write_bytes(made.body)
    with duckdb.connect() as db:
        used = {row[0] for row in db.execute("select compression from parquet_metadata(?)", [path]).fetchall()}
        columns = db.execute("select name, logical_type from parquet_schema(?) offset 1", [path]).fetchall()
        footer = db.execute("select decode(key), decode(value) from parquet_kv_metadata(?)", [path]).fetchall()
    assert used <= {WRITTEN.get(compression, compression.upper())}
    assert [name for name, _ in columns] == list(SCHEMA)
    assert "isAdjustedToUTC=1" in dict(columns)["occurred_at"]
    assert "MICROS" in dict(columns)["occurred_at"]
    assert made.metadata.to_text().items() <= dict(footer).items()
    assert pl.read_parquet(io.BytesIO(made.body)).schema == pl.Schema(SCHEMA)
