"""What MkDocs needs to know of this project: the README is the first page, and links into the code are no links."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from ingest.lookml_manifest import read
from ingest.lookml_marts import Catalogue, Mart

ROOT = Path(__file__).parents[2]
MARTS = """\
# Marts and columns

What dashboards read: for each mart what a row is, its key, its columns and the metrics over it, from dbt's contracts.
Every other model, each test and the lineage stand on dbt's own page: [open it](dbt.html), one file for itself.
"""
#: A dot and a line that goes on: the mark of the pages.
MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<circle cx="4" cy="8" r="3" fill="#1c6e8c"/><path d="M7 8h8" stroke="#1c6e8c" stroke-width="2"/></svg>\n'
)
#: Room for diagrams and tables, and names in one piece.
STYLE = ".md-grid { max-width: 76rem } td:first-child code { white-space: nowrap }\n"


def on_files(files: Files, config: Any) -> Files:
    """Pages that are not files of `docs/`."""
    readme = (ROOT / "README.md").read_text()
    files.append(File.generated(config, "index.md", content=readme.replace("](docs/", "](")))
    target = Path(os.environ.get("DBT_TARGET_PATH") or ROOT / "dbt_project/target")
    files.append(File.generated(config, "marts.md", content=marts(read(target / "manifest.json"))))
    files.append(File.generated(config, "favicon.svg", content=MARK))
    files.append(File.generated(config, "style.css", content=STYLE))
    files.append(File.generated(config, "dbt.html", abs_src_path=str(target / "static_index.html")))
    return files


def marts(catalogue: Catalogue) -> str:
    """The page of the marts, in Markdown."""
    return "\n\n".join([MARTS.rstrip(), *map(_mart, catalogue.marts)]) + "\n"


def _mart(mart: Mart) -> str:
    columns = [
        (f"`{one.name}`", one.data_type, "" if one.never_null else "yes", one.description) for one in mart.columns
    ]
    metrics = [(one.label, one.unit or "", one.description) for one in mart.metrics]
    parts = [
        f"## {mart.name}",
        mart.description,
        f"Key: {', '.join(f'`{name}`' for name in mart.key)}.",
        _table(("column", "type", "may be null", "what it is"), columns),
    ]
    return "\n\n".join([*parts, _table(("metric", "unit", "what it is"), metrics)] if metrics else parts)


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Links to what is no page, code and folders, become the names of these."""

    def shown(found: re.Match[str]) -> str:
        text, target = found.groups()
        place = (Path(page.file.src_uri).parent / target.partition("#")[0]).as_posix()
        path = re.sub(r"[^/]+/\.\./", "", place)
        known = target.startswith("#") or "://" in target or files.get_file_from_path(path) is not None
        return found[0] if known else text

    return re.sub(r"(?<!!)\[([^\[\]]*(?:\[[^\]]*\])?[^\[\]]*)\]\(([^)\s]+)\)", shown, markdown)


def on_post_page(output: str, page: Any, config: Any) -> str:
    """The theme would fetch from a network what lets the search run from the disk: ours is in the page."""
    ours = (Path(__file__).parent / "worker.js").read_text()
    return re.sub(
        r'<script src="https://[^"]*iframe-worker[^"]*"></script>', lambda _: f"<script>{ours}</script>", output
    )
