from __future__ import annotations

import hashlib
import zlib
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.behaviour import CANONICAL, DAY, HOUR
from ingest.decode import Decoder
from ingest.errors import SettingsError
from ingest.faults import faults
from ingest.learners import generate
from ingest.records import Partition, Records
from ingest.scenario import Options, Truth

if TYPE_CHECKING:
    from collections.abc import Iterable

shares = st.floats(0, 0.3)
some_options = st.builds(
    Options,
    learners=st.integers(0, 9),
    tenants=st.integers(0, 4),
    **dict.fromkeys(
        ("wrapped", "epoch_ms", "aliases", "synonyms", "extras", "sent_at", "no_session"), st.floats(0, 1)
    ),
    **dict.fromkeys(("out_of_order", "late", "skewed", "duplicates", "conflicts", "malformed"), shares),
)
CALM = Options(out_of_order=0, late=0, skewed=0, duplicates=0, conflicts=0, malformed=0)
CALM_MILLIS = replace(CALM, epoch_ms=1.0, aliases=0.0)
ROUGH = Options(out_of_order=0.1, late=0.1, skewed=0.1, duplicates=0.1, conflicts=0.05, malformed=0.1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**63), st.integers(0, 300), some_options)
def test_the_same_seed_gives_the_same_records_and_truth(seed: int, count: int, options: Options) -> None:
    one, other = Truth(), Truth()
    assert list(generate(seed, count, options, one)) == list(generate(seed, count, options, other))
    assert one == other


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 300), some_options)
def test_the_truth_adds_up(seed: int, count: int, options: Options) -> None:
    truth = Truth()
    records = list(generate(seed, count, options, truth))
    assert len(records) == truth.records == count
    assert truth.valid + sum(truth.malformed.values()) == count
    assert truth.distinct_events + truth.duplicates + truth.conflicts == truth.valid
    assert sum(truth.types.values()) == sum(truth.canonical_types().values()) == truth.valid
    assert truth.wrapped <= truth.valid
    assert truth.learners <= len({key for key, _ in records})
    assert truth.first_ms <= truth.last_ms


def test_another_seed_gives_other_records() -> None:
    one, other = set(generate(1, 500, CALM)), set(generate(2, 500, CALM))
    assert not one & other


def test_fewer_records_are_the_beginning_of_more() -> None:
    options = Options(learners=5)
    assert list(generate(7, 100, options)) == list(generate(7, 300, options))[:100]


def test_the_checksum_is_of_what_was_yielded() -> None:
    whole, part = Truth(), Truth()
    values = list(generate(7, 100, ROUGH, whole))
    digest = hashlib.sha256()
    for key, value in values:
        digest.update(b"%d:%s%d:" % (len(key), key, -1 if value is None else len(value)) + (value or b""))
    assert whole.checksum == digest.hexdigest()
    cut = generate(7, 100, ROUGH, part)
    next(cut)
    cut.close()
    assert part.records == 1
    assert part.checksum not in ("", whole.checksum)


def test_a_learners_events_are_in_the_order_of_time_unless_asked_otherwise() -> None:
    last: dict[bytes, int] = defaultdict(int)
    for key, event in events(generate(3, 3000, CALM_MILLIS)):
        assert key.decode() == event["learner_id"]
        assert event["timestamp"] >= last[key]
        last[key] = event["timestamp"]
    assert len(last) > 10


def events(records: Iterable[tuple[bytes, bytes | None]]) -> list[tuple[bytes, dict[str, Any]]]:
    found = []
    for key, value in records:
        whole = msgspec.json.decode(value or b"{}")
        found.append((key, whole.get("event", whole)))
    return found


def test_visits_are_sessions_with_gaps_of_minutes_and_breaks_of_hours() -> None:
    times = defaultdict(list)
    for _, event in events(generate(3, 5000, CALM_MILLIS)):
        if event.get("session_id"):
            times[event["session_id"]].append(event["timestamp"])
    whole = [span for span in times.values() if len(span) > 5]
    assert len(whole) > 50
    assert all(after - before <= 5 * 60_000 for span in whole for before, after in pairwise(span))
    assert all(span[-1] - span[0] < 12 * HOUR for span in whole)


def test_shapes_and_sizes_are_mixed() -> None:
    values = [value for _, value in generate(3, 3000, Options(malformed=0)) if value is not None]
    assert 350 < sum(map(len, values)) / len(values) < 500
    wholes = [msgspec.json.decode(value) for value in values]
    bare = [whole for whole in wholes if "event" not in whole]
    wrapped = [whole for whole in wholes if "event" in whole]
    assert min(len(bare), len(wrapped)) > 1000
    assert all(set(whole) == {"event", "batch_id", "published_at", "producer_id"} for whole in wrapped)
    inner = bare + [whole["event"] for whole in wrapped]
    assert {type(event.get("timestamp", event.get("occurred_at"))) for event in inner} == {str, int}
    assert {event.get("session_id", "absent") for event in inner} >= {None, "", "absent"}
    assert {"payload", "context", "schema_version", "app_build"} <= {name for event in inner for name in event}
    assert {CANONICAL[event["event_type"]] for event in inner} == set(CANONICAL.values())
    assert len({event["event_type"] for event in inner}) > len(set(CANONICAL.values()))


def test_shares_come_out_near_what_was_asked() -> None:
    truth = Truth()
    list(generate(3, 20_000, ROUGH, truth))
    for share, count in (
        (0.1, truth.duplicates),
        (0.05, truth.conflicts),
        (0.1, sum(truth.malformed.values())),
        (0.1, truth.late_hours + truth.late_days),
        (0.1, truth.skewed),
    ):
        assert share * 0.5 < count / truth.records < share * 1.5


@pytest.fixture(scope="module")
def decoded() -> tuple[Truth, pl.DataFrame]:
    """Rough records as the consumer's own decode sees them: it must agree with what the generator meant."""
    truth, records = Truth(), Records()
    for offset, (_, value) in enumerate(generate(5, 20_000, ROUGH, truth)):
        records.append(offset, None, value)
    return truth, Decoder(Partition("events", 0), "id", 1_000_000)(records, datetime.now(UTC))


def test_decode_finds_the_same_faults(decoded: tuple[Truth, pl.DataFrame]) -> None:
    truth, rows = decoded
    assert Counter(rows["_error"].drop_nulls().to_list()) == truth.malformed
    assert set(truth.malformed) == {error for error, _ in faults()}


def test_decode_finds_the_same_events(decoded: tuple[Truth, pl.DataFrame]) -> None:
    truth, rows = decoded
    valid = rows.filter(pl.col("_error").is_null())
    ids = valid.select("tenant_id", "event_id")
    assert len(valid) == truth.valid
    assert ids.n_unique() == truth.distinct_events
    names = [f"{tenant}/{event}" for tenant, event in ids.unique().iter_rows()]
    assert sum(zlib.crc32(name.encode()) for name in names) == truth.ids_checksum
    assert dict(valid["event_type"].value_counts().iter_rows()) == truth.types
    assert valid["learner_id"].n_unique() == truth.learners
    assert valid["session_id"].null_count() == truth.without_session
    assert valid.drop_nulls("session_id").n_unique(["tenant_id", "learner_id", "session_id"]) == truth.sessions
    assert valid["published_at"].count() == truth.wrapped
    times = valid["occurred_at"].dt.epoch("ms")
    assert (times.min(), times.max()) == (truth.first_ms, truth.last_ms)


def test_conflicts_and_lateness_are_as_the_truth_says(decoded: tuple[Truth, pl.DataFrame]) -> None:
    truth, rows = decoded
    valid = rows.filter(pl.col("_error").is_null())
    contents = valid.group_by("tenant_id", "event_id").agg(pl.col("data").n_unique())
    assert contents.filter(pl.col("data") > 1).height == truth.conflicts > 0
    behind = (pl.col("published_at") - pl.col("occurred_at")).dt.total_milliseconds()
    firsts = valid.unique(["tenant_id", "event_id"], keep="first", maintain_order=True)
    assert firsts.filter(behind > 30 * DAY).height == truth.late_days > 0


def test_a_record_over_the_limit_is_made_on_request() -> None:
    truth = Truth()
    options = Options(malformed=0.5, oversized_bytes=70_000)
    sizes = [len(value or b"") for _, value in generate(5, 1000, options, truth)]
    assert sizes.count(70_000) == truth.malformed["too_large"] > 0


def test_the_truth_is_a_json_document() -> None:
    truth = Truth()
    list(generate(5, 200, ROUGH, truth))
    assert msgspec.json.decode(truth.to_json(), type=Truth) == truth


@pytest.mark.parametrize(
    "wrong", [{"late": 1.5}, {"wrapped": -0.1}, {"learners": -1}, {"duplicates": 0.6, "malformed": 0.5}]
)
def test_impossible_options_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError):
        Options(**wrong)
