"""The layers in which things age, and what a look at one of them finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime


class Layer(StrEnum):
    """From the store to the dashboards. What ages in `VIEWS` is what they show: they hold nothing."""

    OBJECTS = "objects"
    RAW = "raw"
    STAGING = "staging"
    AGGREGATES = "aggregates"
    VIEWS = "views"


class Taker(StrEnum):
    """Who takes what is past its time."""

    US = "ingest retention apply"
    BUCKET = "the bucket's lifecycle rules"
    SNOWFLAKE = "Snowflake, daily; or ingest retention apply"
    NOBODY = "nobody: a view"


@dataclass(frozen=True, slots=True)
class Share:
    """One table, view, or kind of objects: what of it is past its `horizon`, and how old the oldest is.

    Times are aware, in UTC. `nbytes` are those of the objects that are past it. Of objects that we would have to
    remove, some are kept and not counted: `tips`, the last ones of chains, and `unloaded` ones, which the warehouse
    has not got. `oldest` leaves out the tips alone. `ending` chains in a bucket had nothing new for so long that its
    rules will soon take the last object.
    """

    layer: Layer
    name: str
    taker: Taker
    horizon: datetime
    past: int
    oldest: datetime | None
    nbytes: int | None = None
    tips: int = 0
    unloaded: int = 0
    ending: int = 0

    def to_json(self) -> dict[str, Any]:
        """As an object of JSON."""
        return {
            "layer": self.layer.value,
            "name": self.name,
            "taker": self.taker.value,
            "horizon": self.horizon.isoformat(),
            "past": self.past,
            "bytes": self.nbytes,
            "oldest": self.oldest and self.oldest.isoformat(),
            "tips_kept": self.tips,
            "unloaded_kept": self.unloaded,
            "chains_ending": self.ending,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that an audit found wrong. The names are kept: programs read them."""

    name: str
    where: str
    what: str
    remedy: str
