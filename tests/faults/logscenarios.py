"""What happens to the topic and to time: scenarios of the fault suite."""

from __future__ import annotations

import signal

from tests.faults.storefaults import UNAVAILABLE
from tests.faults.trial import Trial

_NO_TOPIC = 3  # the exit code of a start without the topic
_LITTLE_MEMORY = {"MAX_BUFFER_BYTES": "1000000", "MAX_BATCH_BYTES": "500000", "MAX_RECORD_BYTES": "100000"}


def partitions_added(x: Trial, records: int, rounds: int) -> None:
    """The topic grows while it is read."""
    for name in ("m0", "m1"):
        x.member(name).start()
    for _ in x.feed(records, rounds):
        x.topic.widen(len(x.flood.sent) + x.chance.randint(1, 3))
        x.faults["partitions added"] += 1
    x.catch_up()


def topic_made_again(x: Trial, records: int, rounds: int) -> None:
    """The topic is deleted and made again under its consumers, with all of it stored or in the middle.

    They have no names of their own: to a group that knows its members by name, one that comes back is no reason to
    look at the topic again, which may have more partitions now.
    """
    x.forgiven = {_NO_TOPIC}
    for name in ("m0", "m1"):
        x.member(name, static=False).start()
    for moment in range(rounds):
        x.flood.send(records // rounds)
        whole = moment % 2 == 0
        if whole:
            x.catch_up()
        else:
            x.proxy.outage = UNAVAILABLE  # so that some is still to be stored, and in the members' hands
            x.wait(1)
        x.topic.close(whole=whole)
        x.topic.delete()
        x.wait(x.chance.uniform(0, 1))
        x.topic.make(x.chance.randint(2, 5))
        x.proxy.outage = None
        x.faults["topic deleted and made again"] += 1
        x.flood.send(1000)
        x.wait(1)
    x.catch_up()


def retention(x: Trial, records: int, rounds: int) -> None:
    """Records are deleted that were not read yet; each such stretch must be on record."""
    x.forgiven = {-signal.SIGKILL}
    x.kafka |= {"queued.max.messages.kbytes": "256", "fetch.message.max.bytes": "65536"}
    member = x.member("m0", batch=500, **_LITTLE_MEMORY)
    member.start()
    x.await_opened()
    for moment in x.feed(records, rounds):
        x.proxy.outage = UNAVAILABLE
        if moment % 3 == 2:
            member.kill()
        x.flood.send(records // rounds)
        x.flood.flush()
        x.wait(0.5)
        partition = x.chance.choice(list(x.flood.sent))
        x.topic.cut(partition, x.flood.sent[partition] - x.chance.randint(1, 300))
        x.faults["records deleted by retention"] += 1
        x.flood.send(200)
        x.proxy.outage = None
        if not member.running:
            member.start()
    x.catch_up()


def clock_jumps(x: Trial, records: int, rounds: int) -> None:
    """The time of day jumps by hours, back and forth."""
    names = ("m0", "m1")
    for name in names:
        driver = ["--jump", str(12 * 3600), "--seed", str(x.chance.randrange(1 << 32))]
        x.member(name, batch=500, driver=driver).start()
    for _ in x.feed(records, rounds):
        x.wait(0.2)
    x.catch_up()
    x.faults["clock jumped"] = sum(x.members[name].logged("clock_jumped") for name in names)
