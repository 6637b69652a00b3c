"""Keys: each is of one kind, and says what it was made from."""

from __future__ import annotations

import pytest

from ingest.layout import (
    Kind,
    Slot,
    job_key,
    kind_of,
    number_of,
    recovered_from,
    recovered_key,
    recovered_prefix,
    slot_of,
)
from ingest.objects import ChainId
from ingest.probe import CANARY_KEY

CHAIN = ChainId("events_raw", "aB-_9", 7)
NAMES = ["events_raw", "_recovered", "_jobs", "_probe", "a.b-c_d", "partition=00001"]


@pytest.mark.parametrize("topic", NAMES)
@pytest.mark.parametrize("topic_id", NAMES)
def test_no_kind_is_taken_for_another_whatever_the_topic_is_called(topic, topic_id):
    slot = Slot(ChainId(topic, topic_id, 3), 42)
    assert kind_of(slot.chain.key(42)) is Kind.OBJECT
    assert kind_of(recovered_key(slot, 0)) is Kind.RECOVERED
    assert slot_of(slot.chain.key(42)) == slot == recovered_from(recovered_key(slot, 9_999))
    assert slot_of(recovered_key(slot, 0)) is None
    assert recovered_from(slot.chain.key(42)) is None


def test_keys_of_records_and_of_the_probe():
    assert job_key("ingest", "20260101T120000Z-0af", 12) == "_jobs/ingest/20260101T120000Z-0af/000012.parquet"
    assert kind_of(job_key("load", "x", 0)) is Kind.JOB
    assert kind_of(CANARY_KEY) is Kind.PROBE


@pytest.mark.parametrize(
    "key",
    [
        "notes.parquet",
        CHAIN.key(0) + ".tmp",
        "more/" + CHAIN.key(0),
        CHAIN.prefix + "x.parquet",
        CHAIN.prefix + "\u0660" * 20 + ".parquet",
        CHAIN.prefix + "0.parquet",
        "_recovered/" + CHAIN.key(0),
        "_recovered/" + CHAIN.key(0)[:-8] + "-1.parquet",
        "_jobs/ingest/000000.parquet",
        "_jobs/ingest/run/1.parquet",
        "_jobs/ingest/run/more/000001.parquet",
        "",
    ],
)
def test_every_other_key_is_foreign(key):
    assert kind_of(key) is Kind.FOREIGN
    assert slot_of(key) is None
    assert recovered_from(key) is None


def test_recovered_keys_start_with_their_objects_prefix_and_no_other_ones():
    slot = Slot(CHAIN, 5)
    assert recovered_key(slot, 3) == "_recovered/events_raw/aB-_9/partition=00007/00000000000000000005-0003.parquet"
    assert recovered_key(slot, 3).startswith(recovered_prefix(slot))
    assert not recovered_key(Slot(CHAIN, 50), 3).startswith(recovered_prefix(slot))
    assert recovered_key(slot, 9) < recovered_key(slot, 10)
    assert [number_of(recovered_key(slot, number)) for number in (0, 9_999)] == [0, 9_999]


def test_what_has_no_key_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="10000"):
        recovered_key(Slot(CHAIN, 0), 10_000)
    with pytest.raises(ValueError, match="recovered object"):
        number_of(CHAIN.key(0))
    with pytest.raises(ValueError, match="job record"):
        job_key("in/gest", "x", 0)
