"""What MkDocs needs to know of this project: the README is the first page, and links into the code are no links."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
MODELS = """\
# Models and columns

Every model, column, test and lineage, as dbt writes them: [open the page](dbt.html), one file that opens by itself.
"""
#: A dot and a line that goes on: the mark of the pages.
MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<circle cx="4" cy="8" r="3" fill="#1c6e8c"/><path d="M7 8h8" stroke="#1c6e8c" stroke-width="2"/></svg>\n'
)


def on_files(files: Files, config: Any) -> Files:
    """Pages that are not files of `docs/`."""
    readme = (ROOT / "README.md").read_text()
    files.append(File.generated(config, "index.md", content=readme.replace("](docs/", "](")))
    files.append(File.generated(config, "dbt-page.md", content=MODELS))
    files.append(File.generated(config, "favicon.svg", content=MARK))
    models = Path(os.environ.get("DBT_TARGET_PATH") or ROOT / "dbt_project/target") / "static_index.html"
    files.append(File.generated(config, "dbt.html", abs_src_path=str(models)))
    return files


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
