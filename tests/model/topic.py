"""The topic as the broker holds it, and what was ever in it: the truth that the chains are held against."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Log:
    """One partition of one incarnation: records by offset; what is gone, and how it went."""

    topic_id: str
    number: int
    low: int = 0
    high: int = 0
    records: dict[int, str] = field(default_factory=dict)
    ever: dict[int, str] = field(default_factory=dict)
    cut: set[int] = field(default_factory=set)  #: records that retention took

    def produce(self, count: int) -> None:
        for _ in range(count):
            value = f"{self.topic_id}/{self.number}/{self.high}"
            self.records[self.high] = self.ever[self.high] = value
            self.high += 1

    def mark(self) -> None:
        """The marker of a transaction takes an offset and is no record."""
        self.high += 1

    def compact(self, index: int) -> int | None:
        """One record goes, as if a later one had its key."""
        if not self.records:
            return None
        offset = sorted(self.records)[index % len(self.records)]
        del self.records[offset]
        return offset

    def retain(self, low: int) -> None:
        """What lies before `low` goes."""
        self.low = max(self.low, min(low, self.high))
        gone = {offset for offset in self.records if offset < self.low}
        self.cut |= gone
        for offset in gone:
            del self.records[offset]

    def run(self, position: int, limit: int) -> list[int]:
        """Offsets of the next records from a position on."""
        return sorted(offset for offset in self.records if offset >= position)[:limit]


class Topic:
    """One name, several incarnations one after the other. `logs` are the present one's."""

    name = "t"

    def __init__(self, partitions: int) -> None:
        self.incarnations: list[list[Log]] = []
        self.remake(partitions)

    @property
    def logs(self) -> list[Log]:
        return self.incarnations[-1]

    @property
    def topic_id(self) -> str:
        return self.logs[0].topic_id

    def remake(self, partitions: int) -> None:
        """Deleted and made again, empty, with another id."""
        name = f"id{len(self.incarnations)}"
        self.incarnations.append([Log(name, number) for number in range(partitions)])

    def grow(self) -> int:
        """One partition more; its number."""
        self.logs.append(Log(self.topic_id, len(self.logs)))
        return len(self.logs) - 1
