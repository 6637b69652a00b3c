"""Caliper 1.2's vocabulary and what it means here: which action of which event is which type of event.

Every action that the standard gives an event is here, those of the generic `Event` too: `custom` is said, not
left over. What is not here is `custom` as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: Event types by the type of the object; None stands for every other.
Rule = Mapping[str | None, str]
Path = tuple[str, ...]

_CUSTOM: Final[Rule] = {None: "custom"}
_TOUCH: Final[Rule] = {None: "interaction"}
_ACCESS: Final[Rule] = {None: "resource_access"}
_VIEW: Final[Rule] = {None: "resource_access", "Page": "page_view", "WebPage": "page_view", "Frame": "page_view"}
_BEGIN: Final[Rule] = {None: "assessment_start"}
_SUBMIT: Final[Rule] = {None: "assessment_submitted"}
_GRADE: Final[Rule] = {None: "assessment_complete", "AssessmentItem": "item_answered"}

_ALL: Final = (
    "Abandoned Accepted Activated Added Archived Attached Bookmarked ChangedResolution ChangedSize ChangedSpeed "
    "ChangedVolume Classified ClosedPopout Commented Completed Copied Created Deactivated Declined Deleted Described "
    "DisabledClosedCaptioning Disliked Downloaded EnabledClosedCaptioning Ended EnteredFullScreen ExitedFullScreen "
    "ForwardedTo Graded Hid Highlighted Identified JumpedTo Launched Liked Linked LoggedIn LoggedOut MarkedAsRead "
    "MarkedAsUnRead Modified Muted NavigatedTo OpenedPopout OptedIn OptedOut Paused Posted Printed Published "
    "Questioned Ranked Recommended Removed Reset Restarted Restored Resumed Retrieved Returned Reviewed Rewound "
    "Saved Searched Sent Shared Showed Skipped Started Submitted Subscribed Tagged TimedOut Unmuted Unpublished "
    "Unsubscribed Uploaded Used Viewed"
)
_PLAYER: Final = (
    "Restarted ForwardedTo JumpedTo ChangedResolution ChangedSize ChangedSpeed ChangedVolume EnabledClosedCaptioning "
    "DisabledClosedCaptioning EnteredFullScreen ExitedFullScreen Muted Unmuted OpenedPopout ClosedPopout"
)
_SHELVING: Final = "Archived Copied Created Deleted Described Modified Published Restored Saved Unpublished Uploaded"


def _each(actions: str, rule: Rule) -> dict[str, Rule]:
    return dict.fromkeys(actions.split(), rule)


ACTIONS: Final[Mapping[str, Mapping[str, Rule]]] = {
    "Event": _each(_ALL, _CUSTOM),
    "AnnotationEvent": _each("Bookmarked Highlighted Shared Tagged", _TOUCH),
    "AssessmentEvent": {
        **_each("Started Restarted", _BEGIN),
        **_each("Paused Resumed Reset", _TOUCH),
        "Submitted": _SUBMIT,
    },
    "AssessmentItemEvent": {**_each("Started Skipped", _TOUCH), "Completed": {None: "item_answered"}},
    "AssignableEvent": {
        "Started": _BEGIN,
        "Completed": {None: "assessment_complete"},
        "Submitted": _SUBMIT,
        "Reviewed": _TOUCH,
        **_each("Activated Deactivated", _CUSTOM),
    },
    "FeedbackEvent": _each("Commented Ranked", _TOUCH),
    "ForumEvent": _each("Subscribed Unsubscribed", _CUSTOM),
    "GradeEvent": {"Graded": _GRADE},
    "MediaEvent": {
        "Started": {None: "lesson_start"},
        "Ended": {None: "lesson_complete"},
        "Paused": {None: "lesson_paused"},
        "Resumed": {None: "lesson_resumed"},
        **_each(_PLAYER, _TOUCH),
    },
    "MessageEvent": {**_each("Posted MarkedAsRead", _TOUCH), "MarkedAsUnRead": _CUSTOM},
    "NavigationEvent": {"NavigatedTo": {None: "page_view"}},
    "QuestionnaireEvent": _each("Started Submitted", _CUSTOM),
    "QuestionnaireItemEvent": _each("Started Skipped Completed", _CUSTOM),
    "ResourceManagementEvent": {**_each("Downloaded Printed Retrieved", _ACCESS), **_each(_SHELVING, _CUSTOM)},
    "SearchEvent": {"Searched": _TOUCH},
    "SessionEvent": {"LoggedIn": {None: "session_start"}, **_each("LoggedOut TimedOut", {None: "session_end"})},
    "SurveyEvent": _each("OptedIn OptedOut", _CUSTOM),
    "SurveyInvitationEvent": _each("Accepted Declined Sent", _CUSTOM),
    "ThreadEvent": {"MarkedAsRead": _TOUCH, "MarkedAsUnRead": _CUSTOM},
    "ToolLaunchEvent": {"Launched": _ACCESS, "Returned": _TOUCH},
    "ToolUseEvent": {"Used": _TOUCH},
    "ViewEvent": {"Viewed": _VIEW},
}

#: Where the learner stands, if the actor is another: a grader, an application, or who invites.
LEARNERS: Final[Mapping[tuple[str, str], tuple[Path, ...]]] = {
    ("GradeEvent", "Graded"): (("object", "assignee"), ("generated", "attempt", "assignee")),
    ("SessionEvent", "TimedOut"): (("object", "user"), ("session", "user")),
    ("SurveyInvitationEvent", "Sent"): (("object", "rater"),),
}

ANONYMOUS: Final = "http://purl.imsglobal.org/caliper/Person"  #: the id of every person who is not to be known
TERMS: Final = ("http://purl.imsglobal.org/caliper/actions/", "http://purl.imsglobal.org/caliper/")
_SPELLINGS: Final = {
    action.casefold(): action for actions in ACTIONS.values() for action in actions
}  # the 1.2 documents write MarkedAsUnRead and MarkedAsUnread, EnteredFullScreen and EnteredFullscreen


def term_of(word: str) -> str:
    """The term that a word of the vocabulary stands for, which may be written as its IRI."""
    for prefix in TERMS:
        word = word.removeprefix(prefix)
    return _SPELLINGS.get(word.casefold(), word)
