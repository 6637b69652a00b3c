"""The short form of the fault suite: each scenario once, small, with a fixed seed, several at a time.

`FAULTS_SEED=… pytest tests/faults/test_scenarios.py` tries another; `make faults` is the long form.
"""

from __future__ import annotations

import os
from concurrent.futures import Future

import pytest

from tests.faults.scenarios import SCENARIOS, Outcome, Scenario, run_all

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]

SEED = int(os.environ.get("FAULTS_SEED", "1"))
_AT_ONCE = 4


@pytest.fixture(scope="module")
def outcomes(site, request: pytest.FixtureRequest) -> dict[str, Future[Outcome]]:
    """Of those scenarios whose tests were chosen."""
    chosen = [getattr(item, "callspec", None) for item in request.session.items]
    wanted = [spec.params["scenario"] for spec in chosen if spec and "scenario" in spec.params]
    return run_all(site, {one.name: one.short for one in wanted}, SEED, _AT_ONCE, lambda *_: None)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "-"))
def test_every_offset_is_stored_once(outcomes, scenario: Scenario):
    outcome = outcomes[scenario.name].result()
    found = outcome.account
    assert found.faults == [], f"FAULTS_SEED={SEED}"
    assert (found.lost, found.doubled, found.altered) == (0, 0, 0)
    assert found.rows == found.records - found.recorded > 0
    assert outcome.faults.total() >= scenario.short.rounds, "too little was injected: nothing was tested"
    assert (found.recorded > 0) == (scenario.name == "retention")
