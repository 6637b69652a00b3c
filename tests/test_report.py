"""The report over a warehouse that the real pipeline has filled: its figures, its page in a browser, its troubles."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Browser

from ingest.report_figures import lasting
from ingest.report_questions import QUESTIONS, statement
from ingest.report_rows import LATENESS
from tests.browsing import DESKTOP, PHONE, WIDTHS, Visit, chromium, visiting
from tests.reported import HOSTILE, IMAGE, LEARNERS, SCRIPT, SYNTHETIC, Reported, build, hostile_events, ingest
from tests.services.kafka import OWN

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

FIGURES = [
    "minutes",
    "periods",
    "sessions",
    "mastery",
    "completion",
    "scores",
    "latency",
    "lateness",
    "quarantine",
    "runs",
]


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory, embedded_broker: str) -> Reported:
    return build(tmp_path_factory.mktemp("reported"), embedded_broker, f"report-{OWN}")


@pytest.fixture(scope="module")
def made(reported: Reported) -> dict:
    """What the command says of the page that it wrote."""
    code, output, errors = ingest(
        "report", "--warehouse", "warehouse.duckdb", "--output", "json", folder=reported.folder
    )
    assert code == 0, errors
    return json.loads(output)


@pytest.fixture(scope="module")
def text(reported: Reported, made: dict) -> str:
    return (reported.folder / made["path"]).read_text()


def report(path: Path, folder: Path) -> tuple[dict, str]:
    code, output, errors = ingest("report", "--warehouse", str(path), "--output", "json", folder=folder)
    assert code == 0, errors
    return json.loads(output), (folder / "report.html").read_text()


# --- what it says ------------------------------------------------------------------------------------------------


def test_the_account_is_that_of_what_was_sent(reported, made):
    sent, truth = SYNTHETIC + len(hostile_events()), reported.truth
    account = made["account"]
    assert made["balances"]
    assert account["stored"] == account["loaded"] == sent
    assert account["quarantined"] == sum(truth["malformed"].values())
    assert account["duplicates"] == truth["duplicates"] + truth["conflicts"]
    assert account["events"] == truth["distinct_events"] + len(hostile_events())


def test_every_figure_has_data_its_sql_and_its_model(made, text):
    assert [*made["figures"]] == FIGURES
    assert all(made["figures"].values())
    assert made["empty"] == []
    assert re.findall(r'<figure id="(\w+)">', text) == FIGURES
    for figure in text.split("<figure ")[1:]:
        assert "<pre" in figure
        assert re.search(r"from (?:(?:analytics|staging)\.\w+(?:, )?)+</span>", figure)
        assert '<p class="reading">' in figure


def test_figures_are_those_of_the_events(reported, text):
    for name in HOSTILE[:2]:
        said = html.escape(name, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
        assert re.search(rf"{re.escape(said)}</bdi></span><span class=\"value\">50%<", text)
        assert re.search(rf"{re.escape(said)}</bdi></span><span class=\"value\">85\.0%<", text)
        assert re.search(
            rf"{re.escape(said)[:40]}.*?</span>.*?<span class=\"value\">0\.75 <em class=\"up\">\+0\.50<", text
        )
    assert f"{LEARNERS // 2} of {LEARNERS} learner-days" in text
    [(busiest,)] = reported.rows(
        "select max(n) from (select sum(total_events) n from analytics.minute_metrics group by minute_timestamp)"
    )
    assert re.search(rf"at most {busiest} at ", text)


def test_the_sql_that_is_shown_gives_the_rows_that_were_read(reported, made, text):
    shown = [html.unescape(sql) for sql in re.findall(r"<pre[^>]*><code>(.*?)</code>", text, re.S)]
    counts = dict.fromkeys(FIGURES, 0)
    for name, figure in re.findall(r'<figure id="(\w+)">(.*?)</figure>', text, re.S):
        for sql in re.findall(r"<code>(.*?)</code>", figure, re.S):
            counts[name] += len(reported.rows(html.unescape(sql)))
    assert counts == made["figures"]
    assert len(shown) > len(FIGURES)
    assert not [sql for sql in shown if "{{" in sql]


@pytest.mark.parametrize("question", QUESTIONS)
def test_rows_are_named_as_the_sql_names_its_columns(question, reported):
    sql = statement(question, since="2026-01-01", after="2026-01-01", unit="day", rows=1, least=1)
    with duckdb.connect(str(reported.warehouse), read_only=True) as connection:
        assert [name for name, *_ in connection.execute(sql).description] == [*QUESTIONS[question]._fields]


def test_what_the_pipeline_took_begins_at_the_topic(reported, text):
    """Made-up events say that they were received on the days that they play in; the topic's times are ours."""
    [(half, most)] = reported.rows(
        "select quantile_cont(took, 0.5), quantile_cont(took, 0.95) from (select"
        " epoch_ms(_first_loaded_at) / 1000.0 - epoch_ms(_kafka_timestamp) / 1000.0 as took from staging.stg_records"
        " where _first_loaded_at >= (select max(loaded_hour) from analytics.pipeline_latency))"
    )
    assert 0 < half < 600
    assert f"<dt>median, topic to loaded</dt><dd><bdi>{lasting(half)}</bdi></dd>" in text
    assert f"{lasting(half)} – {lasting(most)}</span><small><bdi>what this pipeline took" in text  # noqa: RUF001


def test_how_late_events_come_is_said_of_all_of_them(reported, made, text):
    figure = text.split('<figure id="lateness">')[1].split("</figure>")[0]
    counts = [int(count.replace(",", "")) for count in re.findall(r"<bdi>([\d,]+) events</bdi>", figure)]
    assert len(counts) == len(LATENESS)
    assert sum(counts) == made["account"]["events"]
    assert counts[-1] == made["account"]["late"] > 0
    [(minute,)] = reported.rows(
        "select count(*) from staging.stg_records where record_status = 'event'"
        " and epoch_us(received_at) - epoch_us(event_at) <= 60000000"
    )
    assert counts[0] == minute
    assert text.count("more than 30 days late") >= 3
    assert "30 days or more" not in text


def test_no_learner_is_named(reported, text):
    learners = [learner for (learner,) in reported.rows("select distinct learner_id from staging.stg_events")]
    assert len(learners) > LEARNERS
    assert not [learner for learner in learners if learner in text]
    assert "secret.name" not in text


def test_the_page_holds_all_that_it_needs(made, text):
    assert made["bytes"] == len(text.encode()) < 1_000_000
    assert not re.search(
        r"<(?:script|link|img|iframe|object|embed|base)\b|@import|\burl\(|<[^>]*\s(?:src|on\w+)=", text
    )
    assert set(re.findall(r'href="([^"]*)"', text)) == {"#activity", "#learning", "#pipeline"}
    assert "default-src 'none'" in text


# --- in a browser ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def visit(browser, reported, made, request) -> Iterator[Visit]:
    width, scheme = getattr(request, "param", (DESKTOP, "light"))
    with visiting(browser, reported.folder / made["path"], width=width, scheme=scheme) as page:
        yield page


everywhere = pytest.mark.parametrize(
    "visit", [(width, scheme) for width in WIDTHS for scheme in ("light", "dark")], indirect=True
)


@everywhere
def test_it_fits_asks_nothing_and_shows_every_figure(visit):
    assert visit.quiet()
    assert visit.overflow() == []
    for name in FIGURES:
        figure = visit.page.locator(f"#{name}")
        assert figure.locator("figcaption h3").is_visible()
        assert figure.locator("figcaption .reading").is_visible()
        seen = figure.locator("svg:visible, .track:visible, table:visible")
        box = seen.first.bounding_box()
        assert box
        assert box["width"] > 90
    visit.page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
    assert visit.page.locator("pre:visible").count() > len(FIGURES)
    assert visit.overflow() == []
    assert visit.quiet()


@everywhere
def test_letters_can_be_read(visit):
    """Of 11 px at least in every picture, and of contrast enough on their ground."""
    sizes = visit.page.eval_on_selector_all(
        "svg:not([hidden]) text",
        "all => all.filter(one => one.getBoundingClientRect().width)"
        ".map(one => parseFloat(getComputedStyle(one).fontSize) * one.getScreenCTM().a)",
    )
    assert sizes
    assert min(sizes) >= 11
    assert float(visit.style("pre code", "fontSize").removesuffix("px")) >= 11
    for words in (".reading", ".facts dt", ".facts dd", ".bars small", ".of", ".state.failed", "svg:visible text"):
        shade = visit.style(words, "fill" if "svg" in words else "color")
        assert contrast(shade, visit.style("figure", "backgroundColor")) >= 4.5, words


def contrast(*colours: str) -> float:
    """Of two computed colours, as WCAG has it: 1..21."""
    light, dark = sorted((_luminance(colour) for colour in colours), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@everywhere
def test_what_came_twice_or_late_stands_below_the_bar_of_its_day(visit, reported):
    """The same edges, to the tenth of a pixel, of days that have events; and the bars stand on their axis."""

    def boxes(colour: str) -> list[dict[str, float]]:
        found = visit.page.eval_on_selector_all(
            f'#periods svg path[fill="var(--{colour})"]',
            "all => all.map(one => one.getBoundingClientRect().toJSON())",
        )
        return [box for box in found if box["width"]]

    def edges(colour: str) -> set[tuple[float, float]]:
        return {(round(box["x"], 1), round(box["width"], 1)) for box in boxes(colour)}

    bars, twice, late = edges("events"), edges("duplicates"), edges("late")
    assert len(bars) > 10
    assert twice
    assert late
    assert twice | late <= bars
    feet = [box["bottom"] for box in boxes("events")]
    assert max(feet) - min(feet) <= 1


@everywhere
def test_a_run_can_be_read_without_scrolling(visit):
    table = visit.page.locator("#runs .scroll")
    assert table.evaluate("one => one.scrollWidth - one.clientWidth") <= 1
    took = table.locator("tbody tr").first.locator("td").nth(3)
    assert took.is_visible()
    said = took.evaluate("one => getComputedStyle(one, '::before').content")
    assert (said != "none") is (
        visit.page.viewport_size["width"] == PHONE
    )  # where there is no head, each says its own


@everywhere
def test_every_length_of_sessions_has_its_unit(visit):
    said = " ".join(visit.page.locator("#sessions svg:visible text").all_text_contents())
    assert said.count("min") == 5
    assert said.count("h") == 2


def test_the_dark_is_dark_and_the_pictures_with_it(browser, reported, made):
    shades = {}
    for scheme in ("light", "dark"):
        with visiting(browser, reported.folder / made["path"], scheme=scheme) as visit:
            shades[scheme] = [
                visit.style("body", "backgroundColor"),
                visit.style("#minutes .wide svg path[fill^=var]", "fill"),
                visit.style("#minutes .wide svg text", "fill"),
            ]
    assert _luminance(shades["dark"][0]) < 0.02
    assert _luminance(shades["light"][0]) > 0.8
    assert not set(shades["dark"]) & set(shades["light"])


def test_each_width_has_its_own_drawing(browser, reported, made):
    for width, seen, unseen in ((PHONE, "narrow", "wide"), (DESKTOP, "wide", "narrow")):
        with visiting(browser, reported.folder / made["path"], width=width) as visit:
            assert visit.page.locator(f"#minutes .{seen} svg").is_visible()
            assert not visit.page.locator(f"#minutes .{unseen} svg").is_visible()


def test_hostile_names_are_text(visit):
    assert visit.page.locator("script, img, iframe").count() == 0
    for name in (SCRIPT, IMAGE):
        for figure in ("completion", "scores"):
            assert name in visit.page.locator(f"#{figure} .name bdi").all_inner_texts()
        assert name[:30] in "".join(visit.page.locator("#mastery .name bdi").all_inner_texts())
    assert SCRIPT in visit.page.locator("#runs td bdi").all_inner_texts()
    assert visit.quiet()


# --- trouble -----------------------------------------------------------------------------------------------------


def test_models_without_data_give_a_calm_page(reported, tmp_path, browser):
    tables = [
        f"{schema}.{table}"
        for schema, table in reported.rows(
            "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE'"
            " and table_name not in ('event_types', 'bkt_parameters')"
        )
    ]
    said, text = report(reported.copy(tmp_path, *(f"delete from {table}" for table in tables)), tmp_path)  # noqa: S608
    assert said["empty"] == FIGURES
    assert text.count('<p class="nothing">') == len(FIGURES)
    with visiting(browser, tmp_path / "report.html", width=PHONE) as visit:
        assert visit.page.locator("h1").inner_text() == "Nothing has been loaded yet."
        assert visit.overflow() == []
        assert visit.quiet()


def test_an_account_that_does_not_balance_is_not_called_one(reported, tmp_path):
    said, text = report(
        reported.copy(tmp_path, "update analytics.data_quality_daily set events = events - 1"), tmp_path
    )
    assert not said["balances"]
    assert "The account does not balance." in text
    assert "ingest verify" in text


def test_the_headline_claims_what_was_compared(reported, tmp_path):
    """Stored with loaded, loaded with classes: the broker is not asked."""
    _, text = report(reported.copy(tmp_path), tmp_path)
    assert "Every stored record is accounted for." in text
    assert "<code>ingest verify</code> asks it, too" in text
    ahead = "update raw.job_runs set records_processed = records_processed + 1 where job_type = 'ingest'"
    _, text = report(reported.copy(tmp_path, ahead), tmp_path)
    assert "Every loaded record is accounted for." in text


_DAYS = """
    insert into analytics.content_performance by name
    select 'default' as tenant_id, 'lesson' as content_type, 'weighed' as content_id, made.*,
        (select max(partition_date) from analytics.content_performance) - made.number as partition_date,
        made.learners_completed / made.learners_attempted as completion_rate, 0 as graded_attempts,
        cast('2026-01-01' as timestamp) as _loaded_at
    from (values (0, 1, 1, 1000, 1, 1), (1, 900, 0, 900, 900, 0)) as made(
        number, starts, completions, learners, learners_attempted, learners_completed
    )
"""
_RARE = "update analytics.content_performance set learners_completed = 0 where content_id = 'rare'"


def test_completion_over_days_is_of_those_who_attempted(reported, tmp_path):
    """Learners who only looked have no weight; of few attempts, none is called the lowest."""
    rare = _DAYS.replace("'weighed'", "'rare'").replace("(1, 900, 0, 900, 900, 0)", "(1, 2, 0, 2, 2, 0)")
    days = (sql.replace("made.*,", "made.* exclude (number),") for sql in (_DAYS, rare))
    _, text = report(reported.copy(tmp_path, *days, _RARE), tmp_path)
    figure = text.split('<figure id="completion">')[1].split("</figure>")[0]
    assert '<bdi>weighed</bdi></span><span class="value">0%<' in figure
    assert "1 of 901 learner-days" in figure
    lowest = (
        "lowest completion, of all with 5 learner-days or more</dt><dd><bdi>weighed · tenant default: 0%, 1 of 901"
    )
    assert lowest in figure
    table = figure.split("<table>")[1].split("</table>")[0]
    assert "weighed" in table
    assert "rare" not in table


def test_without_staging_the_bands_are_missing_and_it_says_so(reported, tmp_path):
    said, text = report(reported.copy(tmp_path, "drop table staging.stg_records"), tmp_path)
    assert said["empty"] == ["lateness"]
    assert text.count("staging.stg_records is not there for this reader") == 3
    assert "median, stored to loaded" in text
    assert ">twice<" not in text


def test_missing_models_are_named_with_the_next_command(reported, tmp_path):
    path = reported.copy(tmp_path, "drop table analytics.pipeline_latency", "drop view analytics.session_metrics")
    code, output, errors = ingest("report", "--warehouse", str(path), folder=tmp_path)
    assert (code, output) == (3, "")
    assert "no analytics.pipeline_latency, analytics.session_metrics" in errors
    assert "dbt build" in errors
    assert not (tmp_path / "report.html").exists()


_MUCH = """
    insert into analytics.minute_metrics by name
    select 'default' as tenant_id, 'l' || n % 5000 as learner_id, 's' || n as session_key, moment as minute_timestamp,
        1 + n % 7 as total_events, 0 as page_views, 0 as interactions, 0 as assessments_started,
        0 as assessments_completed, 0 as lessons_started, 0 as lessons_completed, 0 as items_answered,
        0 as resources_accessed, 0 as errors, 30 as time_spent_seconds, cast(moment as date) as partition_date,
        moment as _loaded_at
    from (
        select n, (select max(minute_timestamp) from analytics.minute_metrics) - n * interval 1 minute as moment
        from range(3000000) as made(n)
    )
"""
_HOURS = """
    insert into analytics.pipeline_latency
    select loaded_hour - n * interval 1 hour, records, 1 + n % 50, 60 + n % 500, 1, 2, 2 + n % 50, 90 + n % 5000,
        _loaded_at
    from analytics.pipeline_latency cross join range(1, 50000) as made(n)
"""


def test_much_more_data_is_not_a_much_larger_page(reported, tmp_path, browser):
    said, text = report(reported.copy(tmp_path, _MUCH, _HOURS), tmp_path)
    assert said["bytes"] < 1_500_000
    assert "The whole time, by month" in text
    assert said["figures"]["minutes"] <= 2 * 2881
    with visiting(browser, tmp_path / "report.html", width=PHONE) as visit:
        assert visit.page.locator("#latency .narrow svg").is_visible()
        assert visit.overflow() == []
        assert visit.quiet()
