"""What must be true of the chains at every step and at the end of every history, whatever went wrong before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ingest.chain import Hint
from ingest.objects import ChainId, ObjectMetadata
from ingest.records import OffsetRange, Partition
from tests.model.topic import Log, Topic

#: What can be violated, and what it means.
KINDS = {
    "missing": "a record that the broker still had when the chain passed it is in no object",
    "doubled": "a record is in two objects",
    "foreign": "a record is in the chain of another incarnation of its topic",
    "unrecorded": "a record that retention took is in no object, and no object says so",
    "gap": "an object does not begin where the chain ends",
    "overlap": "two objects cover one offset",
    "overwritten": "an object was put over another one",
    "untrue": "an object says of itself what is not so",
    "commit": "something was committed that is not stored",
    "claimed": "a consumer counts more records as stored than it stored",
    "stopped": "a consumer ended with an error that nothing in the history accounts for",
    "stuck": "a healthy consumer did not come to its end",
}


class Violation(Exception):  # noqa: N818 - what is violated
    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind} ({KINDS[kind]}): {text}")
        self.kind = kind


@dataclass
class Stored:
    """One object, as it was put."""

    said: ObjectMetadata
    rows: dict[int, str]


class Soundness:
    """Holds every put and commit against the topic. `watch` are the kinds that count."""

    def __init__(self, topic: Topic, watch: frozenset[str]) -> None:
        self._topic, self._watch = topic, watch
        self.chains: dict[tuple[str, int], list[Stored]] = {}
        self._where: dict[str, str] = {}  # which object holds a record
        self.by_nonce: dict[str, int] = {}  # records stored by each process

    def violated(self, kind: str, text: str) -> None:
        if kind in self._watch:
            raise Violation(kind, text)

    def put(self, key: str, body: bytes, text: Mapping[str, str]) -> None:
        """An object was created."""
        said = ObjectMetadata.from_text(key, text)
        rows = {int(row.split("=")[0]): row.split("=")[1] for row in body.decode().split("\n")}
        log = self._log(said.chain)
        chain = self.chains.setdefault((log.topic_id, log.number), [])
        self._check_truth(key, said, rows)
        self._check_place(key, said, chain)
        self._check_rows(key, log, rows)
        chain.append(Stored(said, rows))
        self._check_complete(key, log, said, rows)
        self.by_nonce[said.nonce] = self.by_nonce.get(said.nonce, 0) + len(rows)

    def _log(self, chain: ChainId) -> Log:
        logs = self._topic.incarnations[int(chain.topic_id.removeprefix("id"))]
        return logs[chain.partition] if chain.partition < len(logs) else Log(chain.topic_id, chain.partition)

    def forget(self, key: str) -> None:
        """An object is there no more: where stores overwrite."""
        for chain in self.chains.values():
            for one in [one for one in chain if one.said.chain.key(one.said.range.start) == key]:
                chain.remove(one)
                for value in one.rows.values():
                    self._where.pop(value, None)

    def _check_truth(self, key: str, said: ObjectMetadata, rows: Mapping[int, str]) -> None:
        offsets = list(rows)
        if said.records != len(offsets) or said.first_offset != offsets[0] or offsets != sorted(offsets):
            self.violated("untrue", f"{key} says {said.first_offset}, {said.records} records, and holds {offsets}")
        if not said.range.start <= offsets[0] <= offsets[-1] < said.range.next:
            self.violated("untrue", f"{key} covers {said.range} and holds {offsets}")
        before = said.range.start
        for lost in said.lost:
            if not before <= lost.start < lost.next <= said.range.next:
                self.violated("untrue", f"{key} covers {said.range} and says lost: {list(map(str, said.lost))}")
            if any(lost.start <= offset < lost.next for offset in offsets):
                self.violated("untrue", f"{key} says lost: {lost}, and holds {offsets}")
            before = lost.next

    def _check_place(self, key: str, said: ObjectMetadata, chain: list[Stored]) -> None:
        tip = max((one.said.range.next for one in chain), default=0)
        if said.range.start > tip:
            self.violated("gap", f"{key} begins at {said.range.start}, and the chain ends at {tip}")
        for other in chain:
            if other.said.range.start < said.range.next and said.range.start < other.said.range.next:
                self.violated("overlap", f"{key} covers {said.range}, another object {other.said.range}")

    def _check_rows(self, key: str, log: Log, rows: Mapping[int, str]) -> None:
        for offset, value in rows.items():
            if not value.startswith(f"{log.topic_id}/{log.number}/"):
                self.violated("foreign", f"{key} holds {value}")
            elif log.ever.get(offset) != value:
                self.violated("untrue", f"{key} holds {value} as offset {offset}")
            if value in self._where:
                self.violated("doubled", f"{value} is in {self._where[value]} and in {key}")
            self._where[value] = key

    def _check_complete(self, key: str, log: Log, said: ObjectMetadata, rows: Mapping[int, str]) -> None:
        covered = range(said.range.start, said.range.next)
        if missing := [offset for offset in covered if offset in log.records and offset not in rows]:
            self.violated("missing", f"{key} covers {said.range} and lacks {missing}, which the broker has")
        gone = [offset for offset in covered if offset in log.cut and offset not in rows]
        if unrecorded := [offset for offset in gone if not _on_record(offset, said)]:
            self.violated("unrecorded", f"{key} covers {said.range}, lacks {unrecorded}, and says lost: {said.lost}")

    def commit(self, partition: Partition, hint: Hint) -> None:
        """A consumer committed this."""
        ranges = [
            one.said.range
            for (_, number), chain in self.chains.items()
            if number == partition.number
            for one in chain
        ]
        if not any(one.next == hint.offset and hint.slot in {None, one.start} for one in ranges):
            self.violated("commit", f"{hint} of {partition}, stored is {[str(one) for one in ranges]}")

    def end(self) -> None:
        """Everything has come to its end: whatever is missing up to the end of a chain is on record."""
        for logs in self._topic.incarnations:
            for log in logs:
                self._check_chain(log, to_the_end=logs is self._topic.logs)

    def _check_chain(self, log: Log, *, to_the_end: bool) -> None:
        chain = self.chains.get((log.topic_id, log.number), [])
        tip = max((one.said.range.next for one in chain), default=0)
        lost: list[OffsetRange] = [lost for one in chain for lost in one.said.lost]
        begun = [one.said.first_offset for one in chain if one.said.range.start == 0]
        for offset, value in log.ever.items():
            if value in self._where or (offset >= tip and not to_the_end):
                continue
            if offset in log.records:
                self.violated("missing", f"{value} is in no object, and the broker has it")
            on_record = any(one.start <= offset < one.next for one in lost) or (begun and offset < begun[0])
            if offset in log.cut and offset < tip and not on_record:
                self.violated("unrecorded", f"{value} is in no object and on no record")


def _on_record(offset: int, said: ObjectMetadata) -> bool:
    if said.range.start == 0 and offset < said.first_offset:
        return True
    return any(lost.start <= offset < lost.next for lost in said.lost)
