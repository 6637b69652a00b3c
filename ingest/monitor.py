"""Who is told what the consumer does, for health and metrics: the interface alone.

The consumer tells, and asks nothing: a monitor never changes what is read or stored. Times are seconds of
`Clock.monotonic`. A monitor is told from several threads and must not block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ingest.batch import Batch, Due
    from ingest.chain import Appended
    from ingest.records import OffsetRange, Partition


class Monitor(Protocol):
    """Hears of everything that a metric or the health of the consumer depends on."""

    def turned(self, now: float, held: int, paused: bool) -> None:
        """The poll loop went round: it holds so many bytes, and reading is paused or not."""

    def joined(self, now: float) -> None:
        """The group has given out its partitions anew, none to us perhaps; told before `assigned`."""

    def assigned(self, partition: Partition, now: float) -> None:
        """The partition is ours; the tip of its chain is being looked for."""

    def opened(self, partition: Partition, position: int, reading_from: int, now: float) -> None:
        """Its chain ends at `position`, and records are read from `reading_from` on."""

    def gone(self, partition: Partition) -> None:
        """The partition is ours no longer."""

    def read(self, partition: Partition, records: int, nbytes: int, reading_from: int, now: float) -> None:
        """So many records, and bytes of their values, came in; `reading_from` is the offset after the last."""

    def ends(self, partition: Partition, end: int, now: float) -> None:
        """The broker's partition ends at offset `end`, as asked apart from reading."""

    def reached(self, partition: Partition, offset: int, now: float) -> None:
        """The partition was read to its end, which was at `offset`: beyond the last record, perhaps."""

    def flushing(self, partition: Partition, due: Due, now: float) -> None:
        """A batch was due for this reason, and is on its way to the store, behind another one perhaps.

        `landed` follows, also where others' objects cover all of it, unless the partition is gone before.
        """

    def landed(self, partition: Partition, batch: Batch, appended: Appended, seconds: float, now: float) -> None:
        """What became of a batch, so many seconds after it was sent on its way: encoding and tries included."""

    def store_failed(self, partition: Partition, error: Exception, now: float) -> None:
        """A put or a listing failed and is tried again."""

    def store_answered(self, partition: Partition, now: float) -> None:
        """A put or a listing succeeded."""

    def broker_failed(self, error: Exception, now: float) -> None:
        """A question to the broker failed and is asked again."""

    def broker_answered(self, now: float) -> None:
        """A question to the broker was answered. Of a member with partitions, `ends` says it too.

        One without any is to ask something now and then: else nobody notices that the broker went away.
        """

    def lost(self, partition: Partition, lost: OffsetRange) -> None:
        """The broker had deleted these before they were read."""

    def stopping(self, now: float) -> None:
        """No more is read; what is held is flushed."""
