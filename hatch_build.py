"""Compiles the reader (`rust/`) into the package where cargo is; without it the package is pure Python, and slower.

`REQUIRE_READER=1` makes a missing compiler an error, for images and whoever counts on the speed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SUFFIX = ".dylib" if sys.platform == "darwin" else ".so"


class CompiledReader(BuildHookInterface[Any]):
    """Adds `ingest/_reader.so` to wheels, editable ones as well. Without dependencies, so it needs no network."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See hatchling's build hooks."""
        library = Path(self.root) / "ingest" / f"_reader{SUFFIX}"
        library.unlink(missing_ok=True)  # one of older sources would be read with, unseen
        if problem := compiled(Path(self.root) / "rust", library):
            if os.environ.get("REQUIRE_READER"):
                raise RuntimeError(f"the reader can't be compiled: {problem}")
            self.app.display_warning(f"without the compiled reader ({problem}): records are read in Python, slower")
            return
        build_data["artifacts"].append(f"/ingest/{library.name}")
        build_data["pure_python"] = False
        # It has an interface of its own, not Python's: one wheel for every Python of a platform.
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"


def compiled(crate: Path, library: Path) -> str:
    """Compile it there; answer why it can't be, or nothing."""
    if not (cargo := shutil.which("cargo")):
        return "there is no cargo"
    if not crate.is_dir():
        return "its sources are not here"
    words = [cargo, "build", "--release", "--offline", "--locked", "--quiet", "--manifest-path", crate / "Cargo.toml"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=crate)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["cargo failed"])[-1]
    target = Path(os.environ.get("CARGO_TARGET_DIR", crate / "target"))
    shutil.copy(target / "release" / f"libreader{SUFFIX}", library)
    return ""
