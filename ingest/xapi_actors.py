"""Who a statement is about: one text for one learner, whichever of xAPI's four ways identifies them.

    mbox            mailto:jo@example.org                the domain in lower case
    mbox_sha1sum    sha1:6cb0…                           in lower case
    openid          https://jo.example.org/              as it stands
    account         https://lms.example.org|4711         homePage|name

No two of these texts are the same for different identifiers: only an account's has a `|`, and it ends the home page.
The hash of an address is not joined with the address: whoever hashes it does not want that.
"""

from __future__ import annotations

import re
from typing import Any, Final

from ingest.members import at, text
from ingest.translation import Refusal

_MAIL: Final = re.compile(r"mailto:([^@\s|]+)@([^@\s|]+)", re.IGNORECASE)
_SHA1: Final = re.compile(r"[0-9a-f]{40}", re.IGNORECASE | re.ASCII)
_OPENID: Final = re.compile(r"https?://[^\s|]+", re.IGNORECASE)
_HOME: Final = re.compile(r"[^\s|]+")


def learner_of(actor: Any) -> str | Refusal:
    """The learner that an actor names. A group is none: what each of its members did is not said."""
    if at(actor, "objectType") == "Group" or at(actor, "member") is not None:
        return Refusal.GROUP
    return _account(actor) or _mail(actor) or _hash(actor) or _openid(actor) or Refusal.NO_LEARNER


def _account(actor: Any) -> str | None:
    home, name = text(at(actor, "account", "homePage")), text(at(actor, "account", "name"))
    return f"{home}|{name}" if home and name and _HOME.fullmatch(home) else None


def _mail(actor: Any) -> str | None:
    found = _MAIL.fullmatch(text(at(actor, "mbox")) or "")
    return f"mailto:{found[1]}@{found[2].lower()}" if found else None


def _hash(actor: Any) -> str | None:
    found = _SHA1.fullmatch(text(at(actor, "mbox_sha1sum")) or "")
    return f"sha1:{found[0].lower()}" if found else None


def _openid(actor: Any) -> str | None:
    found = _OPENID.fullmatch(text(at(actor, "openid")) or "")
    return found[0] if found else None
