"""Verification says nothing wrong of a sound pipeline, and names each damage exactly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingest.discrepancies import REMEDIES, Kind
from ingest.objects import ChainId
from tests.damage import Original, Site
from tests.fixtures_s3 import empty_store, s3_credentials  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from ingest.chain import Store


@pytest.fixture(scope="module")
def original(embedded_broker: str, tmp_path_factory: pytest.TempPathFactory) -> Original:
    return Original.make(embedded_broker, tmp_path_factory.mktemp("original"))


@pytest.fixture
def site(original: Original, store: Store, tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    on_s3 = store.url.startswith("s3://")
    return original.copy(store, request.getfixturevalue("s3") if on_s3 else None, tmp_path)


@pytest.mark.parametrize("options", [{}, {"deep": True}, {"complete": True}, {"broker": False}, {"warehouse": False}])
def test_of_a_sound_pipeline_there_is_nothing_to_say(site: Site, options: dict[str, bool]) -> None:
    report = site.verify(**options)
    assert report.discrepancies == []
    assert (report.sound, report.away, report.others, report.foreign) == (True, {}, 2, 1)


def test_the_account_counts_what_is_legitimate(site: Site) -> None:
    report = site.verify()
    today = [one for one in report.accounts if one.mark]
    assert sum(one.walk.records for one in today) == sum(one.rows for one in today) == 660
    assert sum(one.walk.quarantined for one in today) == 60
    assert all(one.end and one.end.behind == 0 and one.end.offset == one.walk.next for one in today)
    assert {(one.walk.holes, one.waiting, one.wrong) for one in today} == {(0, 0, 0)}
    (one,) = (one for one in report.accounts if one.chain == ChainId("other", "id-7", 12))
    assert (one.walk.objects, one.walk.records, one.rows, one.loaded) == (5, 49, 49, 5)
    assert (one.walk.began, one.walk.next, one.mark) == (1000, 1130, None)
    assert sum(map(len, one.walk.lost)) == 70
    assert one.walk.holes == 1130 - 1000 - 49 - 70


def test_every_kind_has_a_remedy_and_is_documented() -> None:
    assert set(REMEDIES) == set(Kind)
    page = (Path(__file__).parents[1] / "docs/operations.md").read_text()
    section = page.split("## Proving it: ingest verify\n", 1)[1].split("\n## ", 1)[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.M) == [kind.value for kind in Kind]
