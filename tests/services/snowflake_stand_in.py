"""The process of the Snowflake stand-in: fakesnow over HTTP, mended, until its standard input closes."""

from __future__ import annotations

import functools
import json
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import fakesnow.arrow
import fakesnow.fakes
import fakesnow.server
import fakesnow.transforms
import pyarrow as pa
import uvicorn
from snowflake.connector.errors import ProgrammingError
from sqlglot import Expr, exp
from sqlglot.parsers.snowflake import SnowflakeParser
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.services.snowflake_session import Session

_timestamps = fakesnow.arrow.timestamp_to_sf_struct

#: With 'd' the last of members of one name counts, without it such a text is no JSON. sqlglot drops the 'd'.
_TRY_PARSE_JSON = """
    create macro _fs_global.main.try_parse_json(text, mode := 's') as
    case
        when not json_valid(text) then null
        when len(json_keys(text)) = len(list_distinct(json_keys(text))) then text::json
        when mode = 'd' then to_json(map_from_entries(list_transform(
            list_distinct(json_keys(text)),
            lambda name: struct_pack(k := name, v := list_extract(
                json_extract(text, '$.*'),
                len(json_keys(text)) + 1 - list_position(list_reverse(json_keys(text)), name)
            ))
        )))
    end
"""


def mend() -> None:
    """Put right what can't be put right in a session; each line with what breaks without it."""
    fakesnow.fakes.FakeSnowflakeConnection = Session
    # fakesnow casts what is summed to double, for text that Snowflake would add up: exact sums would not be exact.
    fakesnow.transforms.numeric_agg_implicit_cast = lambda expression: expression
    # The connector reads a null timestamp as 1970.
    fakesnow.arrow.timestamp_to_sf_struct = timestamps_or_null
    fakesnow.server.shared_fs.duck_conn.execute(_TRY_PARSE_JSON)
    SnowflakeParser.FUNCTIONS["TRY_PARSE_JSON"] = lambda given: exp.Anonymous(
        this="_fs_global.main.try_parse_json", expressions=given
    )
    # Speed: a second thread of DuckDB's costs more than it does for a few rows, and fakesnow parses everything twice.
    fakesnow.server.shared_fs.duck_conn.execute("set threads = 1")
    fakesnow.server.parse_one = functools.lru_cache(_parsed(fakesnow.server.parse_one))


def _parsed(parse: Callable[..., Expr]) -> Callable[..., Expr]:
    """Parsing that leaves to the session what sqlglot does not know: policies on rows are an error to it."""

    def parse_or_not(statement: str, **options: Any) -> Expr:
        try:
            return parse(statement, **options)
        except ProgrammingError:
            return exp.Command(this=statement)

    return parse_or_not


def timestamps_or_null(column: pa.ChunkedArray) -> pa.StructArray:
    """fakesnow's timestamps, the null ones marked as null."""
    parts = _timestamps(column)
    fields = list(parts.type)
    missing = column.combine_chunks().is_null()
    return pa.StructArray.from_arrays([parts.field(n) for n in range(len(fields))], fields=fields, mask=missing)


async def query(request: Request) -> JSONResponse:
    """Answer a statement. What fakesnow can't describe or encode is its failure: the connector retries HTTP 500."""
    try:
        response = await fakesnow.server.query_request(request)
    except Exception as error:
        return _failed(f"{type(error).__name__}: {error}")
    if response.status_code < 500:
        return response
    return _failed(json.loads(response.body)["message"])


async def login(request: Request) -> JSONResponse:
    """A session with a master token: without one the connector never says that the session ends."""
    response = await fakesnow.server.login_request(request)
    answer = json.loads(response.body)
    answer["data"]["masterToken"] = answer["data"]["token"]
    return JSONResponse(answer)


async def session(request: Request) -> JSONResponse:
    """A session that ends takes its open transaction with it; fakesnow leaves it open, in the way of the others."""
    ending = fakesnow.server.sessions.get(fakesnow.server.to_token(request))
    if ending and request.query_params.get("delete"):
        ending.close()
    return await fakesnow.server.session(request)


def _failed(message: str) -> JSONResponse:
    data = {"errorCode": "100000", "sqlState": "58000"}
    return JSONResponse({"data": data, "code": "100000", "message": message, "success": False})


def main() -> None:
    mend()
    mended = [
        Route("/session/v1/login-request", login, methods=["POST"]),
        Route("/queries/v1/query-request", query, methods=["POST"]),
        Route("/session", session, methods=["POST"]),
    ]
    app = Starlette(routes=[*mended, *fakesnow.server.routes])
    listener = socket.create_server(("127.0.0.1", 0))
    # Or the second packet of every answer waits 40 ms for the first to be acknowledged.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    threading.Thread(target=_end_with_stdin, args=(server,), daemon=True).start()
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    server.run(sockets=[listener])


def _end_with_stdin(server: uvicorn.Server) -> None:
    sys.stdin.read()
    server.should_exit = True


if __name__ == "__main__":
    main()
