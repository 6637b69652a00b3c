"""Is the work making progress? For the consumer a pure judgement of what it was heard to do (`ingest.progress`).

Three questions, each answered by its reasons to say no:

    health   is anything wrong that people should know of?
    live     … that a restart cures, and nothing but a restart?
    ready    are the partitions being read, and do store and broker answer?

A store or a broker that is away is no matter of `live`: a restart would help nobody, and cost the group a rebalance.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.progress import Run, Track
    from ingest.records import Partition


class Why(StrEnum):
    """Why the answer is no."""

    POLL_STALLED = "poll_stalled"
    PARTITION_STUCK = "partition_stuck"
    FLUSH_STUCK = "flush_stuck"
    STORE_FAILING = "store_failing"
    BROKER_FAILING = "broker_failing"
    END_UNKNOWN = "end_unknown"
    NOT_OPENED = "not_opened"
    NOT_ASSIGNED = "not_assigned"
    STOPPING = "stopping"
    LOAD_STALLED = "load_stalled"
    LOAD_KEPT_OUT = "load_kept_out"


#: What each reason means; docs/operations.md says the same, and what to do.
MEANINGS: Final[dict[Why, str]] = {
    Why.POLL_STALLED: "the thread that reads has not come round",
    Why.PARTITION_STUCK: "the broker has records that are not being read, though nothing hinders",
    Why.FLUSH_STUCK: "a batch that was due is not in the store yet",
    Why.STORE_FAILING: "the store fails, each time it is asked again",
    Why.BROKER_FAILING: "the broker does not answer",
    Why.END_UNKNOWN: "nothing was heard of this partition from the broker",
    Why.NOT_OPENED: "the end of the partition's chain is still being looked for",
    Why.NOT_ASSIGNED: "the consumer group has given out no partitions to this member, nor told it that it has none",
    Why.STOPPING: "a stop was asked for; what is held is being flushed",
    Why.LOAD_STALLED: "the loader has neither ended a look nor loaded an object",
    Why.LOAD_KEPT_OUT: "the loader finds the warehouse locked or the store away, each time it looks",
}
_REMEDIES: Final[dict[Why, str]] = {
    Why.POLL_STALLED: "Restart the process: nothing is lost, reading goes on behind the last object.",
    Why.PARTITION_STUCK: "Restart the process. If it comes again: can another client read the partition?",
    Why.FLUSH_STUCK: "Look for store_unavailable in the log; a store that is merely slow wants larger batches.",
    Why.STORE_FAILING: "Look for store_unavailable in the log.",
    Why.BROKER_FAILING: "Is the broker running there? See KAFKA_BOOTSTRAP_SERVERS.",
    Why.END_UNKNOWN: "Has the partition a leader? Ask the broker.",
    Why.NOT_OPENED: "Wait; or look for store_unavailable in the log.",
    Why.NOT_ASSIGNED: (
        "After a kill, or after the broker was away, the group waits session.timeout.ms (45 s) for members that are "
        "gone: wait, usually under a minute; KAFKA_GROUP_INSTANCE_ID avoids it after a kill. "
        "Else: do the group's other members answer, and may this one join KAFKA_CONSUMER_GROUP?"
    ),
    Why.STOPPING: "Wait.",
    Why.LOAD_STALLED: "Restart the process: each object is loaded once, whole or not at all.",
    Why.LOAD_KEPT_OUT: "Look for load_waits in the log.",
}
#: Seconds that are no trouble however short the patience: the broker is asked every 10 s.
_AT_LEAST: Final = {Why.END_UNKNOWN: 30.0}


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, how long it has been so, and what to do. `partition` is None where it is not about one."""

    reason: Why
    seconds: float
    partition: Partition | None = None
    lag: int | None = None
    error: Exception | None = None

    @property
    def remedy(self) -> str:
        """The next thing to do."""
        return getattr(self.error, "remedy", "") or _REMEDIES[self.reason]

    def to_json(self) -> dict[str, Any]:
        """The reason as JSON has it, without what it has nothing to say of."""
        told = {
            "reason": self.reason.value,
            "meaning": MEANINGS[self.reason],
            "topic": self.partition and self.partition.topic,
            "partition": self.partition and self.partition.number,
            "seconds": round(self.seconds, 1),
            "lag": self.lag,
            "error": self.error and str(self.error),
            "remedy": self.remedy,
        }
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Reasons to say no to each of the three questions; none: yes."""

    health: tuple[Reason, ...] = field(default=())
    live: tuple[Reason, ...] = field(default=())
    ready: tuple[Reason, ...] = field(default=())


def judge(run: Run, now: float, patience: float) -> Verdict:
    """The verdict at `now`; `patience` is how many seconds anything may go on before it is a matter of health."""
    health = [
        reason for reason in _troubles(run, now) if reason.seconds >= max(patience, _AT_LEAST.get(reason.reason, 0))
    ]
    if any(reason.reason is Why.BROKER_FAILING for reason in health):  # which says it all
        health = [reason for reason in health if reason.reason is not Why.END_UNKNOWN]
    hindered = run.broker_error is not None or any(track.error is not None for track in run.tracks.values())
    deadly = {Why.POLL_STALLED} if hindered else {Why.POLL_STALLED, Why.PARTITION_STUCK}
    live = tuple(reason for reason in health if reason.reason in deadly)
    return Verdict(tuple(health), live, (*_delays(run, now), *live))


def _troubles(run: Run, now: float) -> Iterator[Reason]:
    """All that is not as it should be, for however short a time."""
    tracks = sorted(run.tracks.items())
    if not run.stopping:
        yield Reason(Why.POLL_STALLED, now - run.turned_at)
        yield from _broker(run, now)
        for partition, track in tracks:
            yield from _reading(run, partition, track, now)
    yield from _store(run, now)
    for partition, track in tracks:
        if track.flushing_since is not None and track.failing_since is None:
            yield Reason(Why.FLUSH_STUCK, now - track.flushing_since, partition)


def _broker(run: Run, now: float) -> Iterator[Reason]:
    if run.broker_failing_since is not None:
        # Partitions are asked after all the time; without any, the last answer may be of long ago.
        since = run.broker_answered_at if run.tracks else run.broker_failing_since
        yield Reason(Why.BROKER_FAILING, now - since, error=run.broker_error)
    elif not run.joined and not run.tracks:
        yield Reason(Why.NOT_ASSIGNED, now - run.waiting_since)


def _reading(run: Run, partition: Partition, track: Track, now: float) -> Iterator[Reason]:
    """Why records of this partition may lie unread."""
    # While the broker fails no time is counted against a partition.
    quiet = (now if run.broker_error is None else run.broker_answered_at) - track.quiet_since
    if not track.opened:
        if track.failing_since is None:
            yield Reason(Why.NOT_OPENED, quiet, partition)
    elif track.behind > 1:  # found behind but once: the records may have come a moment before
        yield Reason(Why.PARTITION_STUCK, quiet, partition, track.lag)
    else:
        yield Reason(Why.END_UNKNOWN, now - track.heard_at, partition)


def _store(run: Run, now: float) -> Iterator[Reason]:
    """The store, once for all partitions: the one that has waited longest tells its error."""
    failing = [track for track in run.tracks.values() if track.failing_since is not None]
    worst = min(failing, key=_waiting_since, default=None)
    if worst is not None:
        yield Reason(Why.STORE_FAILING, now - _waiting_since(worst), error=worst.error)


def _waiting_since(track: Track) -> float:
    """Since when the store is waited for: a put may have hung long before it failed."""
    since = [track.failing_since, track.flushing_since, None if track.opened else track.quiet_since]
    return min(one for one in since if one is not None)


def _delays(run: Run, now: float) -> Iterator[Reason]:
    """Why the consumer is not ready, however short a time."""
    if run.stopping:
        yield Reason(Why.STOPPING, 0.0)
    yield from _broker(run, now)
    yield from _store(run, now)
    for partition, track in sorted(run.tracks.items()):
        if not track.opened:
            yield Reason(Why.NOT_OPENED, now - track.heard_at, partition)
