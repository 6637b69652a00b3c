"""What rules do to our objects: what loses data, what keeps it for ever, and how they are set right."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingest.lifecycle import Wanted, amended, faults

WANTED = Wanted("events/", ("events_raw",), 550, versions=True)
NAMES = ("events/events_raw/", "events/_recovered/", "events/_jobs/")


def rule(prefix: str, days: int | None = 550, **more: Any) -> dict[str, Any]:
    """A rule as Terraform makes it."""
    made: dict[str, Any] = {"ID": prefix or "all", "Status": "Enabled", "Filter": {"Prefix": prefix}}
    if days is not None:
        made["Expiration"] = {"Days": days}
    return made | {"NoncurrentVersionExpiration": {"NoncurrentDays": 30}} | more


SOUND = [rule(prefix) for prefix in NAMES]
LEFTOVERS = {
    "ID": "leftovers",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    "Expiration": {"ExpiredObjectDeleteMarker": True},
}
OTHERS = [LEFTOVERS, rule("other/", 3), rule("eventsx/", 3), rule("events/events_raw2/", 1, Status="Disabled")]


def named(rules: list[dict[str, Any]], wanted: Wanted = WANTED) -> list[tuple[str, str]]:
    return [(one.name, one.where) for one in faults(rules, wanted)]


def test_sound_rules_and_others_beside_them() -> None:
    assert named([*SOUND, *OTHERS]) == []


def test_without_rules_all_stays_for_ever() -> None:
    assert named([]) == [(kind, name) for name in NAMES for kind in ("rule_missing", "versions_kept")]
    assert [kind for kind, _ in named([], Wanted("events/", ("events_raw",), 550, versions=False))] == [
        "rule_missing"
    ] * 3


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (rule("events/events_raw/", 549), {"expires_too_early"}),
        (rule("events/", 3), {"expires_too_early", "touches_probe"}),
        (rule("", 3), {"expires_too_early", "touches_probe"}),
        (rule("events/events_raw/id-1/", 3), {"expires_too_early"}),
        (
            rule("events/events_raw/", None, Expiration={"Date": datetime(2027, 1, 1, tzinfo=UTC)}),
            {"expires_too_early"},
        ),
        (
            rule("events/events_raw/", 3, Filter={"And": {"Prefix": "events/", "ObjectSizeLessThan": 9}}),
            {"expires_too_early", "touches_probe"},
        ),
        (rule("events/", 600), {"touches_probe"}),
        (rule("events/_probe/", 600), {"touches_probe"}),
        (rule("events/events_raw/", 3, Status="Disabled"), set()),
        (rule("events/events_raw/", 3, Filter={"Tag": {"Key": "k", "Value": "v"}}), set()),
        (rule("events/", 3, Filter={"And": {"Prefix": "events/", "Tags": [{"Key": "k", "Value": "v"}]}}), set()),
        ({**rule("", 3), "Filter": None, "Prefix": "events/events_raw/"}, {"expires_too_early"}),
        ({**rule("", None), "Filter": None, "Prefix": "events/"}, set()),
    ],
)
def test_a_rule_too_many(more: dict[str, Any], expected: set[str]) -> None:
    found = faults([*SOUND, *OTHERS, more], WANTED)
    assert {one.name for one in found} == expected
    assert [one.name for one in found] == sorted(
        (one.name for one in found), key=lambda name: name != "expires_too_early"
    )
    assert all(one.remedy for one in found)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"Expiration": {"Days": 557}}, []),
        ({"Expiration": {"Days": 558}}, ["expires_too_late"]),
        ({"Status": "Disabled"}, ["rule_missing", "versions_kept"]),
        ({"NoncurrentVersionExpiration": {}}, []),
        (
            {"Filter": {"And": {"Prefix": "events/events_raw/", "ObjectSizeGreaterThan": 1}}},
            ["rule_missing", "versions_kept"],
        ),
        ({"Filter": {"Prefix": "events/events_rawX"}}, ["rule_missing", "versions_kept"]),
    ],
)
def test_a_rule_that_is_not_enough(changed: dict[str, Any], expected: list[str]) -> None:
    assert [kind for kind, _ in named([SOUND[0] | changed, *SOUND[1:]])] == expected


def test_versions_that_no_rule_ends() -> None:
    kept = {name: value for name, value in SOUND[0].items() if name != "NoncurrentVersionExpiration"}
    assert named([kept, *SOUND[1:]]) == [("versions_kept", NAMES[0])]


def test_one_rule_for_all_of_a_bucket_may_end_versions() -> None:
    ends = {**LEFTOVERS, "NoncurrentVersionExpiration": {"NoncurrentDays": 30}}
    bare = [{name: value for name, value in one.items() if name != "NoncurrentVersionExpiration"} for one in SOUND]
    assert named([*bare, ends]) == []


def test_missing_rules_are_added_and_others_are_kept() -> None:
    found = amended(OTHERS, WANTED)
    assert found[: len(OTHERS)] == OTHERS
    assert named(found) == []
    assert amended(found, WANTED) == found


def test_wrong_rules_of_our_prefixes_are_set_right_whoever_made_them() -> None:
    moving = rule(NAMES[0], 30, Transitions=[{"Days": 90, "StorageClass": "STANDARD_IA"}])
    found = amended([*OTHERS, moving, *SOUND[1:]], WANTED)
    assert named(found) == []
    assert found[len(OTHERS)] == {**moving, "Expiration": {"Days": 550}}
    assert len(found) == len(OTHERS) + 3


def test_a_rule_that_only_moves_objects_is_left_as_it_is() -> None:
    moving = rule(NAMES[0], None, Transitions=[{"Days": 90, "StorageClass": "STANDARD_IA"}])
    found = amended([moving], WANTED)
    assert found[0] == moving
    assert named(found) == []


def test_a_shorter_retention_changes_our_own_rules() -> None:
    shorter = Wanted("events/", ("events_raw",), 366, versions=True)
    assert named(amended(amended([], WANTED), shorter), shorter) == []


def test_every_topic_has_a_rule() -> None:
    assert ("rule_missing", "events/second/") in named(
        SOUND, Wanted("events/", ("events_raw", "second"), 550, versions=True)
    )
    assert named(amended([], Wanted("", ("t",), 550, versions=False)), Wanted("", ("t",), 550, versions=False)) == []


def test_every_finding_is_documented() -> None:
    root = Path(__file__).parents[1]
    code = "".join((root / "ingest" / name).read_text() for name in ("lifecycle.py", "retention_audit.py"))
    section = (root / "docs/operations.md").read_text().split("## Retention\n", 1)[1].split("\n## ", 1)[0]
    assert set(re.findall(r'Finding\(\s*"(\w+)"', code)) == set(re.findall(r"^\| `(\w+)` \|", section, re.M))
