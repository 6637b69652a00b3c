"""Which key of a store is what: the one place that knows the forms.

    <topic>/<topic id>/partition=<5 digits>/<start, 20 digits>.parquet                         an object of a chain
    _recovered/<topic>/<topic id>/partition=<5 digits>/<start, 20 digits>-<4 digits>.parquet   rows recovered from it
    _jobs/<job type>/<run id>/<number, 6 digits>.parquet                                       a job record
    _probe/…                                               the probe's canary; notes of what was accepted

All else is foreign: somebody's notes, another program's objects. No form can be taken for another, whatever
the topic is called. A recovered row is a second row of its record, on purpose: it takes the place of the
quarantined one in staging (docs/decisions/0012).
"""

from __future__ import annotations

import re
import zlib
from enum import StrEnum
from typing import Final, NamedTuple

from ingest.objects import SUFFIX, ChainId

_SUFFIX: Final = re.escape(SUFFIX)
_CHAIN: Final = r"(?P<topic>[^/]+)/(?P<topic_id>[^/]+)/partition=(?P<partition>\d{5})/(?P<start>\d{20})"
_OBJECT: Final = re.compile(_CHAIN + _SUFFIX, re.ASCII)
_RECOVERED: Final = re.compile(f"_recovered/{_CHAIN}-(?P<number>\\d{{4}}){_SUFFIX}", re.ASCII)
_JOB: Final = re.compile(rf"_jobs/[a-z]+/[A-Za-z0-9-]+/\d{{6}}{_SUFFIX}", re.ASCII)

RECOVERED_PREFIX: Final = "_recovered/"
JOBS_PREFIX: Final = "_jobs/"
PROBE_PREFIX: Final = "_probe/"
MAX_RECOVERIES: Final = 10_000  #: recovered objects of one object of a chain


class Kind(StrEnum):
    """What stands at a key."""

    OBJECT = "object"
    RECOVERED = "recovered"
    JOB = "job"
    PROBE = "probe"
    FOREIGN = "foreign"


#: What a warehouse loads, in this order.
LOADED: Final = (Kind.OBJECT, Kind.RECOVERED, Kind.JOB)


class Slot(NamedTuple):
    """What the key of an object of a chain says."""

    chain: ChainId
    start: int


def kind_of(key: str) -> Kind:
    """What stands at this key, going by its form alone."""
    if _OBJECT.fullmatch(key):
        return Kind.OBJECT
    if _RECOVERED.fullmatch(key):
        return Kind.RECOVERED
    if _JOB.fullmatch(key):
        return Kind.JOB
    return Kind.PROBE if key.startswith(PROBE_PREFIX) else Kind.FOREIGN


def slot_of(key: str) -> Slot | None:
    """The chain and the slot that the key of an object of a chain names; None for every other key."""
    found = _OBJECT.fullmatch(key)
    return _slot(found) if found else None


def recovered_from(key: str) -> Slot | None:
    """The slot of the object whose rows a recovered object takes the place of; None for every other key."""
    found = _RECOVERED.fullmatch(key)
    return _slot(found) if found else None


def recovered_prefix(slot: Slot) -> str:
    """What the keys of everything recovered from the object at this slot start with."""
    return f"{RECOVERED_PREFIX}{slot.chain.key(slot.start).removesuffix(SUFFIX)}-"


def recovered_key(slot: Slot, number: int) -> str:
    """The key of the recovered object of this number, from 0."""
    if not 0 <= number < MAX_RECOVERIES:
        raise ValueError(f"not the number of a recovered object: {number}")
    return f"{recovered_prefix(slot)}{number:04d}{SUFFIX}"


def number_of(key: str) -> int:
    """The number of a recovered object, from its key. Raises ValueError for every other key."""
    found = _RECOVERED.fullmatch(key)
    if found is None:
        raise ValueError(f"not the key of a recovered object: {key!r}")
    return int(found["number"])


def job_key(job_type: str, run_id: str, number: int) -> str:
    """The key of a run's record of this number, from 0."""
    key = f"{JOBS_PREFIX}{job_type}/{run_id}/{number:06d}{SUFFIX}"
    if kind_of(key) is not Kind.JOB:
        raise ValueError(f"not the key of a job record: {key!r}")
    return key


def acceptance_key(before: str, after: str) -> str:
    """The key of the note that chains written with the settings `before` may go on with `after`."""
    sums = (f"{zlib.crc32(text.encode()):08x}" for text in (before, after))
    return f"{PROBE_PREFIX}accepted-{'-'.join(sums)}"


def _slot(found: re.Match[str]) -> Slot:
    chain = ChainId(found["topic"], found["topic_id"], int(found["partition"]))
    return Slot(chain, int(found["start"]))
