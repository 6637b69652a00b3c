# ruff: noqa: S608 - statements are made of this file's own names
"""What an account has beside its databases, for the stand-in: fakesnow knows nothing of roles, pipes or policies.

Objects are made, changed, granted and dropped by name, so that a statement about one that does not exist fails as
in Snowflake, and so does making one twice. What a right allows, and what a policy hides, nobody here looks at. Pipes
load (snowpipe.py); functions and views of Snowflake's own are answered from what pipes have done.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import duckdb
from snowflake.connector.errors import ProgrammingError

from tests.services.snowpipe import HISTORY, USAGE, Pipes

DONE = "select 'Statement executed successfully.' as \"status\""
_KINDS = (
    "role|warehouse|user|resource monitor|(?:storage |notification )?integration|pipe|task|masking policy"
    "|row access policy|storage lifecycle policy"
)
_FLAGS = re.IGNORECASE | re.DOTALL
#: dbt's comment stands behind its statements.
_COMMENTS = re.compile(r"^(?:\s|/\*.*?\*/|--[^\n]*\n)*|/\*[^*]*\*/\s*;?\s*$", re.DOTALL)
_CREATE = re.compile(
    rf"create\s+(?P<replace>or\s+replace\s+)?(?P<kind>{_KINDS})\s+(?P<unless>if\s+not\s+exists\s+)?(?P<name>[\w.]+)",
    _FLAGS,
)
_ALTER = re.compile(rf"alter\s+(?P<kind>{_KINDS})\s+(?P<name>[\w.]+)\s+(?P<change>.*)", _FLAGS)
_DROP = re.compile(rf"drop\s+(?P<kind>{_KINDS})\s+if\s+exists\s+(?P<name>[\w.]+)", _FLAGS)
_GRANTED = re.compile(r"grant\s+.*\s+to\s+(?P<kind>role|user)\s+(?P<name>\w+)$", _FLAGS)
_GRANTED_ROLE = re.compile(r"grant\s+role\s+(?P<name>\w+)\s+to\b", _FLAGS)
_USE = re.compile(r"use\s+(?P<kind>role|warehouse)\s+(?P<name>\w+)$", _FLAGS)
_REFUSED = re.compile(r"grant\s+.*\son\s+all\s+pipes\s", _FLAGS)
_FORMAT = re.compile(
    r"(?:create|alter)\s+file\s+format\s+(?:if\s+not\s+exists\s+)?(?P<name>[\w.]+)\s+(?P<text>.*)", _FLAGS
)
_STAGE = re.compile(r"create\s+stage\s+if\s+not\s+exists\s+(?P<name>[\w.]+)\s+.*?url\s*=\s*'(?P<url>[^']+)'", _FLAGS)
_DESCRIBE = re.compile(r"describe\s+(?P<kind>file\s+format|stage)\s+(?P<name>[\w.]+)$", _FLAGS)
_NOTHING = re.compile(r"alter\s+database\s+\w+\s+set\s+data_retention_time_in_days|drop\s+database", _FLAGS)
_LIMIT = re.compile(
    r"alter\s+table\s+(?P<table>[\w.]+)\s+add\s+row\s+access\s+policy\s+(?P<name>[\w.]+)\s+on\s+\(\w+\)$", _FLAGS
)
_MASK = re.compile(
    r"alter\s+table\s+(?P<table>[\w.]+)\s+modify\s+column\s+(?P<column>\w+)\s+set\s+masking\s+policy\s+(?P<name>[\w.]+)"
    r"(?P<force>\s+force)?$",
    _FLAGS,
)
_REMADE = re.compile(r"create\s+or\s+replace\s+(?:transient\s+)?table\s+(?P<table>[\w.]+)", _FLAGS)
_POLICIES = re.compile(
    r"table\(\w+\.information_schema\.policy_references\(\s*ref_entity_name\s*=>\s*'(?P<table>[\w.]+)',\s*"
    r"ref_entity_domain\s*=>\s*'TABLE'\s*\)\s*\)",
    _FLAGS,
)
_ATTACHING = re.compile(r"execute\s+immediate\s+\$\$.*add\s+storage\s+lifecycle\s+policy\s+(?P<name>[\w.]+)", _FLAGS)
_STATUS = re.compile(r"system\$pipe_status\('(?P<name>[\w.]+)'\)", re.IGNORECASE)
_WHERE = re.compile(r"\b(current_warehouse|current_region|current_secondary_roles)\(\)", re.IGNORECASE)
_SESSION = {
    "current_warehouse": "AIVO_TRANSFORM_WH",
    "current_region": "AWS_US_WEST_2",
    "current_secondary_roles": '{"roles":"","value":""}',
}
_RESUME = re.compile(r"system\$pipe_force_resume\('(?P<name>[\w.]+)',\s*'[^']*'\)", re.IGNORECASE)
_SHOW_PIPES = re.compile(r"show\s+pipes\s+in\s+schema\s+(?P<name>[\w.]+)$", _FLAGS)
_COPY_HISTORY = re.compile(
    r"table\(\w+\.information_schema\.copy_history\(\s*table_name\s*=>\s*'(?P<table>[\w.]+)',\s*start_time\s*=>\s*"
    r"(?P<since>to_timestamp_ltz\('[^']+'\))\s*\)\s*\)",
    _FLAGS,
)
_USAGE = re.compile(
    r"table\(\w+\.information_schema\.pipe_usage_history\(.*?pipe_name\s*=>\s*'(?P<pipe>[\w.]+)'\s*\)\s*\)", _FLAGS
)
_MASKED = re.compile(r"call\s+stand_in\.masked\('(?P<table>[\w.]+)'\)", _FLAGS)
_TELL = re.compile(r"call\s+stand_in\.notify\('s3://(?P<bucket>[^/]+)/(?P<key>[^']+)'\)", _FLAGS)
#: What every account has.
_BUILT_IN = {("role", name) for name in ("ACCOUNTADMIN", "SYSADMIN", "SECURITYADMIN", "USERADMIN", "PUBLIC")}


class Account:
    """The objects of one account, whose databases are those of fakesnow."""

    def __init__(self) -> None:
        self._known = set(_BUILT_IN)
        self._formats: dict[str, str] = {}
        self._stages: dict[str, str] = {}
        self._policies: dict[str, set[str]] = {}  #: kinds of policies by table
        self._masked: dict[str, set[str]] = {}  #: columns by table
        self._pipes = Pipes(self._stages)

    def answer(self, command: str, duck: duckdb.DuckDBPyConnection) -> str | None:
        """The query that answers the command; None if the command is nothing of an account's."""
        command = _COMMENTS.sub("", command).strip().rstrip(";").rstrip()
        if _REFUSED.match(command):
            raise ProgrammingError(
                msg="Bulk grant on objects of type PIPE is restricted.", errno=3111, sqlstate="0A000"
            )
        if copied := self._pipes.copy(command, duck):
            return copied
        for pattern, carry_out in self._ways():
            if found := pattern.match(command):
                return carry_out(found, duck)
        return self._with_answers(command, duck)

    def _ways(self) -> list[tuple[re.Pattern[str], Callable[[re.Match[str], duckdb.DuckDBPyConnection], str | None]]]:
        return [
            (_CREATE, self._create),
            (_ALTER, self._alter),
            (_DROP, self._drop),
            (_GRANTED_ROLE, self._grant),
            (_GRANTED, self._grant),
            (_USE, self._use),
            (_FORMAT, self._format),
            (_STAGE, self._stage),
            (_DESCRIBE, self._describe),
            (_NOTHING, lambda found, duck: DONE),
            (_LIMIT, self._limit),
            (_MASK, self._mask),
            (_REMADE, self._remake),
            (_ATTACHING, self._attach),
            (_SHOW_PIPES, self._show_pipes),
            (_TELL, self._notify),
            (_MASKED, self._masked_columns),
        ]

    def _create(self, found: re.Match[str], duck: duckdb.DuckDBPyConnection) -> str:
        known = self._key(found) in self._known
        if known and not found["unless"] and not found["replace"]:
            raise ProgrammingError(msg=f"Object '{found['name']}' already exists.", errno=2002, sqlstate="42710")
        self._known.add(self._key(found))
        if found["kind"].lower() == "pipe" and (found["replace"] or not known):
            self._pipes.create(found["name"].upper(), found.string, duck)
        return DONE

    def _alter(self, found: re.Match[str], duck: duckdb.DuckDBPyConnection) -> str:
        self._require(self._key(found))
        if found["kind"].lower() == "pipe":
            self._pipes.alter(found["name"].upper(), found["change"], duck)
        return DONE

    def _drop(self, found: re.Match[str], duck: duckdb.DuckDBPyConnection) -> str:
        self._known.discard(self._key(found))
        return DONE

    def _grant(self, found: re.Match[str], duck: duckdb.DuckDBPyConnection) -> str | None:
        kind = found.groupdict().get("kind", "role")
        self._require_if_set_up((kind.lower(), found["name"].upper()))
        if "kind" not in found.groupdict():
            self._grant(_GRANTED.match(found.string) or found, duck)
        return DONE

    def _use(self, found: re.Match[str], duck: duckdb.DuckDBPyConnection) -> str:
        self._require_if_set_up((found["kind"].lower(), found["name"].upper()))
        return DONE

    def _format(self, found: re.Match[str], duck: duckdb.DuckDBPyConnection) -> str | None:
        name = found["name"].upper()
        if found.string.lower().startswith("alter") and name not in self._formats:
            raise _missing(name)
        self._formats[name] = (
            found["text"] if found.string.lower().startswith("alter") else self._formats.get(name, found["text"])
        )
        return DONE

    def _stage(self, found: re.Match[str], duck: duckdb.DuckDBPyConnection) -> str:
        self._stages.setdefault(found["name"].upper(), found["url"])
        return DONE

    def _describe(self, found: re.Match[str], duck: duckdb.DuckDBPyConnection) -> str:
        name = found["name"].upper()
        if found["kind"].lower() == "stage":
            if name not in self._stages:
                raise _missing(name)
            url = f'["{self._stages[name]}"]'
            return f"""select 'URL' as "property", '{url}' as "property_value\""""
        if name not in self._formats:
            raise _missing(name)
        on = re.search(r"use_logical_type\s*=\s*true", self._formats[name], re.IGNORECASE) is not None
        return f"""select 'USE_LOGICAL_TYPE' as "property", '{str(on).lower()}' as "property_value\""""

    def _limit(self, found: re.Match[str], duck: duckdb.DuckDBPyConnection) -> str:
        self._require(("row access policy", found["name"].upper()))
        if "ROW_ACCESS_POLICY" in self._policies.get(found["table"].upper(), ()):
            raise ProgrammingError(
                msg=f"Object {found['table']} already has a ROW_ACCESS_POLICY.", errno=3507, sqlstate="22023"
            )
        self._policies.setdefault(found["table"].upper(), set()).add("ROW_ACCESS_POLICY")
        return DONE

    def _mask(self, found: re.Match[str], duck: duckdb.DuckDBPyConnection) -> str:
        self._require(("masking policy", found["name"].upper()))
        masked = self._masked.setdefault(found["table"].upper(), set())
        if found["column"].upper() in masked and not found["force"]:
            raise ProgrammingError(
                msg=f"Column {found['column']} already attached to a masking policy.", errno=3506, sqlstate="22023"
            )
        masked.add(found["column"].upper())
        self._policies.setdefault(found["table"].upper(), set()).add("MASKING_POLICY")
        return DONE

    def _masked_columns(self, found: re.Match[str], duck: duckdb.DuckDBPyConnection) -> str:
        """The test's own question."""
        columns = sorted(self._masked.get(found["table"].upper(), ()))
        return " union all ".join(f"select '{column}' as column_name" for column in columns)

    def _remake(self, found: re.Match[str], duck: duckdb.DuckDBPyConnection) -> None:
        self._policies.pop(found["table"].upper(), None)
        self._masked.pop(found["table"].upper(), None)

    def _policies_of(self, found: re.Match[str]) -> str:
        kinds = sorted(self._policies.get(found["table"].upper(), ()))
        lines = [f"select '{kind}' as policy_kind" for kind in kinds]
        return f"({' union all '.join(lines) or 'select null as policy_kind where 1 = 0'})"

    def _attach(self, found: re.Match[str], duck: duckdb.DuckDBPyConnection) -> str:
        self._require(("storage lifecycle policy", found["name"].upper()))
        return DONE

    def _show_pipes(self, found: re.Match[str], duck: duckdb.DuckDBPyConnection) -> str:
        return self._pipes.show(found["name"].upper())

    def _notify(self, found: re.Match[str], duck: duckdb.DuckDBPyConnection) -> str:
        self._pipes.notify(found["bucket"], found["key"], duck)
        return DONE

    def _with_answers(self, command: str, duck: duckdb.DuckDBPyConnection) -> str | None:
        """A query of Snowflake's own functions, these replaced by what is known."""
        changed = _WHERE.sub(lambda found: f"'{_SESSION[found[1].lower()]}'", command)
        if resumed := _RESUME.search(changed):
            self._pipes.alter(resumed["name"].upper(), "set pipe_execution_paused = false", duck)
            return DONE
        changed = _STATUS.sub(lambda found: f"'{self._pipes.status(found['name'].upper())}'", changed)
        changed = _POLICIES.sub(self._policies_of, changed)
        changed = _COPY_HISTORY.sub(_history_of, changed)
        changed = _USAGE.sub(lambda found: f"(select * from {USAGE} where pipe_name = '{found['pipe']}')", changed)
        if changed != command:
            self._pipes.make_tables(duck)
        return changed if changed != command else None

    def _key(self, found: re.Match[str]) -> tuple[str, str]:
        kind = re.sub(r"\s+", " ", found["kind"].lower()).removeprefix("storage ").removeprefix("notification ")
        return ("storage lifecycle policy" if kind == "lifecycle policy" else kind, found["name"].upper())

    def _require_if_set_up(self, key: tuple[str, str]) -> None:
        """In an account where dbt alone makes everything, no role was ever made."""
        if self._known != _BUILT_IN:
            self._require(key)

    def _require(self, key: tuple[str, str]) -> None:
        if key not in self._known:
            raise _missing(key[1])


def _history_of(found: re.Match[str]) -> str:
    return (
        f"(select * from {HISTORY} where table_name = '{found['table'].upper()}' "
        f"and last_load_time >= {found['since']})"
    )


def _missing(name: str) -> ProgrammingError:
    return ProgrammingError(msg=f"'{name}' does not exist or not authorized.", errno=2003, sqlstate="02000")
