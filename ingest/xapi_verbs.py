"""xAPI's vocabulary and what it means here: which verb, done to which kind of activity, is which type of event.

Sources: the ADL verbs, cmi5, the video profile, and what widespread tools send of Activity Streams and the TinCan
registry. A verb that is not here is `custom`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What sort of thing an activity is, as far as it matters for the type of event."""

    LESSON = "lesson"
    ASSESSMENT = "assessment"
    ITEM = "item"
    RESOURCE = "resource"
    PAGE = "page"
    SKILL = "skill"


#: Event types by the kind of the activity; None stands for every other kind, and for none.
Rule = Mapping[Kind | None, str]

START: Final[Rule] = {
    None: "lesson_start",
    Kind.ASSESSMENT: "assessment_start",
    Kind.ITEM: "interaction",
    Kind.SKILL: "interaction",
}
FINISH: Final[Rule] = {
    None: "lesson_complete",
    Kind.ASSESSMENT: "assessment_complete",
    Kind.ITEM: "item_answered",
    Kind.SKILL: "mastery_updated",
}
JUDGE: Final[Rule] = {None: "assessment_complete", Kind.ITEM: "item_answered", Kind.SKILL: "mastery_updated"}
SUBMIT: Final[Rule] = {None: "assessment_submitted", Kind.ITEM: "item_answered"}
VIEW: Final[Rule] = {None: "resource_access", Kind.PAGE: "page_view"}
ANSWER: Final[Rule] = {None: "item_answered"}
MASTER: Final[Rule] = {None: "mastery_updated"}
TOUCH: Final[Rule] = {None: "interaction"}
PAUSE: Final[Rule] = {None: "lesson_paused"}
RESUME: Final[Rule] = {None: "lesson_resumed"}
SESSION_START: Final[Rule] = {None: "session_start"}
SESSION_END: Final[Rule] = {None: "session_end"}
CUSTOM: Final[Rule] = {None: "custom"}

_ADL: Final = "http://adlnet.gov/expapi/verbs/"
_CMI5: Final = "https://w3id.org/xapi/adl/verbs/"
_VIDEO: Final = "https://w3id.org/xapi/video/verbs/"
_STREAMS: Final = "http://activitystrea.ms/schema/1.0/"
_TINCAN: Final = "http://id.tincanapi.com/verb/"
_ACROSS: Final = "https://w3id.org/xapi/acrossx/verbs/"

VOIDED: Final = _ADL + "voided"  #: takes another statement back: no activity of a learner's


def _each(prefix: str, names: str, rule: Rule) -> Iterable[tuple[str, Rule]]:
    return ((prefix + name, rule) for name in names.split())


VERBS: Final[Mapping[str, Rule]] = dict(
    [
        *_each(_ADL, "initialized attempted", START),
        *_each(_ADL, "completed", FINISH),
        *_each(_ADL, "passed failed scored", JUDGE),
        *_each(_ADL, "mastered", MASTER),
        *_each(_ADL, "answered responded", ANSWER),
        *_each(_ADL, "experienced launched", VIEW),
        *_each(_ADL, "interacted progressed exited", TOUCH),
        *_each(_ADL, "suspended", PAUSE),
        *_each(_ADL, "resumed", RESUME),
        *_each(_ADL, "logged-in", SESSION_START),
        *_each(_ADL, "logged-out terminated", SESSION_END),
        *_each(_ADL, "asked attended commented imported preferred registered satisfied shared", CUSTOM),
        *_each(_CMI5, "logged-in", SESSION_START),
        *_each(_CMI5, "logged-out abandoned", SESSION_END),
        *_each(_CMI5, "satisfied waived", CUSTOM),
        *_each(_VIDEO, "played seeked", TOUCH),
        *_each(_VIDEO, "paused", PAUSE),
        *_each(_STREAMS, "start", START),
        *_each(_STREAMS, "complete", FINISH),
        *_each(_STREAMS, "submit", SUBMIT),
        *_each(_STREAMS, "access open read watch listen consume", VIEW),
        *_each(_STREAMS, "play search", TOUCH),
        *_each(_TINCAN, "viewed previewed downloaded", VIEW),
        *_each(_TINCAN, "skipped bookmarked annotated rated paused", TOUCH),
        *_each(_TINCAN, "earned unregistered", CUSTOM),
        *_each(_ACROSS, "evaluated", ANSWER),
        *_each(_ACROSS, "searched", TOUCH),
    ]
)

_TYPE: Final = "http://adlnet.gov/expapi/activities/"
_CMI5_TYPE: Final = "https://w3id.org/xapi/cmi5/activitytype/"
_VIDEO_TYPE: Final = "https://w3id.org/xapi/video/activity-type/"
_TINCAN_TYPE: Final = "http://id.tincanapi.com/activitytype/"


def _kinds(prefix: str, names: str, kind: Kind) -> Iterable[tuple[str, Kind]]:
    return ((prefix + name, kind) for name in names.split())


#: Types of activities. What can be begun and finished is a lesson, videos and books too.
KINDS: Final[Mapping[str, Kind]] = dict(
    [
        *_kinds(_TYPE, "course module lesson simulation media attempt", Kind.LESSON),
        *_kinds(_TYPE, "assessment performance", Kind.ASSESSMENT),
        *_kinds(_TYPE, "question cmi.interaction interaction", Kind.ITEM),
        *_kinds(_TYPE, "file link", Kind.RESOURCE),
        *_kinds(_TYPE, "objective", Kind.SKILL),
        *_kinds(_CMI5_TYPE, "course block", Kind.LESSON),
        *_kinds(_VIDEO_TYPE, "video", Kind.LESSON),
        *_kinds(_STREAMS, "video audio", Kind.LESSON),
        *_kinds(_STREAMS, "question", Kind.ITEM),
        *_kinds(_STREAMS, "file article image", Kind.RESOURCE),
        *_kinds(_STREAMS, "page", Kind.PAGE),
        *_kinds(_TINCAN_TYPE, "book chapter section step", Kind.LESSON),
        *_kinds(_TINCAN_TYPE, "document slide-deck resource", Kind.RESOURCE),
    ]
)

#: Where a session is named in `context.extensions`; the registration counts where none is.
SESSIONS: Final = (
    "https://w3id.org/xapi/cmi5/context/extensions/sessionid",
    "https://w3id.org/xapi/video/extensions/session-id",
)
#: How far a learner is, in `result.extensions`, with what stands for all of it.
PROGRESS: Final = {
    "https://w3id.org/xapi/cmi5/result/extensions/progress": 100,
    "https://w3id.org/xapi/video/extensions/progress": 1,
}
#: The number of an attempt, in the extensions of the result, of the activity or of the context.
ATTEMPT: Final = "http://id.tincanapi.com/extension/attempt-id"
