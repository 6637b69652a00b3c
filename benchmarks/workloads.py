"""What the topics hold: how many events of which size, over how many partitions, and how many of them are bad."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

TYPES = ("page_view", "interaction", "lesson_started", "lesson_complete", "item_answered", "assessment_complete")
WORDS = (
    "water",
    "cycle",
    "carries",
    "heat",
    "from",
    "sea",
    "to",
    "cloud",
    "while",
    "learners",
    "measure",
    "what",
    "falls",
)
START = datetime(2026, 1, 1, tzinfo=UTC)
#: What is wrong with a bad record, in turn.
FAULTS = (
    lambda value: value[:-20],
    lambda value: value.replace(b'"learner_id":', b'"learner":'),
    lambda value: value.replace(b'"event_type":"', b'"event_type":1,"was":"'),
    lambda value: b"\xff" + value,
)


@dataclass(frozen=True)
class Workload:
    """A topic's contents. `size` is the mean length of a record's value in bytes; `bad` a share of the records.

    `codec` is what its producer compresses with: `zstd` as `ingest produce`, `none` as most clients by default.
    """

    events: int
    size: int = 400
    partitions: int = 4
    bad: float = 0.0
    codec: str = "zstd"

    @property
    def topic(self) -> str:
        """A name that says what is in it."""
        return f"events_{self.events}_{self.size}b_{self.partitions}p_{self.bad * 1000:g}bad_{self.codec}"

    def __str__(self) -> str:
        size = f"{self.size} B" if self.size < 1000 else f"{self.size / 1000:g} KB"
        codec = "" if self.codec == "zstd" else ", not compressed"
        bad = f"{self.bad:.1%} bad" if self.bad else "clean"
        return (
            f"{self.events:,} events of {size}, {self.partitions} partition{'s'[: self.partitions - 1]}, {bad}{codec}"
        )


def records(workload: Workload, seed: int = 1) -> Iterator[tuple[bytes, bytes]]:
    """Every record as (key, value), the key the learner's id; the same for the same workload and seed."""
    random = Random(seed)  # noqa: S311 - reproducible on purpose
    learners = max(100, workload.events // 200)
    contents = _contents(random, workload)
    every = round(1 / workload.bad) if workload.bad else workload.events + 1
    for number in range(workload.events):
        learner = b"learner-%06d" % int(random.random() * learners)
        value = _event(random, number, learner, contents)
        if number % every == every - 1:
            value = FAULTS[number // every % len(FAULTS)](value)
        yield learner, value


def bad_records(workload: Workload) -> int:
    """How many of the records are no events."""
    return workload.events // round(1 / workload.bad) if workload.bad else 0


def _event(random: Random, number: int, learner: bytes, contents: list[bytes]) -> bytes:
    at = START + timedelta(milliseconds=number * 7)
    return b'{"event_id":"%016x","event_type":"%s","timestamp":"%s","learner_id":"%s","session_id":"s-%s-%d",%s' % (
        random.getrandbits(64),
        TYPES[number % len(TYPES)].encode(),
        at.isoformat(timespec="milliseconds").removesuffix("+00:00").encode() + b"Z",
        learner,
        learner[-6:],
        number // 100_000,
        contents[int(random.random() * len(contents))],
    )


def _contents(random: Random, workload: Workload) -> list[bytes]:
    """Ends of events, from `data` on: a few hundred to a few thousand, of half to one and a half the mean length."""
    fixed = len(_event(random, 10_000, b"learner-000000", [b""]))
    more = b',"metadata":{"device":"tablet","app":"classroom/7.2.1"},"version":"1.0"' if workload.size >= 300 else b""
    frame = b'"data":{"lesson_id":"lesson-%03d","note":"%s"}%s}'
    spare = workload.size - fixed - len(frame % (0, b"", more))
    many = max(200, min(4000, 16_000_000 // workload.size))
    lengths = (max(0, round(spare * (0.5 + place / (many - 1)))) for place in range(many))
    return [frame % (place % 1000, _text(random, length), more) for place, length in enumerate(lengths)]


def _text(random: Random, length: int) -> bytes:
    words = (f"{random.choice(WORDS)} {random.getrandbits(12):x}" for _ in range(length // 5 + 1))
    return " ".join(words)[:length].encode()
