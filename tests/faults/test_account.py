"""The account finds every kind of discrepancy that is planted, and none where there is none."""

from __future__ import annotations

from io import BytesIO

import polars as pl
import pytest

from tests.faults.account import Account, Incarnation, Stored, account
from tests.faults.flood import value

ID = "id-1"


def stored(start: int, stop: int, offsets=None, *, label="a", key=None, lost=None, partition=0, metadata=True):
    """An object of [start, stop) as the pipeline would write it, or with other rows."""
    offsets = list(range(start, stop)) if offsets is None else offsets
    raw = [value(label, partition, offset) for offset in offsets]
    bad = [one.startswith(b"no event") for one in raw]
    rows = pl.DataFrame(
        {
            "_topic_id": [ID] * len(raw),
            "_partition": pl.Series([partition] * len(raw), dtype=pl.Int32),
            "_offset": offsets,
            "event_id": [
                None if wrong else one.decode()[13:].split('"')[0] for one, wrong in zip(raw, bad, strict=True)
            ],
            "_error": pl.Series(["not_json" if wrong else None for wrong in bad], dtype=pl.String),
            "_raw": pl.Series([one if wrong else None for one, wrong in zip(raw, bad, strict=True)], dtype=pl.Binary),
        }
    )
    said = {"topic-id": ID, "partition": str(partition), "start": str(start), "next": str(stop)}
    said |= {"lost": lost} if lost else {}
    body = BytesIO()
    rows.write_parquet(body, metadata=said)
    name = key or f"t/{ID}/partition={partition:05d}/{start:020d}.parquet"
    return Stored(name, body.getvalue(), said if metadata else None)


def check(*objects: Stored, end: int = 300, **incarnation) -> Account:
    return account(objects, "t", {ID: Incarnation("a", {0: end}, **incarnation)})


def test_a_sound_chain_has_no_faults():
    found = check(stored(100, 300, metadata=False), stored(0, 100), Stored("_probe/canary-1", b"", None))
    assert vars(found) == vars(Account(records=300, objects=2, rows=300))


def test_of_a_topic_deleted_meanwhile_the_rest_may_be_missing():
    assert check(stored(0, 100), whole=False).faults == []
    assert check(whole=False).faults == []


def test_what_retention_deleted_is_excused_where_it_is_on_record():
    found = check(stored(0, 100), stored(100, 300, range(150, 300), lost="100-150"), deleted={0: 150})
    assert (found.faults, found.lost, found.recorded) == ([], 0, 50)
    before_the_pipeline = check(stored(0, 300, range(150, 300)), deleted={0: 150})
    assert (before_the_pipeline.faults, before_the_pipeline.recorded) == ([], 150)


@pytest.mark.parametrize(
    ("objects", "lost", "doubled", "altered", "says"),
    [
        ([], 300, 0, 0, "ends at 0"),
        ([stored(0, 200)], 100, 0, 0, "ends at 200"),
        ([stored(0, 100), stored(150, 300)], 50, 0, 0, "gap"),
        ([stored(0, 200), stored(150, 300)], 0, 50, 0, "overlap"),
        ([stored(50, 300)], 50, 0, 0, "gap"),
        ([stored(0, 300, [*range(99), *range(100, 300)])], 1, 0, 0, "in no object"),
        ([stored(0, 300, [*range(99), 98, *range(99, 300)])], 0, 1, 0, "doubled"),
        ([stored(0, 301)], 0, 0, 0, "never had"),
        ([stored(0, 300, label="b")], 0, 0, 300, "not their offset's record"),
        ([stored(0, 300, lost="0-10")], 0, 0, 0, "the broker had it"),
        ([stored(0, 100), stored(100, 300, range(150, 300), lost="100-150")], 50, 0, 0, "in no object"),
        ([stored(0, 100), stored(100, 300, key=f"t/{ID}/partition=00000/{120:020d}.parquet")], 0, 0, 0, "of itself"),
        ([stored(0, 300)._replace(metadata={"start": "0", "next": "200"})], 0, 0, 0, "the store's metadata"),
        (
            [stored(0, 300), stored(0, 10, key="t/id-2/partition=00000/00000000000000000000.parquet")],
            0,
            0,
            0,
            "no chain",
        ),
        ([stored(0, 300), stored(0, 10, partition=7)], 0, 0, 0, "no partition"),
        ([stored(0, 300), Stored("t/stray", b"", None)], 0, 0, 0, "no chain"),
    ],
)
def test_what_is_wrong_is_found(objects, lost, doubled, altered, says):
    found = check(*objects)
    assert (found.lost, found.doubled, found.altered) == (lost, doubled, altered)
    assert any(says in fault for fault in found.faults), found.faults


def test_what_is_not_on_record_is_lost_though_retention_deleted_it():
    found = check(stored(0, 100), stored(100, 300, range(150, 300)), deleted={0: 150})
    assert (found.lost, found.recorded) == (50, 0)
    assert found.faults


def test_the_row_of_a_bad_record_keeps_its_bytes():
    good = stored(0, 300)
    rows = pl.read_parquet(BytesIO(good.body)).with_columns(pl.col("_raw") + b"!")
    body = BytesIO()
    rows.write_parquet(body, metadata=dict(good.metadata))
    assert check(good._replace(body=body.getvalue())).altered == 3
