"""A file of environment variables with every setting in it, commented out: what `.env.example` is made of. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD: Final = """\
# Every setting. Copy this file to .env, and take the # away where you want another value than the default shown.
# Made by `ingest config --example`. The same file does for `docker run --env-file`: it takes quotes literally, and
# knows no comment behind a value.
"""
#: What a group of settings is about, by what its first setting is.
_GROUPS: Final = {
    "kafka_bootstrap_servers": "Kafka, or Redpanda",
    "ingest_store": "The store. Credentials come by boto3's own chain: a role, or the two keys below",
    "duckdb_path": "DuckDB as the warehouse. dbt reads DUCKDB_PATH from the environment, relative to dbt_project",
    "snowflake_account": "Snowflake, for `ingest snowflake`, `ingest verify`, `ingest retention` and dbt",
    "raw_retention_months": "Retention: equal to the vars of dbt_project/dbt_project.yml",
    "batch_size": "Batches and memory",
    "http_port": "Health, metrics and logs",
}
#: Variables of boto3's that most people need, behind the setting that they belong to.
_OTHERS: Final = {"aws_region": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}


def example_file() -> str:
    """The text of the file."""
    return "\n".join([_HEAD.rstrip(), *_lines()]) + "\n"


def _lines() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        if name in _GROUPS:
            yield from ("", f"# --- {_GROUPS[name]}", "")
        extra = field.json_schema_extra
        unit = extra.get("unit") if isinstance(extra, dict) else None
        yield f"# {field.description}" + f" ({unit})" * (unit is not None)
        if field.default is not None:
            yield f"#{name.upper()}={field.default}"
        else:
            (example,) = field.examples or ("",)
            yield f"#{name.upper()}={'' if example == '…' else example}"
        for other in _OTHERS.get(name, ()):
            yield f"#{other}="
