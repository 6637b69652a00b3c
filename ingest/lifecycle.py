"""A bucket's lifecycle rules: what they do to our objects, and the rules that the settings ask for. Pure.

Rules are mappings in the words of S3's API. What counts are enabled rules that remove current objects after some days
or on a date. A rule that asks for tags is about none of our objects: they carry none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ingest.layout import JOBS_PREFIX, PROBE_PREFIX, RECOVERED_PREFIX
from ingest.retention_layers import Finding

Rule = Mapping[str, Any]

#: How long what a rule of ours removed can be brought back, where the bucket keeps versions.
_NONCURRENT_DAYS: Final = 30
_SIZES: Final = ("ObjectSizeGreaterThan", "ObjectSizeLessThan")
_SET: Final = "Set it to {days}: by Terraform, if that made the rules, or by `ingest retention apply --lifecycle`."
_MAKE: Final = "Make it: by Terraform (its variable `topics`), or by `ingest retention apply --lifecycle`."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the settings ask for: objects of these prefixes of the bucket removed after so many days, and no others.

    `root` is what all of our keys begin with; `late` is by how many days a rule may be too late.
    """

    root: str
    topics: Sequence[str]
    days: int
    versions: bool
    late: int = 7

    @property
    def prefixes(self) -> list[str]:
        """One for each topic, one for recovered rows, one for job records. `_probe/` must stay."""
        return [self.root + one for one in (*(f"{topic}/" for topic in self.topics), RECOVERED_PREFIX, JOBS_PREFIX)]


def faults(rules: Sequence[Rule], wanted: Wanted) -> list[Finding]:
    """What is wrong with the rules, what loses data first."""
    early = [found for prefix in wanted.prefixes for rule in rules if (found := _early(rule, prefix, wanted))]
    probe = wanted.root + PROBE_PREFIX
    touching = [
        Finding(
            "touches_probe",
            _name(rule),
            f"it removes {probe}, whose notes say which changes of settings were accepted: a consumer would refuse "
            "its own chain",
            "Give it a narrower prefix, or end it: rules of their own for each topic, _recovered/ and _jobs/ do it.",
        )
        for rule in rules
        if _removes(rule) and _touches(rule, probe)
    ]
    return [*early, *touching, *(one for prefix in wanted.prefixes for one in _lacking(rules, prefix, wanted))]


def amended(rules: Sequence[Rule], wanted: Wanted) -> list[Rule]:
    """The rules with those that the settings ask for among them; all others are as they were.

    A rule that removes exactly what one of our prefixes names is set right, whoever made it; where there is none, one
    is added.
    """
    found = list(rules)
    for prefix in wanted.prefixes:
        name = f"ingest {prefix}"[:255]
        places = [place for place, rule in enumerate(found) if _is_for(rule, prefix, name)]
        if places:
            found[places[0]] = _amended(found[places[0]], wanted)
        else:
            found.append(_amended({"ID": name, "Filter": {"Prefix": prefix}}, wanted))
    return found


def _amended(rule: Rule, wanted: Wanted) -> Rule:
    made = {**rule, "Status": "Enabled", "Expiration": {"Days": wanted.days}}
    if wanted.versions:
        made.setdefault("NoncurrentVersionExpiration", {"NoncurrentDays": _NONCURRENT_DAYS})
    return made


def _early(rule: Rule, prefix: str, wanted: Wanted) -> Finding | None:
    if not _removes(rule) or not _touches(rule, prefix):
        return None
    days = rule["Expiration"].get("Days")
    if days is not None and days >= wanted.days:
        return None
    when = f"after {days} days" if days is not None else f"on {rule['Expiration']['Date']:%Y-%m-%d}"
    return Finding(
        "expires_too_early",
        _name(rule),
        f"it removes objects of {prefix} {when}, and the settings keep them for {wanted.days} days: DATA IS LOST",
        "End it now. " + _SET.format(days=wanted.days),
    )


def _lacking(rules: Sequence[Rule], prefix: str, wanted: Wanted) -> list[Finding]:
    """What no rule does to the objects of a prefix in time."""
    found = []
    covering = [rule["Expiration"].get("Days", 0) for rule in rules if _removes(rule) and _covers(rule, prefix)]
    days = min(covering, default=None)
    if days is None:
        found.append(Finding("rule_missing", prefix, "no rule removes these objects: they stay for ever", _MAKE))
    elif days > wanted.days + wanted.late:
        what = f"they are removed after {days} days, and the settings keep them for {wanted.days}"
        found.append(Finding("expires_too_late", prefix, what, _SET.format(days=wanted.days)))
    if wanted.versions and not any(_ends_versions(rule) and _covers(rule, prefix) for rule in rules):
        what = "the bucket keeps versions, and no rule ends them: what is removed stays for ever, hidden"
        remedy = "Give its rule a NoncurrentVersionExpiration. " + _MAKE
        found.append(Finding("versions_kept", prefix, what, remedy))
    return found


def _removes(rule: Rule) -> bool:
    """Whether it removes current objects."""
    expiration = rule.get("Expiration", {})
    return rule.get("Status") == "Enabled" and ("Days" in expiration or "Date" in expiration)


def _ends_versions(rule: Rule) -> bool:
    return rule.get("Status") == "Enabled" and "NoncurrentVersionExpiration" in rule


def _filter(rule: Rule) -> tuple[str, bool, bool]:
    """The prefix of a rule, whether it asks for tags, and whether for sizes."""
    one = rule.get("Filter") or {}
    both = {**one, **one.get("And", {})}
    prefix = both.get("Prefix", rule.get("Prefix")) or ""
    return prefix, bool(both.get("Tag") or both.get("Tags")), any(name in both for name in _SIZES)


def _touches(rule: Rule, prefix: str) -> bool:
    """Whether it may be about any object of the prefix."""
    its, tagged, _ = _filter(rule)
    return not tagged and (prefix.startswith(its) or its.startswith(prefix))


def _covers(rule: Rule, prefix: str) -> bool:
    """Whether it is about every object of the prefix."""
    its, tagged, sized = _filter(rule)
    return not tagged and not sized and prefix.startswith(its)


def _is_for(rule: Rule, prefix: str, name: str) -> bool:
    """Whether it removes exactly this prefix, or is the one that we made for that."""
    removes = "Days" in rule.get("Expiration", {}) and _filter(rule) == (prefix, False, False)
    return removes or rule.get("ID") == name


def _name(rule: Rule) -> str:
    return f"rule {rule.get('ID', '')!r} ({_filter(rule)[0] or 'the whole bucket'})"
