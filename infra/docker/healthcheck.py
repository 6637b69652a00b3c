"""Docker's health check: does /health answer 200? Exit code 0 or 1, with what it says on stdout.

Stdlib alone, and no proxy from the environment: the page is in this container. HTTP_PORT=0 serves no page, and is
no failure.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException


def main() -> int:
    """The exit code."""
    port = int(os.environ.get("HTTP_PORT") or 8080)
    if not port:
        return 0
    host = os.environ.get("HTTP_HOST") or "127.0.0.1"
    connection = HTTPConnection("localhost" if host in ("0.0.0.0", "::") else host, port, timeout=4)  # noqa: S104
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        sys.stdout.write(answer.read().decode())
    except (OSError, HTTPException) as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0 if answer.status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
