"""What a package holds that is built here, with a compiler and without."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "rust", "ingest")


@pytest.fixture
def tree(tmp_path):
    """The project as somebody unpacks it: what was built before is not there."""
    ignored = shutil.ignore_patterns("target", "__pycache__", "_reader.*")
    for name in SOURCES:
        source, place = ROOT / name, tmp_path / "tree" / name
        if source.is_dir():
            shutil.copytree(source, place, ignore=ignored)
        else:
            place.parent.mkdir(exist_ok=True)
            shutil.copy(source, place)
    return tmp_path / "tree"


def build(tree: Path, path: str, **settings: str) -> tuple[subprocess.CompletedProcess[str], list[Path]]:
    environment = {name: text for name, text in os.environ.items() if name != "CARGO_TARGET_DIR"}
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "made"]
    done = subprocess.run(
        words, cwd=tree, env=environment | {"PATH": path} | settings, capture_output=True, text=True, check=False
    )
    return done, list((tree / "made").glob("*.whl"))


def libraries(wheel: Path) -> list[str]:
    return [name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("ingest/_reader.")]


def test_without_cargo_the_package_is_pure_and_says_so(tree):
    (tree / "ingest" / "_reader.so").write_bytes(b"of older sources")
    done, [wheel] = build(tree, path=os.devnull)
    assert done.returncode == 0, done.stderr
    assert "without the compiled reader (there is no cargo)" in done.stdout + done.stderr
    assert wheel.name.endswith("-py3-none-any.whl")
    assert libraries(wheel) == []


def test_where_it_is_required_its_absence_ends_the_build(tree):
    done, wheels = build(tree, path=os.devnull, REQUIRE_READER="1")
    assert done.returncode != 0
    assert wheels == []
    assert "there is no cargo" in done.stderr


@pytest.mark.skipif(not shutil.which("cargo"), reason="there is no cargo: the compiled reader is not built")
def test_with_cargo_one_wheel_serves_every_python_of_the_platform(tree):
    done, [wheel] = build(tree, path=os.environ["PATH"], REQUIRE_READER="1")
    assert done.returncode == 0, done.stderr
    assert "-py3-none-" in wheel.name
    assert not wheel.name.endswith("-any.whl")
    [library] = libraries(wheel)
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tree / "unpacked")
    look = "import ctypes, sys; print(ctypes.CDLL(sys.argv[1]).reader_version())"
    words = [sys.executable, "-c", look, tree / "unpacked" / library]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "3\n"


def test_a_reader_that_is_asked_for_and_not_there_is_told(tree):
    environment = os.environ | {"READER": "compiled", "PYTHONPATH": str(tree)}
    words = [sys.executable, "-m", "ingest", "consume", "--store", "objects", "--once"]
    done = subprocess.run(words, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(
        "error: READER is compiled, but this package was built without one\nnext:  Build it"
    )
