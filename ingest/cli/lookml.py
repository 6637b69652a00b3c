"""`ingest lookml`: what Looker reads, written from dbt's manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingest.cli.wiring import settings_of
from ingest.console import DIFFERS, leave, note

if TYPE_CHECKING:
    from ingest.lookml_project import Changes


def lookml(
    manifest: Annotated[Path, typer.Option(help="dbt's manifest: what `dbt parse` writes.")] = Path(
        "dbt_project/target/manifest.json"
    ),
    to: Annotated[Path, typer.Option(help="The LookML project, a folder.")] = Path("looker"),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; tell which files are not up to date.")
    ] = False,
) -> None:
    """Write LookML from the models: views, explores, the model and dashboards. Nothing is connected to.

    What stands in refinements/ and in manifest.lkml is yours: made once, never changed. Exit code 4 if a file is
    not up to date (--check), or a refinement is of a view that is gone. docs/looker.md says how Looker takes it.

    Example: ingest lookml --check
    """
    from ingest.lookml_manifest import read
    from ingest.lookml_project import apply, changes, render

    rendering = render(read(manifest), settings_of({}).snowflake_database)
    found = changes(rendering, to)
    if not check:
        apply(found, to)
    _tell(found, to, len(rendering.generated) + len(rendering.own))
    wrong = found if check else found.orphaned
    if wrong:
        _next(found, manifest, to, check=check)
        leave(DIFFERS)


def _tell(found: Changes, to: Path, count: int) -> None:
    kinds = (("write", found.written), ("make", found.made), ("delete", found.deleted), ("orphan", found.orphaned))
    for what, paths in kinds:
        for path in paths:
            typer.echo(f"{what:6}  {to / path}")
    if not found:
        note(f"{to}: {count} files are up to date")


def _next(found: Changes, manifest: Path, to: Path, *, check: bool) -> None:
    if found.orphaned:
        note("error: a refinement is of a view that is gone, and is not empty: Looker would refuse the project")
        note(f"next:  move what {to / found.orphaned[0]} says, and delete it")
    if check and (found.written or found.made or found.deleted):
        note(f"error: {to} is not what the manifest says")
        note(f"next:  cd dbt_project && dbt parse, then: ingest lookml --manifest {manifest} --to {to}")
