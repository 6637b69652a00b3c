"""Which metrics a PromQL query names, and with which labels: as much of the language as the queries here use."""

from __future__ import annotations

import re

_TEXT = re.compile(r'"[^"]*"|\'[^\']*\'')
#: A metric, with the labels that it is picked by; ours begin with `ingest_`.
_METRIC = re.compile(r"\b(ingest_\w+|up)\b(?:\s*\{([^}]*)\})?")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
#: Labels that sums and pairs go by.
_BY = re.compile(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)")


def metrics_of(query: str) -> dict[str, set[str]]:
    """Each metric's name, and the labels that it is picked by."""
    found: dict[str, set[str]] = {}
    for name, picked in _METRIC.findall(_TEXT.sub('""', query)):
        found.setdefault(name, set()).update(_LABEL.findall(picked))
    return found


def grouping_of(query: str) -> set[str]:
    """The labels that its sums and pairs go by."""
    return {label.strip() for labels in _BY.findall(query) for label in labels.split(",")} - {""}


def values_of(query: str, label: str) -> set[str]:
    """What a label is compared with."""
    return set(re.findall(rf'\b{label}\s*(?:=~|!~|!=|=)\s*"([^"]*)"', query))
