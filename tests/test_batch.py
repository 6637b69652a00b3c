from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import batch as batches
from ingest.batch import Buffer, Due, Limits
from ingest.objects import Encoder
from ingest.records import OffsetRange
from tests.chains import CHAIN, batch, kept, raw_event, records


def buffer(position: int = 0, rows: int = 3, nbytes: int = 1 << 20, age: float = 60) -> Buffer:
    return Buffer(position, Limits(rows, nbytes, age), kept())


def test_an_empty_buffer_is_never_due():
    assert buffer().due(now=1e9) is None


def test_due_by_rows():
    found = buffer(rows=3)
    found.add(records(0, 1), now=0)
    assert found.due(0) is None
    found.add(records(2), now=0)
    assert found.due(0) is Due.ROWS


def test_due_by_bytes():
    found = buffer(nbytes=2 * len(raw_event(0)))
    found.add(records(0), now=0)
    assert found.due(0) is None
    found.add(records(1), now=0)
    assert found.due(0) is Due.BYTES


def test_due_by_the_age_of_the_first_record():
    found = buffer(age=60)
    found.add(records(0), now=100)
    found.add(records(1), now=159)
    assert found.due(159.9) is None
    assert found.due(160) is Due.AGE


def test_a_batch_holds_at_most_the_rows_asked_for_and_the_rest_waits_on():
    found = buffer(position=5, rows=3, age=60)
    found.add(records(7, 8, 9, 12), now=0)
    taken = found.take(now=30)
    assert taken.range == OffsetRange(5, 10), "the slot is the position, not the first record"
    assert taken.rows["_offset"].to_list() == [7, 8, 9]
    assert (found.position, len(found), found.reading_from) == (10, 1, 13)
    assert found.due(89.9) is None
    assert found.due(90) is Due.AGE, "the rest's age counts from the cut"
    assert found.take(90).range == OffsetRange(10, 13)
    assert found.due(1e9) is None


def test_records_before_the_position_are_dropped():
    found = buffer(position=8)
    found.add(records(6, 7), now=0)
    assert len(found) == 0
    found.add(records(7, 8, 9), now=0)
    assert found.take(0).rows["_offset"].to_list() == [8, 9]


def test_what_others_have_stored_is_dropped(monkeypatch):
    monkeypatch.setattr(batches, "CHUNK_ROWS", 2)
    found = buffer(rows=10)
    found.add(records(0, 1), now=0)
    found.add(records(2), now=0)
    found.drop_before(1)
    assert (found.position, len(found)) == (1, 2)
    found.drop_before(50)
    assert (found.position, len(found), found.due(1e9)) == (50, 0, None)
    found.add(records(49, 50), now=0)
    assert found.take(0).range == OffsetRange(50, 51)


def test_lost_ranges_travel_with_the_batch_that_holds_them():
    found = buffer(position=5, rows=2)
    found.lose(OffsetRange(5, 8))
    found.add(records(8), now=0)
    found.lose(OffsetRange(9, 12))
    found.add(records(12, 13), now=0)
    found.lose(OffsetRange(14, 20))
    first, second = found.take(0), found.take(0)
    assert (first.range, first.lost) == (OffsetRange(5, 13), (OffsetRange(5, 8), OffsetRange(9, 12)))
    assert (second.range, second.lost) == (OffsetRange(13, 14), ())
    found.add(records(20), now=0)
    assert found.take(0).lost == (OffsetRange(14, 20),)


def test_a_lost_range_that_others_have_on_record_is_forgotten():
    found = buffer(position=5)
    found.lose(OffsetRange(5, 8))
    found.lose(OffsetRange(9, 12))
    found.drop_before(10)
    found.add(records(12), now=0)
    assert found.take(0).lost == (OffsetRange(10, 12),)


def test_after_leaves_what_the_winner_does_not_cover():
    whole = batch(0, 2, 3, 7, lost=(OffsetRange(0, 2), OffsetRange(4, 7)))
    rest = whole.after(5)
    assert rest is not None
    assert (rest.range, rest.rows["_offset"].to_list(), rest.lost) == (OffsetRange(5, 8), [7], (OffsetRange(5, 7),))
    assert whole.after(8) is None
    assert whole.after(0).lost == whole.lost


@pytest.mark.parametrize("chunk", [1, 2, 1000])
@given(
    steps=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    gaps=st.lists(st.integers(0, 3), min_size=48, max_size=48),
    rows=st.integers(1, 5),
)
def test_batches_follow_each_other_and_hold_every_record_once(chunk, steps, gaps, rows):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "CHUNK_ROWS", chunk)
        found, sent, taken, offset = buffer(rows=rows), [], [], 0
        for count in steps:
            run = []
            for _ in range(count):
                offset += gaps[len(sent) + len(run)]
                run.append(offset)
                offset += 1
            found.add(records(*run), now=0)
            sent += run
            while found.due(0):
                taken.append(found.take(0))
        if len(found):
            taken.append(found.take(0))
    ends = [0] + [one.range.next for one in taken]
    assert [one.range.start for one in taken] == ends[:-1]
    assert [offset for one in taken for offset in one.rows["_offset"]] == sent
    assert all(one.rows.height <= rows for one in taken)


def test_what_the_broker_lacks_is_read_past_once():
    """Cut off twice before a record came in between: the second loss begins where the first ended."""
    waiting = Buffer(10, Limits(100, 1 << 20, 60), kept())
    waiting.lose(OffsetRange(10, 17))
    assert waiting.reading_from == 17
    waiting.lose(OffsetRange(17, 20))
    waiting.add(records(21), now=0)
    assert waiting.reading_from == 22
    taken = waiting.take(now=0)
    assert (taken.range, taken.lost) == (OffsetRange(10, 22), (OffsetRange(10, 17), OffsetRange(17, 20)))


def test_reading_begins_behind_what_was_gone_before_the_chain():
    waiting = Buffer(0, Limits(100, 1 << 20, 60), kept())
    waiting.lose(OffsetRange(0, 5))
    assert waiting.reading_from == 5
    waiting.add(records(8), now=0)
    assert (waiting.take(now=0).range, waiting.reading_from) == (OffsetRange(0, 9), 9)


def test_a_loss_behind_records_that_wait_is_read_past_too():
    waiting = Buffer(10, Limits(100, 1 << 20, 60), kept())
    waiting.add(records(10, 11), now=0)
    waiting.lose(OffsetRange(12, 15))
    assert waiting.reading_from == 15


def test_what_was_gone_before_the_chain_is_a_loss_for_whoever_comes_second():
    """Both see an empty chain whose records begin at 4; another one, who saw them from 0 on, has stored [0, 2)."""
    ours = batch(0, 4, 5, lost=(OffsetRange(0, 4),))
    assert Encoder("v", "w")(CHAIN, ours).metadata.lost == ()
    rest = ours.after(2)
    assert Encoder("v", "w")(CHAIN, rest).metadata.lost == (OffsetRange(2, 4),)
