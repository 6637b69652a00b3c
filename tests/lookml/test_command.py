"""`ingest lookml`: what it writes, what it leaves alone, what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lookml.reading import Project


def ingest(*words: str | Path, folder: Path, **env: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `ingest lookml` in a folder, without the account of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SNOWFLAKE_")}
    done = subprocess.run(
        [sys.executable, "-m", "ingest", "lookml", *words],
        cwd=folder,
        env=kept | env,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(name="written")
def _written(manifest: Path, tmp_path: Path) -> Path:
    """A folder that has been written into once."""
    code, _, errors = ingest("--manifest", manifest, folder=tmp_path)
    assert code == 0, errors
    return tmp_path / "looker"


def without(content: dict[str, Any], mart: str, folder: Path) -> Path:
    """A manifest without a mart."""
    [node] = [name for name in content["nodes"] if name.endswith(f".{mart}") and name.startswith("model.")]
    del content["nodes"][node]
    gone = {name for name, one in content["semantic_models"].items() if node in one["depends_on"]["nodes"]}
    measures = {one["name"] for name in gone for one in content["semantic_models"].pop(name)["measures"]}
    for name, metric in list(content["metrics"].items()):
        if measures & {one["name"] for one in metric["type_params"]["input_measures"]}:
            del content["metrics"][name]
    path = folder / f"without_{mart}.json"
    path.write_text(json.dumps(content))
    return path


def test_it_writes_a_project_and_then_has_nothing_to_do(manifest, written):
    assert Project(written).faults() == []
    before = snapshot(written)
    for words in ([], ["--check"]):
        code, output, errors = ingest("--manifest", manifest, *words, folder=written.parent)
        assert (code, output) == (0, "")
        assert "29 files are up to date" in errors
    assert snapshot(written) == before


def test_a_change_of_a_generated_file_is_named_and_undone(manifest, written):
    before = snapshot(written)
    path = written / "views/session_metrics.view.lkml"
    path.write_text(path.read_text() + "# mine\n")
    (written / "explores/system_health.explore.lkml").unlink()
    code, output, errors = ingest("--manifest", manifest, "--check", folder=written.parent)
    assert code == 4
    assert output.splitlines() == [
        "write   looker/explores/system_health.explore.lkml",
        "write   looker/views/session_metrics.view.lkml",
    ]
    assert f"next:  cd dbt_project && dbt parse, then: ingest lookml --manifest {manifest} --to looker" in errors
    assert "# mine" in path.read_text(), "--check writes nothing"
    assert ingest("--manifest", manifest, folder=written.parent)[0] == 0
    assert snapshot(written) == before


def test_what_is_the_readers_own_is_never_changed(manifest, written):
    mine = {
        "refinements/session_metrics.view.lkml": "view: +session_metrics {\n  label: 'Mine'\n}\n",
        "refinements/explores.lkml": "explore: +learner_engagement {}\n",
        "manifest.lkml": '# mine\nproject_name: "mine"\n',
        "refinements/of_my_own.view.lkml": "view: of_my_own { extends: [session_metrics] }\n",
        "extra/more.view.lkml": "view: more {}\n",
    }
    for path, text in mine.items():
        (written / path).parent.mkdir(exist_ok=True)
        (written / path).write_text(text)
    for words in ([], ["--check"]):
        code, output, _ = ingest("--manifest", manifest, *words, folder=written.parent, SNOWFLAKE_DATABASE="OTHER")
        assert (code, output) == (0, "")
    assert {path: (written / path).read_text() for path in mine} == mine


def test_a_refinement_that_was_deleted_is_made_again(manifest, written):
    path = written / "refinements/session_metrics.view.lkml"
    made = path.read_text()
    path.unlink()
    code, output, _ = ingest("--manifest", manifest, "--check", folder=written.parent)
    assert (code, output) == (4, "make    looker/refinements/session_metrics.view.lkml\n")
    assert ingest("--manifest", manifest, folder=written.parent)[0] == 0
    assert path.read_text() == made


def test_a_file_that_is_not_generated_is_not_overwritten(manifest, written):
    path = written / "views/session_metrics.view.lkml"
    path.write_text("view: session_metrics {}\n")
    before = snapshot(written)
    code, output, errors = ingest("--manifest", manifest, folder=written.parent)
    assert (code, output) == (2, "")
    assert "looker/views/session_metrics.view.lkml is not generated, and would be overwritten" in errors
    assert "next:  Move what it says to looker/refinements, and delete it." in errors
    assert snapshot(written) == before


def test_a_mart_that_is_gone_takes_its_files_along(content, written, tmp_path):
    manifest = without(content, "event_id_conflicts", tmp_path)
    (written / "views/by_hand.view.lkml").write_text("view: by_hand {}\n")
    code, _, errors = ingest("--manifest", manifest, folder=tmp_path)
    assert code == 2
    assert (
        "tile 'Conflicting event ids' of dashboard system_health shows conflicting_event_ids of event_id_" in errors
    )
    content["exposures"].pop("exposure.learner_analytics.system_health")
    manifest.write_text(json.dumps(content))
    code, output, _ = ingest("--manifest", manifest, "--check", folder=tmp_path)
    gone = {
        "dashboards/system_health.dashboard.lookml",
        "explores/system_health.explore.lkml",
        "views/event_id_conflicts.view.lkml",
        "refinements/event_id_conflicts.view.lkml",
    }
    assert (code, set(output.splitlines())) == (4, {f"delete  looker/{path}" for path in gone})
    before = snapshot(written)
    assert ingest("--manifest", manifest, folder=tmp_path)[0] == 0
    assert snapshot(written) == {path: text for path, text in before.items() if path not in gone}


def test_a_refinement_of_what_is_gone_is_kept_and_told(content, written, tmp_path):
    content["exposures"].pop("exposure.learner_analytics.system_health")
    manifest = without(content, "event_id_conflicts", tmp_path)
    mine = written / "refinements/event_id_conflicts.view.lkml"
    mine.write_text(mine.read_text() + "# a thought\n")
    for words in ([], ["--check"]):
        code, output, errors = ingest("--manifest", manifest, *words, folder=tmp_path)
        assert code == 4
        assert output.splitlines()[-1] == "orphan  looker/refinements/event_id_conflicts.view.lkml"
        assert "next:  move what looker/refinements/event_id_conflicts.view.lkml says, and delete it" in errors
    assert "# a thought" in mine.read_text()
    mine.unlink()
    assert ingest("--manifest", manifest, "--check", folder=tmp_path)[0] == 0


def test_a_project_within_the_folder_is_none_of_its_business(manifest, written):
    before = snapshot(written)
    code, output, errors = ingest("--manifest", manifest, "--to", ".", folder=written.parent)
    assert code == 0, errors
    assert "delete" not in output
    assert snapshot(written) == before


def test_the_database_is_that_of_the_settings(manifest, tmp_path):
    assert ingest("--manifest", manifest, folder=tmp_path, SNOWFLAKE_DATABASE="OTHER")[0] == 0
    constants = {
        one["name"]: one["value"] for one in Project(tmp_path / "looker").files["manifest.lkml"]["constants"]
    }
    assert constants == {
        "connection": "aivo_analytics",
        "analytics_database": "OTHER",
        "analytics_schema": "ANALYTICS",
    }


def test_without_a_manifest_it_says_how_to_write_one(tmp_path):
    code, output, errors = ingest(folder=tmp_path)
    assert (code, output) == (2, "")
    assert errors.splitlines() == [
        "error: dbt_project/target/manifest.json is not there: dbt's manifest",
        "next:  cd dbt_project && dbt parse; or name another: --manifest.",
    ]


def test_a_folder_that_can_t_be_written_is_named(manifest, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, errors = ingest("--manifest", manifest, "--to", "file", folder=tmp_path)
    assert code == 2
    assert "error: file can't be written" in errors


def test_without_lkml_it_says_what_to_install(manifest, tmp_path):
    words = ["lookml", "--manifest", str(manifest)]
    code = f"import sys; sys.modules['lkml'] = None; sys.argv[1:] = {words}; from ingest.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "this command needs lkml" in done.stderr
    assert "pip install '.[load,dbt,report,lookml]'" in done.stderr
