"""Every rule of the protocol is needed: without it the model finds a history that goes wrong.

Show the smallest such history: `python -m tests.model --without "<rule>"`. See docs/model.md.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.model.mutants import BROKEN, HARMLESS
from tests.model.search import failure

PAGE = (Path(__file__).parents[2] / "docs/model.md").read_text()
HISTORIES = 1500  # within which each one is found
FEW = int(os.environ.get("MODEL_HISTORIES", "150"))  # of each rule that others make up for


@pytest.mark.parametrize("name", BROKEN)
def test_without_the_rule_a_history_goes_wrong(name):
    found = failure(BROKEN[name], HISTORIES)
    assert found, f"{HISTORIES} histories, and none shows what is wrong without the rule"
    assert found.kind in BROKEN[name].watch


@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", HARMLESS)
def test_without_the_rule_others_make_up_for_it(name):
    assert failure(HARMLESS[name], FEW) is None


def test_the_page_has_every_rule():
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", PAGE, re.M)
    assert rows == [(name, mutant.rule) for name, mutant in {**BROKEN, **HARMLESS}.items()]
