"""The protocol's steps 1 and 4, over the folder store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest

from ingest.chain import Hint
from ingest.errors import ChainError, StoreUnavailable
from ingest.folder import FolderStore
from ingest.records import OffsetRange
from tests.chains import CHAIN, batch, chain


def ranges(root) -> list[OffsetRange]:
    found = []
    for path in sorted(root.glob("**/*.parquet")):
        text = pl.read_parquet_metadata(path)
        found.append(OffsetRange(int(text["start"]), int(text["next"])))
    return found


def stored_offsets(root) -> list[int]:
    return [offset for path in sorted(root.glob("**/*.parquet")) for offset in pl.read_parquet(path)["_offset"]]


class LosesResponses(FolderStore):
    """Stores the object, then fails as if the answer never came."""

    losing = 1

    def put_if_absent(self, key, body, metadata):
        won = super().put_if_absent(key, body, metadata)
        if self.losing:
            self.losing -= 1
            raise StoreUnavailable("the answer was lost")
        return won


def test_an_empty_chain_has_no_last_object_whatever_was_committed(tmp_path):
    assert chain(tmp_path).last() is None
    assert chain(tmp_path).last(Hint(500, 400)) is None
    assert chain(tmp_path).last(Hint(500, None)) is None


def test_batches_extend_the_chain(tmp_path):
    ours = chain(tmp_path)
    assert ours.append(batch(0, 3, 4)).next == 5
    appended = ours.append(batch(5, 5, 9))
    assert (appended.next, appended.conflicts, appended.recovered) == (10, 0, False)
    assert ours.last().range == OffsetRange(5, 10)
    assert ranges(tmp_path) == [OffsetRange(0, 5), OffsetRange(5, 10)]


@pytest.mark.parametrize(
    "hint",
    [None, Hint(2, 0), Hint(4, 2), Hint(6, 4), Hint(3, 0), Hint(99, None), Hint(6, None)],
    ids=["none", "behind", "nearly", "at the tip", "wrong end", "beyond", "no slot"],
)
def test_objects_win_over_commits(tmp_path, hint):
    ours = chain(tmp_path)
    for start in (0, 2, 4):
        ours.append(batch(start, start, start + 1))
    assert ours.last(hint).range == OffsetRange(4, 6)


def test_a_chain_that_is_shorter_than_what_was_committed_is_not_written(tmp_path):
    """Somebody deleted the last object: to write its slot again would hide that from the loader."""
    ours = chain(tmp_path)
    ours.append(batch(0, 0, 1))
    ours.append(batch(2, 2, 3))
    (tmp_path / CHAIN.key(2)).unlink()
    with pytest.raises(ChainError, match=r"has committed .*2\.parquet, up to offset 4, but the chain .* ends at 2"):
        ours.last(Hint(4, 2, ours.place))
    assert chain(tmp_path, accept=True).last(Hint(4, 2, ours.place)).range == OffsetRange(0, 2)
    assert ours.last(Hint(4, 2, "0000beef")).range == OffsetRange(0, 2), "it was committed for another prefix"


@pytest.mark.parametrize(
    ("hint", "first", "accept", "refused"),
    [
        (Hint(4, 2, "ours"), 0, False, True),
        (Hint(4, 2, "ours"), 3, False, True),
        (Hint(4, 2, "ours"), 4, False, False),
        (Hint(4, 2, "ours"), 0, True, False),
        (Hint(4, 2, "0000beef"), 0, False, False),
        (Hint(4, None), 0, False, False),
        (None, 0, False, False),
    ],
    ids=["all is there", "some is", "nothing to store twice", "accepted", "another place", "no slot", "no commit"],
)
def test_an_empty_chain_into_which_the_group_has_committed_does_not_begin(tmp_path, hint, first, accept, refused):
    """An unmounted volume looks like a new store: what the broker still has would be stored twice."""
    ours = chain(tmp_path, accept=accept)
    hint = hint and hint._replace(place=ours.place if hint.place == "ours" else hint.place)
    if not refused:
        ours.check_commit(hint, first, "is empty")
        return
    with pytest.raises(ChainError, match=r"has committed .*2\.parquet, up to offset 4, but the chain in .* is empty"):
        ours.check_commit(hint, first, "is empty")


def test_an_occupied_slot_leaves_the_rest_to_the_loser(tmp_path):
    chain(tmp_path, "winner").append(batch(0, 0, 1))
    appended = chain(tmp_path, "loser").append(batch(0, 0, 1, 2, 3))
    assert (appended.next, appended.conflicts) == (4, 1)
    assert appended.stored.metadata.range == OffsetRange(2, 4)
    assert stored_offsets(tmp_path) == [0, 1, 2, 3]


def test_a_winner_who_is_ahead_leaves_nothing_to_store(tmp_path):
    chain(tmp_path, "winner").append(batch(0, 0, 1, 2, 3))
    appended = chain(tmp_path, "zombie").append(batch(0, 0, 1))
    assert (appended.next, appended.stored, appended.conflicts) == (4, None, 1)
    assert stored_offsets(tmp_path) == [0, 1, 2, 3]


def test_a_lost_response_is_told_from_a_conflict(tmp_path):
    ours = chain(LosesResponses(tmp_path))
    with pytest.raises(StoreUnavailable):
        ours.append(batch(0, 0, 1))
    appended = ours.append(batch(0, 0, 1))
    assert (appended.next, appended.conflicts, appended.recovered) == (2, 0, True)
    assert stored_offsets(tmp_path) == [0, 1]


def test_writers_at_odds_over_batches_make_one_sound_chain(tmp_path):
    """Eight writers, each cutting the same hundred records in its own way, all from slot 0."""

    def write(size: int) -> None:
        ours, position = chain(tmp_path, f"writer-{size}"), 0
        while position < 100:
            end = min(position + size, 100)
            position = ours.append(batch(position, *range(position, end))).next

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, [1, 3, 7, 10, 13, 25, 50, 100]))
    found = ranges(tmp_path)
    assert [one.start for one in found] == [0] + [one.next for one in found[:-1]]
    assert stored_offsets(tmp_path) == list(range(100))


def test_another_incarnation_of_the_topic_is_another_chain(tmp_path):
    chain(tmp_path).append(batch(0, 0))
    other = chain(tmp_path)
    other.identity = type(CHAIN)("events_raw", "id-2", 0)
    assert other.last() is None


def test_an_object_that_was_moved_stops_everything(tmp_path):
    ours = chain(tmp_path)
    ours.append(batch(0, 0, 1))
    (tmp_path / CHAIN.key(0)).rename(tmp_path / CHAIN.key(7))
    with pytest.raises(ChainError, match="says of itself"):
        ours.last()


def test_notes_beside_the_objects_are_left_alone(tmp_path):
    ours = chain(tmp_path)
    ours.append(batch(0, 0, 1))
    for name in ("zzz.txt", "_SUCCESS", "9" * 19 + ".parquet", "copy-of-" + "9" * 20 + ".parquet"):
        (tmp_path / CHAIN.prefix / name).write_text("not an object")
    assert ours.last().range == OffsetRange(0, 2)


def test_a_foreign_object_in_the_chain_stops_everything(tmp_path):
    path = tmp_path / CHAIN.key(0)
    path.parent.mkdir(parents=True)
    pl.DataFrame({"a": [1]}).write_parquet(path)
    with pytest.raises(ChainError, match="no chain metadata"):
        chain(tmp_path).append(batch(0, 0))
