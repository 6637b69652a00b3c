"""Histories of a consumer, and what is said of its health: no clock, no thread, no broker."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ingest.batch import Due
from ingest.chain import Appended
from ingest.errors import BrokerError, StoreUnavailable
from ingest.health import MEANINGS, Verdict, Why, judge
from ingest.progress import Progress
from ingest.records import Partition
from tests.chains import batch

P0, P1 = Partition("t", 0), Partition("t", 1)
PATIENCE = 300.0
STORE_IS_DOWN = StoreUnavailable("s3://b: can't write k: 503", "Check S3_ENDPOINT_URL.")
BROKER_IS_DOWN = BrokerError("asking for t[0]: Local: Timed out", "Is the broker running there?")

History = Callable[["Told"], None]


class Told:
    """A consumer that lives from 0 s on; `until` lets its poll loop turn every second, and its ends be asked."""

    def __init__(self) -> None:
        self.progress = Progress(0.0)
        self.now = 0.0
        self.paused = False
        self.end: dict[Partition, int] = {}  #: what the broker answers when it is asked, each 10 s
        self.broker_is_down = False

    def until(self, now: float) -> Told:
        while self.now < now:
            self.now += 1
            self.progress.turned(self.now, 0, self.paused)
            if self.now % 10 == 0:
                self._ask()
        return self

    def _ask(self) -> None:
        for partition, end in self.end.items():
            if self.broker_is_down:
                self.progress.broker_failed(BROKER_IS_DOWN, self.now)
                return
            self.progress.ends(partition, end, self.now)

    def open(self, *partitions: Partition, end: int = 0) -> Told:
        """Partitions with an empty chain, on a broker that ends at `end`."""
        self.progress.joined(self.now)
        for partition in partitions:
            self.progress.assigned(partition, self.now)
            self.progress.opened(partition, 0, 0, self.now)
            self.end[partition] = end
        return self

    def read(self, partition: Partition, read_to: int) -> Told:
        self.progress.read(partition, 1, 100, read_to, self.now)
        return self

    def flush(self, partition: Partition) -> Told:
        self.progress.flushing(partition, Due.AGE, self.now)
        return self

    def land(self, partition: Partition) -> Told:
        self.progress.landed(partition, batch(0, 0), Appended(1, None), 0.1, self.now)
        return self

    def fail(self, partition: Partition) -> Told:
        self.progress.store_failed(partition, STORE_IS_DOWN, self.now)
        return self

    def verdict(self) -> Verdict:
        return judge(self.progress.run(), self.now, PATIENCE)

    def why(self) -> tuple[set[str], set[str], set[str]]:
        """What /health, /livez and /readyz complain of."""
        said = self.verdict()
        return tuple({str(reason.reason) for reason in one} for one in (said.health, said.live, said.ready))


def settled(end: int = 0) -> Told:
    """A consumer that has read its two partitions to their end."""
    told = Told().open(P0, P1, end=end)
    for partition in (P0, P1):
        told.read(partition, end)
    return told


def idle_member(told: Told) -> None:
    told.progress.joined(5)
    told.until(5000)


def idle_topic(told: Told) -> None:
    told.open(P0, P1).until(5000)


def steady_reading(told: Told) -> None:
    told.open(P0, P1, end=10_000)
    for now in range(100, 3000, 100):
        told.until(now).read(P0, now).read(P1, now)


def slow_trickle_that_the_asking_sees_first(told: Told) -> None:
    """Every ask finds records that came a moment before and are read a moment later."""
    told.open(P0)
    for now in range(10, 3000, 10):
        told.end[P0] = now
        told.until(now).read(P0, now)


def markers_behind_the_last_record(told: Told) -> None:
    """Transactions and compaction: the broker ends at 12, the last record was 9, and all is read."""
    told.open(P0, end=12).until(10).read(P0, 10)
    told.progress.reached(P0, 12, 10)
    told.until(5000)


def records_that_wait_for_the_flush_interval(told: Told) -> None:
    told.open(P0, end=5).until(10).read(P0, 5).until(4000)


def long_batches_one_behind_the_other(told: Told) -> None:
    """Each takes 200 s, the next is prepared meanwhile: never 300 s without an object."""
    told.open(P0, end=100).read(P0, 100).flush(P0)
    for now in range(200, 3000, 200):
        told.flush(P0).until(now).land(P0)


def memory_that_is_full_for_a_store_that_is_slow(told: Told) -> None:
    told.open(P0, P1, end=10_000).read(P0, 100).read(P1, 100)
    told.paused = True
    for now in range(250, 3000, 250):
        told.flush(P0).until(now).land(P0)


def a_partition_that_goes_with_its_trouble(told: Told) -> None:
    told.open(P0, P1).flush(P0).fail(P0).until(100)
    told.progress.gone(P0)
    del told.end[P0]
    told.until(3000)


def a_rebalance_that_takes_all_and_gives_none_back(told: Told) -> None:
    told.open(P0).until(100)
    told.progress.gone(P0)
    told.end.clear()
    told.progress.joined(101)
    told.until(3000)


def a_store_that_came_back(told: Told) -> None:
    told.open(P0, end=10).read(P0, 10).flush(P0).fail(P0).until(299)
    told.progress.store_answered(P0, told.now)
    told.land(P0).until(1000)


@pytest.mark.parametrize(
    "history",
    [
        idle_member,
        idle_topic,
        steady_reading,
        slow_trickle_that_the_asking_sees_first,
        markers_behind_the_last_record,
        records_that_wait_for_the_flush_interval,
        long_batches_one_behind_the_other,
        memory_that_is_full_for_a_store_that_is_slow,
        a_partition_that_goes_with_its_trouble,
        a_rebalance_that_takes_all_and_gives_none_back,
        a_store_that_came_back,
    ],
)
def test_a_healthy_consumer_is_called_healthy_throughout(history):
    class Watched(Told):
        def _ask(self) -> None:
            super()._ask()
            assert self.why()[:2] == (set(), set()), self.now

    told = Watched()
    history(told)
    assert told.why() == (set(), set(), set())


def a_client_that_stopped_silently(told: Told) -> None:
    """What librdkafka was seen to do after a rebalance: no records, no error."""
    told.open(P0, P1).until(1000)
    told.end[P0] = 7


def a_client_that_never_began(told: Told) -> None:
    told.until(1000).open(P0, end=7)


def a_client_that_stopped_in_the_middle(told: Told) -> None:
    told.open(P0, end=10_000)
    for now in range(100, 1001, 100):
        told.until(now).read(P0, now)


@pytest.mark.parametrize(
    "history", [a_client_that_stopped_silently, a_client_that_never_began, a_client_that_stopped_in_the_middle]
)
def test_lag_without_progress_is_unhealthy_within_the_patience_and_wants_a_restart(history):
    told = Told()
    history(told)
    assert told.until(1280).why() == (set(), set(), set())
    assert told.until(1300).why() == ({"partition_stuck"}, {"partition_stuck"}, {"partition_stuck"})
    [reason] = told.verdict().health
    assert (reason.partition, reason.lag) == (P0, told.end[P0] - told.progress.run().tracks[P0].read_to)
    assert 290 <= reason.seconds <= 310
    told.read(P0, told.end[P0])
    assert told.why() == (set(), set(), set())


def test_one_stuck_partition_is_not_hidden_by_one_that_goes_on():
    told = settled()
    told.end = {P0: 50, P1: 10_000}
    for now in range(100, 401, 100):
        told.until(now).read(P1, now)
    [reason] = told.verdict().health
    assert (reason.reason, reason.partition) == (Why.PARTITION_STUCK, P0)


def test_records_that_the_first_ask_after_a_silence_finds_are_given_time_to_be_read():
    told = settled()
    told.end.clear()
    told.until(299).end[P0] = told.end[P1] = 50
    assert told.until(300).why() == (set(), set(), set())
    assert told.until(310).why()[1] == {"partition_stuck"}


def test_a_stuck_partition_wants_no_restart_while_the_store_fails():
    told = Told().open(P0, P1, end=9).read(P1, 9).flush(P1).fail(P1).until(320)
    assert told.why() == ({"partition_stuck", "store_failing"}, set(), {"store_failing"})
    told.progress.store_answered(P1, 320)
    assert told.why()[1] == {"partition_stuck"}


def test_a_poll_loop_that_stalls_is_unhealthy_and_wants_a_restart():
    told = settled().until(100)
    told.now = 399
    assert told.why() == (set(), set(), set())
    told.now = 400
    assert told.why() == ({"poll_stalled", "end_unknown"}, {"poll_stalled"}, {"poll_stalled"})


def test_a_start_that_hangs_is_unhealthy():
    told = Told()
    told.now = 300
    assert told.why()[1] == {"poll_stalled"}


def test_a_store_that_fails_is_unhealthy_and_wants_no_restart():
    told = settled(end=10).until(100).flush(P0).fail(P0)
    assert told.why() == (set(), set(), {"store_failing"}), "not ready at once"
    for now in range(130, 401, 30):
        told.until(now).fail(P0)
    assert told.until(400).why() == ({"store_failing"}, set(), {"store_failing"})
    [reason] = told.verdict().health
    assert reason.to_json() == {
        "reason": "store_failing",
        "meaning": MEANINGS[Why.STORE_FAILING],
        "seconds": 300.0,
        "error": "s3://b: can't write k: 503",
        "remedy": "Check S3_ENDPOINT_URL.",
    }


def test_reading_that_is_paused_for_a_failing_store_is_the_stores_fault():
    told = Told().open(P0, P1, end=1_000_000).read(P0, 500).read(P1, 500)
    told.paused = True
    told.flush(P0).flush(P1).fail(P0).until(5000)
    assert told.why() == ({"store_failing", "flush_stuck"}, set(), {"store_failing"})


def test_after_a_long_pause_a_partition_has_all_the_time_again_to_go_on():
    told = Told().open(P0, end=1_000_000).until(10).read(P0, 500).flush(P0)
    told.paused = True
    told.fail(P0).until(5000)
    told.paused = False
    told.land(P0).until(5280)
    assert told.why() == (set(), set(), set())
    assert told.until(5310).why()[1] == {"partition_stuck"}


def test_pauses_now_and_then_do_not_hide_a_partition_that_is_stuck():
    """Reading is paused every other second; the time between counts."""
    told = Told().open(P0, end=1000).open(P1, end=1_000_000)
    for now in range(1, 700):
        told.paused = now % 2 == 0
        told.flush(P1).until(now).land(P1).read(P1, now)
        if now == 280:
            assert told.why() == (set(), set(), set())
    assert told.why()[1] == {"partition_stuck"}


def test_paused_reading_with_nothing_at_the_store_is_stuck():
    told = Told().open(P0, end=1000)
    told.paused = True
    assert told.until(300).why()[1] == {"partition_stuck"}


def test_a_batch_that_does_not_get_into_the_store_is_unhealthy_and_wants_no_restart():
    told = settled(end=10).until(100).flush(P0)
    assert told.until(399).why() == (set(), set(), set())
    assert told.until(400).why() == ({"flush_stuck"}, set(), set())


def test_a_batch_behind_another_counts_from_when_that_one_landed():
    told = settled(end=10).flush(P0).until(100).flush(P0).until(200).land(P0)
    assert told.until(499).why() == (set(), set(), set())
    assert told.until(500).why() == ({"flush_stuck"}, set(), set())
    assert told.land(P0).until(3000).why() == (set(), set(), set())


def test_a_store_that_fails_again_and_again_counts_from_the_first_failure():
    told = settled().until(100).fail(P0).until(200).fail(P0).until(400)
    assert [reason.seconds for reason in told.verdict().health] == [300]


def test_a_put_that_hung_before_it_failed_counts_from_its_beginning():
    told = settled(end=10).until(100).flush(P0).until(390).fail(P0).until(400)
    [reason] = told.verdict().health
    assert (reason.reason, reason.seconds) == (Why.STORE_FAILING, 300)


def test_a_chain_that_is_not_found_for_long_is_unhealthy():
    told = Told()
    told.progress.joined(0)
    told.progress.assigned(P0, 0)
    assert told.until(10).why() == (set(), set(), {"not_opened"})
    assert told.until(300).why() == ({"not_opened"}, set(), {"not_opened"})
    told.fail(P0)
    assert told.why() == ({"store_failing"}, set(), {"store_failing", "not_opened"})


def test_a_broker_that_is_away_is_unhealthy_and_wants_no_restart():
    told = settled(end=10).until(100)
    told.broker_is_down = True
    assert told.until(120).why() == (set(), set(), {"broker_failing"})
    assert told.until(410).why() == ({"broker_failing"}, set(), {"broker_failing"})
    told.broker_is_down = False
    told.end[P0] = 5000
    assert told.until(600).why() == (set(), set(), set()), "the time to go on begins with the broker's return"
    assert told.until(720).why()[1] == {"partition_stuck"}


def test_a_broker_that_fails_at_times_does_not_hide_a_partition_that_is_stuck():
    told = Told().open(P0, end=1000)
    for now in range(60, 1000, 60):
        told.broker_is_down = True
        told.until(now - 50)
        told.broker_is_down = False
        told.until(now)
    assert "partition_stuck" in told.why()[1]


def test_a_broker_that_was_stuck_upon_when_it_went_away_is_told_of_instead():
    told = Told().open(P0, end=1000).until(250)
    told.broker_is_down = True
    assert told.until(400).why() == (set(), set(), {"broker_failing"})
    assert told.until(560).why() == ({"broker_failing"}, set(), {"broker_failing"})


def test_a_partition_that_alone_is_not_heard_of_is_unhealthy():
    """Its leader is gone: the others answer."""
    told = settled(end=10)
    del told.end[P1]
    told.until(400)
    [reason] = told.verdict().health
    assert (reason.reason, reason.partition) == (Why.END_UNKNOWN, P1)
    assert told.why()[1:] == (set(), set())


def test_the_time_between_two_questions_is_no_silence_to_the_impatient():
    told = settled()
    for _ in range(100):
        told.until(told.now + 1)
        assert judge(told.progress.run(), told.now, 1.5).health == ()


def test_a_member_that_is_given_nothing_and_told_nothing_is_unhealthy_after_a_while():
    told = Told()
    assert told.until(299).why() == (set(), set(), {"not_assigned"})
    assert told.until(300).why() == ({"not_assigned"}, set(), {"not_assigned"})
    told.progress.joined(300)
    assert told.why() == (set(), set(), set())


def test_a_member_that_was_thrown_out_and_not_taken_back_is_unhealthy_after_a_while():
    told = settled().until(1000)
    told.progress.gone(P0)
    told.progress.gone(P1)
    told.end.clear()
    assert told.until(1200).why() == (set(), set(), {"not_assigned"})
    assert told.until(1301).why() == ({"not_assigned"}, set(), {"not_assigned"})


def test_an_idle_member_that_hears_of_one_failure_is_not_judged_by_the_past():
    told = Told()
    told.progress.joined(0)
    told.until(5000).progress.broker_failed(BROKER_IS_DOWN, 5000)
    assert told.why() == (set(), set(), {"broker_failing"})
    told.until(5200).progress.broker_failed(BROKER_IS_DOWN, 5200)
    assert told.until(5300).why() == ({"broker_failing"}, set(), {"broker_failing"})


def test_a_broker_that_goes_away_from_a_member_without_partitions_is_told_of():
    """Its session ran out, so that it lost them all: it asks other questions."""
    told = settled().until(100)
    told.progress.gone(P0)
    told.progress.gone(P1)
    told.end.clear()
    told.progress.broker_failed(BROKER_IS_DOWN, 120)
    assert told.until(420).why() == ({"broker_failing"}, set(), {"broker_failing"})
    told.progress.broker_answered(420)
    assert told.why()[0] == {"not_assigned"}
    told.progress.joined(421)
    assert told.why() == (set(), set(), set())


def test_a_stop_is_not_ready_and_its_poll_loop_need_not_turn():
    told = settled().until(100)
    told.progress.stopping(100)
    told.now = 1000
    assert told.why() == (set(), set(), {"stopping"})


def test_what_is_told_of_a_partition_that_is_gone_is_let_pass():
    told = Told().open(P0)
    told.progress.gone(P0)
    told.progress.opened(P0, 0, 0, 1)
    told.progress.ends(P0, 9, 1)
    told.read(P0, 3).flush(P0).fail(P0).land(P0)
    assert told.progress.run().tracks == {}


def test_every_reason_has_a_meaning_and_a_remedy():
    told = Told()
    assert set(MEANINGS) == set(Why)
    assert told.until(300).verdict().health[0].remedy
