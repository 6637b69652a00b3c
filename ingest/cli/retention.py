"""`ingest retention plan`, `apply` and `audit`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.cli.columns import NOTHING, figure, table
from ingest.cli.options import As, StoreUrl
from ingest.cli.retention_site import Part, Site, recorded, site_of
from ingest.cli.selecting import instant
from ingest.cli.wiring import SystemClock
from ingest.console import DIFFERS, Output, leave, note, print_result
from ingest.errors import DependencyError, SettingsError

if TYPE_CHECKING:
    from ingest.retention_estate import Look
    from ingest.retention_layers import Finding, Share

_HEADS = ("past\nit", "bytes", "oldest", "kept\nfrom", "taken by")


Project = Annotated[Path, typer.Option(help="The dbt project, for staging, aggregates and views.")]
Without = Annotated[list[Part] | None, typer.Option(help="Leave it out; repeatable.")]
AsOf = Annotated[str | None, typer.Option(help="As of another time: ISO 8601, UTC if it names no zone. [now]")]
DuckDbFile = Annotated[
    Path | None,
    typer.Option("--warehouse", help="A DuckDB file. [Snowflake if SNOWFLAKE_ACCOUNT is set, else DUCKDB_PATH]"),
]

app = typer.Typer(
    help="What is past its time, from objects to dashboards: look at it, delete it, and see whether anything is "
    "older than RAW_RETENTION_MONTHS, AGGREGATE_RETENTION_YEARS and REALTIME_VIEW_DAYS allow.",
    no_args_is_help=True,
)


@app.command(short_help="Tell what is past its time, and who takes it.")
def plan(
    store: StoreUrl = None,
    warehouse: DuckDbFile = None,
    project: Project = Path("dbt_project"),
    without: Without = None,
    as_of: AsOf = None,
    output: As = Output.TEXT,
) -> None:
    """Tell what is past its time in every layer, and who takes it. Changes nothing.

    Exit code 3 if a layer could not be looked at, unless --without says so.

    Example: ingest retention plan --as-of 2027-01-01
    """
    now = instant("--as-of", as_of) or SystemClock().now()
    with site_of(store, warehouse, project, without or ()) as site:
        look = site.estate.look(now)
    _print(site, look, now, output, {})
    if output is Output.TEXT:
        typer.echo(f"\nnothing was changed; {_next(site, look)}")
    _leave(site, look, wrong=False)


@app.command(short_help="Delete what is past its time.")
def apply(
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask; needed off a terminal.")] = False,
    lifecycle: Annotated[
        bool, typer.Option("--lifecycle", help="Set the bucket's lifecycle rules too; other rules are kept.")
    ] = False,
    store: StoreUrl = None,
    warehouse: DuckDbFile = None,
    project: Project = Path("dbt_project"),
    without: Without = None,
    output: As = Output.TEXT,
) -> None:
    """Delete what is past its time: raw rows, then what dbt made of them, then objects in a folder.

    Objects in a bucket are left to its lifecycle rules. The last object of a chain stays, and so do objects that
    are not loaded. Interrupted anywhere, run it again. The run is recorded as a job.

    Example: ingest retention apply --yes
    """
    from ingest.retention_estate import Taken

    now, taken = SystemClock().now(), Taken()
    with site_of(store, warehouse, project, without or ()) as site:
        if not yes:
            _ask(site, now)
        with recorded(site, taken):
            site.estate.apply(now, taken)
            rules = site.estate.set_rules() if lifecycle else None
    for name, why in site.left_out.items():
        note(f"{name}: left out, {why}")
    kept = {"rules": rules} if lifecycle else {}
    counts = {name: value for name, value in asdict(taken).items() if name != "failed"}
    print_result(counts | kept | ({"left_out": site.left_out} if output is Output.JSON else {}), output)
    leave(0)


@app.command(short_help="Is anything older than it may be?")
def audit(
    grace_days: Annotated[
        int, typer.Option(min=0, max=366, help="Days that something may be late: rules and jobs run daily.")
    ] = 7,
    store: StoreUrl = None,
    warehouse: DuckDbFile = None,
    project: Project = Path("dbt_project"),
    without: Without = None,
    output: As = Output.TEXT,
) -> None:
    """Hold the oldest of every layer, and the bucket's lifecycle rules, against the settings.

    Exit code 4 if something is older than it may be or a rule is wrong, 3 if a layer could not be looked at, unless
    --without says so.

    Example: ingest retention audit --without models
    """
    from ingest.retention_audit import audit as run

    now = SystemClock().now()
    with site_of(store, warehouse, project, without or ()) as site:
        found = run(site.estate, now, timedelta(days=grace_days), rules=Part.RULES not in (without or ()))
    whole = not (site.missing or found.look.away)
    told = {"sound": _sound(found.findings, whole=whole), "findings": [asdict(one) for one in found.findings]}
    _print(site, found.look, now, output, told)
    if output is Output.TEXT:
        for line in _told(found.findings, whole=whole, all_asked=not site.left_out):
            typer.echo(line)
    _leave(site, found.look, wrong=bool(found.findings))


def _ask(site: Site, now: datetime) -> None:
    """Show the plan and ask. Raises `SettingsError` off a terminal."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SettingsError(
            "nothing was deleted: this asks before it deletes, and here is no terminal",
            "Look at `ingest retention plan`, then add --yes.",
        )
    for line in _lines(site, site.estate.look(now), now):
        note(line)
    typer.confirm("\nDelete what is past its time?", abort=True, err=True)


# --- what is told --------------------------------------------------------------------------------------


def _print(site: Site, look: Look, now: datetime, output: Output, more: Mapping[str, Any]) -> None:
    if output is Output.TEXT:
        for line in _lines(site, look, now):
            typer.echo(line)
        return
    retention = site.estate.retention
    print_result(
        {
            "as_of": now.isoformat(),
            **asdict(retention),
            "where": site.where,
            "left_out": site.left_out,
            "away": {part: str(error) for part, error in look.away.items()},
            "shares": [share.to_json() for share in look.shares],
            **more,
        },
        output,
    )


def _lines(site: Site, look: Look, now: datetime) -> Iterator[str]:
    out = site.left_out | {part: str(error) for part, error in look.away.items()}
    yield f"{'as of':10} {now:%Y-%m-%d %H:%M} UTC"
    for part, place in site.where.items():
        yield f"{part:10} {'NOT LOOKED AT: ' + out[part] if part in out else place}"
    yield ""
    yield from _table(look.shares)
    tips, unloaded = sum(s.tips for s in look.shares), sum(s.unloaded for s in look.shares)
    if tips:
        yield f"{tips:,} older objects are kept: they are the last ones of their chains"
    if unloaded:
        yield f"{unloaded:,} older objects are kept: they are not loaded. ingest load"
    if ending := sum(s.ending for s in look.shares):
        yield f"{ending:,} chains end within 30 days: send each of these partitions a record (docs/decisions/0018)"


def _table(shares: Sequence[Share]) -> list[str]:
    """A line for each, names to the left."""
    names = [("layer", "what"), *((share.layer.value, share.name) for share in shares)]
    widths = [max(map(len, column)) for column in zip(*names, strict=True)]
    left = [[name.ljust(width) for name, width in zip(pair, widths, strict=True)] for pair in names]
    rows = [[*pair, *_figures(share)] for pair, share in zip(left[1:], shares, strict=True)]
    return table([*left[0], *_HEADS], rows)


def _next(site: Site, look: Look) -> str:
    if any(share.past for share in look.shares):
        return "next: ingest retention apply"
    return "next: mend what was not looked at" if look.away or site.missing else "nothing is past its time"


def _figures(share: Share) -> list[str]:
    oldest = f"{share.oldest:%Y-%m-%d}" if share.oldest else NOTHING
    return [figure(share.past), figure(share.nbytes), oldest, f"{share.horizon:%Y-%m-%d}", share.taker.value]


def _sound(findings: list[Finding], *, whole: bool) -> bool | None:
    """None: not known, for not all could be looked at."""
    return False if findings else True if whole else None


def _told(findings: list[Finding], *, whole: bool, all_asked: bool) -> Iterator[str]:
    sound = "Sound: nothing is older than it may be."
    if not all_asked:
        sound = "Sound but for what was left out, see above: nothing is older than it may be."
    if not whole:
        sound = "NOT KNOWN: not all could be looked at, see above. In what was, nothing is older than it may be."
    yield ""
    yield f"NOT SOUND: {len(findings):,} findings." if findings else sound
    for one in findings:
        yield f"\n{one.name}  {one.where}\n  {one.what}\n  next: {one.remedy}"


def _leave(site: Site, look: Look, *, wrong: bool) -> None:
    for part, why in site.missing.items():
        note(f"error: {part} not looked at: {why}\nnext:  Mend that, or leave it out: --without {part}")
    for error in look.away.values():
        note(f"error: {error}\nnext:  {error.remedy}")
    leave(DIFFERS if wrong else DependencyError.exit_code if look.away or site.missing else 0)
