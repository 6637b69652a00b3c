"""The pages that `make docs` builds, as a Looker developer opens them: from the disk, in a real browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browsing import PHONE, WIDTHS, chromium, chromium_path, visiting

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Built as `make docs` does, into folders of its own."""
    chromium_path()  # or all of it would be built for nothing
    folder = tmp_path_factory.mktemp("site")
    made = subprocess.run(
        ["make", "--dry-run", "--always-make", "docs"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    [dbt] = re.findall(r"bin/(dbt docs .*)", made.stdout)
    [mkdocs] = re.findall(r"bin/(mkdocs .*)", made.stdout)
    programs = Path(sys.executable).parent
    own = {
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder),
        "DUCKDB_PATH": str(folder / "w.duckdb"),
    }
    for words, place in ((dbt.split(), ROOT / "dbt_project"), ([*mkdocs.split(), "-d", str(folder / "site")], ROOT)):
        done = subprocess.run(
            [programs / words[0], *words[1:]],
            cwd=place,
            env=os.environ | own | {"NO_MKDOCS_2_WARNING": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "WARNING" not in done.stdout + done.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


def pages() -> list[str]:
    named = [path.relative_to(ROOT / "docs").with_suffix(".html") for path in sorted((ROOT / "docs").rglob("*.md"))]
    return ["index.html", "marts.html", *(str(one).replace("README", "index") for one in named)]


def test_every_page_of_the_docs_is_there_and_leads_on(site):
    menu = (site / "index.html").read_text()
    for page in pages():
        assert (site / page).exists(), page
        if not page.startswith("decisions/0"):
            assert f'href="{page}"' in menu, f"{page} is in no menu: infra/docs/mkdocs.yml"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_page_opens_from_the_disk(site, browser, width, scheme):
    with visiting(browser, site / "index.html", width=width, scheme=scheme) as visit:
        assert visit.page.title() == "learner-events"
        assert visit.page.get_by_role("heading", name="Try it").is_visible()
        assert [one for one in visit.asked if not one.startswith("file://")] == []
        assert visit.said == []
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_docs_can_be_searched_from_the_disk(site, browser):
    with visiting(browser, site / "index.html") as visit:
        visit.page.locator(".md-search__input").click()
        visit.page.keyboard.type("put_if_absent")
        found = visit.page.locator(".md-search-result__item a").first
        found.wait_for()
        found.click()
        visit.page.wait_for_url(re.compile(r"/contributing\.html"))
        assert "put_if_absent" in visit.page.locator("article").inner_text()


def test_a_developer_finds_what_a_row_of_session_metrics_is(site, browser):
    with visiting(browser, site / "index.html") as visit:
        visit.page.locator(".md-search__input").click()
        visit.page.keyboard.type("session_metrics")
        visit.page.locator('.md-search-result__item a[href*="marts.html"][href$="#session_metrics"]').first.click()
        visit.page.wait_for_url(re.compile(r"/marts\.html.*#session_metrics"))
        text = visit.page.locator("article").inner_text()
        found = text[text.index("\nsession_metrics") :]
        assert "One row per" in found
        assert re.search(r"Key: .*session_key", found)
        for column in ("learner_id", "duration_seconds", "completion_rate"):
            assert column in found, column
        assert [one for one in visit.asked if one.startswith("http")] == []


def test_dbts_own_page_has_what_a_row_of_session_metrics_is(site, browser):
    with visiting(browser, site / "marts.html", width=PHONE) as visit:
        visit.page.get_by_role("link", name="open it").click()
        visit.page.wait_for_url(re.compile("dbt.html"))
    with visiting(browser, site / "dbt.html") as visit:
        visit.page.get_by_placeholder("Search for models...").fill("session_metrics")
        found = visit.page.locator("h4").filter(has_text=re.compile(r"^\s*session_metrics\s+model\s*$"))
        found.click()  # the semantic model has the same name
        visit.page.wait_for_url(re.compile(r"model\.learner_analytics\.session_metrics"))
        text = visit.page.locator("body").inner_text()
        assert "One row per" in text
        for column in ("session_key", "learner_id", "duration_seconds"):
            assert column in text, column
        assert [one for one in visit.asked if one.startswith("http")] == []
