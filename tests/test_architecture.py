"""The table of imports: who may know whom. Read it as the map of the package."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "ingest"

# Each module may import those named here, and what they may import; nothing else of ours.
MAY_IMPORT = {
    "records": (),
    "errors": (),
    "telemetry": ("errors",),
    "events": (),
    "times": (),
    "envelope": ("events",),
    "envelopes": ("envelope", "events"),
    "decode": ("envelopes", "events", "records", "times"),
    "reader": ("errors",),
    "gathered": ("decode", "records"),
    "batch": ("records",),
    "objects": ("batch", "errors", "records"),
    "chain": ("batch", "errors", "layout", "objects", "records"),
    "lane": ("batch", "chain", "objects", "records", "survey"),
    "patience": ("errors",),
    "summary": ("batch", "chain", "objects", "records"),
    "monitor": ("batch", "chain", "records"),
    "monitors": ("batch", "chain", "monitor", "records"),
    "progress": ("batch", "chain", "records"),
    "health": ("progress", "records"),
    "metrics": (),
    "meters": ("batch", "chain", "events", "health", "metrics", "records", "summary"),
    "loading": ("errors", "health", "load", "metrics"),
    "endpoint": ("errors",),
    "consume": (
        "batch",
        "chain",
        "decode",
        "errors",
        "flush",
        "gathered",
        "lane",
        "monitor",
        "patience",
        "records",
        "summary",
        "survey",
    ),
    "flush": ("batch", "chain", "errors", "lane", "monitor", "objects", "patience", "records", "summary", "survey"),
    "survey": ("chain", "errors", "records"),
    "broker": ("chain", "errors", "kafka", "records"),
    "kafka": ("errors", "remedies"),
    "properties": (),
    "cluster": ("kafka",),
    "doctor": ("errors",),
    "checkup": ("broker", "cluster", "doctor"),
    "surroundings": ("chain", "doctor", "errors", "probe"),
    "remedies": ("properties",),
    "source": ("broker", "chain", "errors", "kafka", "records"),
    "embedded": ("kafka",),
    "keys": ("errors",),
    "folder": ("chain", "errors", "keys"),
    "s3_errors": ("errors",),
    "s3": ("chain", "errors", "keys", "s3_errors"),
    "store": ("chain", "errors", "folder", "s3"),
    "probe": ("chain", "errors"),
    "jobs": ("errors", "layout", "objects"),
    "recorder": ("chain", "errors", "jobs"),
    "tables": ("errors", "events", "jobs", "layout"),
    "rows": ("errors", "events", "jobs", "layout", "objects"),
    "database": ("errors",),
    "warehouse": ("database", "errors", "jobs", "rows", "tables"),
    "quarantine": ("database", "errors", "events"),
    "recovery": (
        "chain",
        "decode",
        "errors",
        "events",
        "layout",
        "objects",
        "quarantine",
        "records",
        "rows",
    ),
    "excerpt": ("chain", "errors", "layout", "objects", "rows"),
    "replay": ("batch", "chain", "errors", "excerpt", "objects", "recovery", "rows", "warehouse"),
    "ledger": ("errors", "jobs", "warehouse"),
    "tails": ("errors", "kafka", "records"),
    "marks": ("chain", "errors", "objects", "records", "tails"),
    "inventory": ("chain", "errors", "layout", "objects"),
    "holdings": ("database", "errors", "objects", "tables"),
    "discrepancies": ("objects", "records"),
    "walk": ("discrepancies", "inventory", "objects", "records"),
    "reckoning": ("discrepancies", "holdings", "inventory", "layout", "objects", "records", "tables"),
    "retention": (),
    "retention_layers": (),
    "retention_evidence": ("inventory", "reckoning", "walk"),
    "retention_objects": ("chain", "layout", "objects", "retention_layers"),
    "retention_rows": ("database", "retention_layers", "tables", "warehouse"),
    "retention_models": ("errors", "retention", "retention_layers"),
    "lifecycle": ("layout", "retention_layers"),
    "retention_estate": (
        "chain",
        "errors",
        "layout",
        "lifecycle",
        "retention",
        "retention_layers",
        "retention_models",
        "retention_objects",
        "retention_rows",
        "tables",
    ),
    "retention_audit": ("errors", "lifecycle", "retention_estate", "retention_layers"),
    "evidence": ("holdings", "inventory", "layout", "marks", "objects", "reckoning", "tables"),
    "examination": (
        "discrepancies",
        "evidence",
        "inventory",
        "layout",
        "marks",
        "objects",
        "reckoning",
        "records",
        "retention_evidence",
        "walk",
    ),
    "inspection": ("chain", "discrepancies", "errors", "inventory", "objects", "rows"),
    "verify": (
        "chain",
        "discrepancies",
        "errors",
        "evidence",
        "examination",
        "holdings",
        "inspection",
        "inventory",
        "marks",
        "objects",
        "retention",
    ),
    "runs": ("chain", "database", "errors", "jobs", "rows"),
    "status": ("chain", "errors", "inventory", "jobs", "layout", "marks", "objects", "runs", "tables"),
    "layout": ("objects",),
    "load": ("chain", "errors", "jobs", "layout", "ledger", "rows", "tables", "warehouse"),
    "behaviour": (),
    "scenario": ("behaviour", "errors"),
    "clients": ("behaviour", "scenario"),
    "faults": ("behaviour", "clients"),
    "simulation": ("behaviour", "clients", "scenario"),
    "learners": ("behaviour", "clients", "faults", "scenario", "simulation"),
    "produce": ("errors",),
    "members": (),
    "durations": (),
    "translation": ("events", "members"),
    "xapi_verbs": (),
    "xapi_actors": ("members", "translation"),
    "xapi_payload": ("durations", "members", "translation", "xapi_verbs"),
    "xapi": ("members", "translation", "xapi_actors", "xapi_payload", "xapi_verbs"),
    "caliper_actions": (),
    "caliper": ("caliper_actions", "durations", "members", "translation"),
    "documents": ("envelope", "errors"),
    "bridge": ("caliper", "documents", "envelope", "members", "produce", "translation", "xapi"),
    "forms": (),
    "settings": ("errors", "forms", "objects"),
    "signin": ("settings",),
    "snowflake": ("errors",),
    "ddl": ("events", "jobs", "tables"),
    "snowpipe": ("ddl", "errors", "layout", "snowflake"),
    "landed": ("ddl", "holdings", "objects", "snowflake", "snowpipe", "tables"),
    "replacement": ("chain", "errors"),
    "pipe_admin": ("chain", "ddl", "errors", "layout", "snowflake", "snowpipe", "tables"),
    "snowflake_checkup": ("chain", "ddl", "doctor", "errors", "layout", "pipe_admin", "snowflake", "snowpipe"),
    "example": ("settings",),
    "configuration": ("errors", "settings"),
    "security": ("settings",),
    "lookml_marts": ("errors",),
    "lookml_manifest": ("errors", "lookml_marts"),
    "lookml_measures": ("errors", "lookml_marts"),
    "lookml_views": ("lookml_marts", "lookml_measures"),
    "lookml_explores": ("errors", "lookml_marts", "lookml_views"),
    "lookml_dashboards": ("errors", "lookml_explores", "lookml_marts", "lookml_views"),
    "lookml_project": ("errors", "lookml_dashboards", "lookml_explores", "lookml_marts", "lookml_views"),
    "demo": ("demo_account", "demo_folder", "errors", "kafka"),
    "demo_folder": ("errors",),
    "demo_account": ("database",),
    "report": (
        "errors",
        "report_activity",
        "report_figures",
        "report_latency",
        "report_learning",
        "report_page",
        "report_pipeline",
        "report_questions",
        "report_rows",
    ),
    "report_rows": (),
    "report_questions": ("report_rows",),
    "report_pictures": ("report_rows",),
    "report_figures": ("report_pictures", "report_questions"),
    "report_activity": ("report_figures", "report_pictures", "report_questions", "report_rows"),
    "report_learning": ("report_figures", "report_pictures", "report_questions", "report_rows"),
    "report_latency": ("report_figures", "report_pictures", "report_questions", "report_rows"),
    "report_pipeline": ("report_figures", "report_questions", "report_rows"),
    "report_page": ("report_figures", "report_pipeline", "report_questions", "report_rows"),
}
COMPOSITION_ROOT = {"cli", "console", "__main__", "__init__"}

# One module per foreign library (two for Kafka: its consumer, and all the rest).
ONLY_IMPORTERS = {
    "boto3": {"s3"},
    "botocore": {"s3"},
    "confluent_kafka": {"broker", "cluster", "kafka", "source", "tails"},
    "duckdb": {"database", "warehouse"},
    "typer": {"cli"},
    "pydantic": {"configuration", "forms", "settings"},
    "snowflake": {"snowflake"},
    "dotenv": {"cli"},
    "lkml": {"lookml_project"},
    "prometheus_client": {"metrics"},
    "http": {"cli", "endpoint"},
    "altair": {"report_pictures"},
    "vl_convert": {"report_pictures"},
    "jinja2": {"report_page"},
    "markupsafe": {"report_page"},
}
MODULES = sorted({path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")})


def syntax(module: str) -> ast.Module:
    """The parsed module; that of every module of a package as one."""
    paths = [PACKAGE / f"{module}.py"] if (PACKAGE / f"{module}.py").exists() else (PACKAGE / module).glob("*.py")
    return ast.Module([node for path in paths for node in ast.parse(path.read_text()).body], [])


def imports(module: str) -> set[str]:
    """Every module that this one imports, inside functions and for types too."""
    found = set()
    for node in ast.walk(syntax(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"ingest.{alias.name}" for alias in node.names if node.module == "ingest"}
    return found


def calls(module: str) -> set[str]:
    """Dotted names that the module calls, as written."""
    return {ast.unparse(node.func) for node in ast.walk(syntax(module)) if isinstance(node, ast.Call)}


@pytest.mark.parametrize("module", [name for name in MODULES if name not in COMPOSITION_ROOT])
def test_a_module_knows_only_whom_it_may(module):
    ours = {name.removeprefix("ingest.") for name in imports(module) if name.startswith("ingest.")}
    assert ours <= set(MAY_IMPORT[module])


def test_the_table_is_of_this_package():
    assert set(MAY_IMPORT) == set(MODULES) - COMPOSITION_ROOT
    stale = {
        (module, allowed)
        for module, allowed_all in MAY_IMPORT.items()
        for allowed in allowed_all
        if f"ingest.{allowed}" not in imports(module)
    }
    assert not stale, "the table allows what nobody imports any more"


@pytest.mark.parametrize("library", sorted(ONLY_IMPORTERS))
def test_one_module_per_foreign_library(library):
    importers = {module for module in MODULES if any(name.split(".")[0] == library for name in imports(module))}
    assert importers == ONLY_IMPORTERS[library]


@pytest.mark.parametrize("module", [name for name in MODULES if name not in COMPOSITION_ROOT])
def test_only_the_composition_root_reads_the_clock_and_prints(module):
    forbidden = {"datetime.now", "datetime.utcnow", "time.time", "print", "typer.echo", "os.getenv", "os.environ.get"}
    assert not calls(module) & forbidden
