"""The protocol with one of its rules switched off, rule by rule.

`BROKEN`: without the rule records are lost, doubled or mixed, and the model finds a history that shows it.
`HARMLESS`: other rules make up for it; the model finds nothing, and docs/model.md says what the rule is for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.model import switches
from tests.model.soundness import KINDS
from tests.model.switches import Patch

if TYPE_CHECKING:
    from tests.model.world import World

RECORDS: Final = frozenset({"missing", "doubled"})


@dataclass(frozen=True)
class Mutant:
    """A rule, the patches that switch it off in a world, and what must come of it."""

    rule: str
    patches: Callable[[World], Sequence[Patch]]
    watch: frozenset[str] = RECORDS


AS_IT_IS: Final = Mutant("every rule", lambda _: (), frozenset(KINDS))

BROKEN: Final = {
    "slot named by the first record": Mutant("the slot is named by the position", switches.slot_of_the_first_record),
    "empty chain at the low watermark": Mutant(
        "an empty chain starts at slot 0", switches.start_at_the_low_watermark
    ),
    "empty chain at the commit": Mutant("an empty chain starts at slot 0", switches.start_at_the_commit),
    "two puts at once": Mutant("one unresolved put per partition", switches.two_puts_at_once),
    "date in the key": Mutant("no date in the key", switches.date_in_the_key),
    "no topic id in the key": Mutant("the topic's id is in the key", switches.no_topic_id_in_the_key),
    "identity at the start alone": Mutant(
        "the topic's identity is asked for before each put",
        switches.identity_at_the_start_alone,
        frozenset({"foreign"}),
    ),
    "commits win": Mutant("objects win over commits", switches.commits_win_over_objects),
    "commit before put": Mutant(
        "nothing is committed before it is stored", switches.commit_before_put, frozenset({"commit"})
    ),
    "commit before put, and believed": Mutant(
        "nothing is committed before it is stored", switches.commit_before_put_and_believe_it, frozenset({"missing"})
    ),
    "objects overwritten": Mutant("objects are never overwritten", switches.overwrite),
    "batch dropped when the answer is lost": Mutant(
        "an unknown outcome is found out", switches.drop_when_the_answer_is_lost
    ),
    "batch dropped after three failures": Mutant(
        "a failing store is asked for ever", switches.drop_after_three_failures
    ),
    "conflict taken for success": Mutant(
        "the loser of a slot reads the winner's next", switches.a_conflict_is_success
    ),
    "lost range not recorded": Mutant(
        "what retention took is on record", switches.a_lost_range_is_not_recorded, frozenset({"unrecorded"})
    ),
    "buffer not trimmed": Mutant("the loser drops what the winner covers", switches.the_buffer_is_not_trimmed),
    "prepared batch not trimmed": Mutant(
        "the loser drops what the winner covers", switches.the_prepared_batch_is_not_trimmed
    ),
}

HARMLESS: Final = {
    "commit before put, not believed": Mutant("commits are hints", switches.commit_before_put),
    "commit after the partition is lost": Mutant(
        "nothing is committed for a partition that is gone",
        switches.commit_after_losing_the_partition,
        frozenset(KINDS),
    ),
    "own object taken for another's": Mutant(
        "a lost response is told from a conflict", switches.a_lost_response_is_a_conflict, frozenset(KINDS)
    ),
    "listing ends at the hint": Mutant(
        "the chain is listed to its tip", switches.the_listing_ends_at_the_hint, frozenset(KINDS)
    ),
}
