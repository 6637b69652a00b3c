"""The HTTP server, by real requests."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from http import HTTPStatus

import pytest

from ingest.endpoint import Endpoint, Page, health_at, json_page
from ingest.errors import SettingsError


def broken() -> Page:
    raise ValueError("learner bob")


PAGES = {
    "/health": lambda: json_page(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "failing", "why": "Zürich"}),
    "/metrics": lambda: Page(HTTPStatus.OK, "text/plain; version=1.0.0", b"one 1\n"),
    "/broken": broken,
}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint("127.0.0.1", 0, PAGES) as endpoint:
        yield endpoint


def ask(endpoint: Endpoint, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=5)
    connection.request(method, path)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


def test_one_of_ours_is_known_by_its_health(endpoint):
    assert health_at("127.0.0.1", endpoint.port) == "failing"
    assert health_at("0.0.0.0", endpoint.port) == "failing"  # noqa: S104 - asked, not listened on
    with Endpoint("127.0.0.1", 0, {}) as without:
        assert health_at("127.0.0.1", without.port) is None
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert health_at("127.0.0.1", silent.getsockname()[1], timeout=0.1) is None


def test_a_page_comes_with_its_status_kind_and_length(endpoint):
    status, headers, body = ask(endpoint, "GET", "/metrics?name=x")
    assert (status, body) == (200, b"one 1\n")
    assert (headers["Content-Type"], headers["Content-Length"]) == ("text/plain; version=1.0.0", "6")
    assert headers["Cache-Control"] == "no-store"
    status, headers, body = ask(endpoint, "GET", "/health")
    assert (status, headers["Content-Type"]) == (503, "application/json")
    assert json.loads(body) == {"status": "failing", "why": "Zürich"}


def test_head_is_get_without_a_body(endpoint):
    got, head = ask(endpoint, "GET", "/health"), ask(endpoint, "HEAD", "/health")
    assert head[0] == got[0]
    assert head[2] == b""
    assert head[1]["Content-Length"] == got[1]["Content-Length"] == str(len(got[2]))


@pytest.mark.parametrize("path", ["/", "/healthz", "/health/", "/metrics/../health"])
def test_other_paths_are_not_found_and_say_which_pages_there_are(endpoint, path):
    status, _, body = ask(endpoint, "GET", path)
    assert status == 404
    assert json.loads(body)["pages"] == list(PAGES)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_other_methods_are_refused(endpoint, method):
    status, headers, _ = ask(endpoint, method, "/health")
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_a_page_that_can_not_be_made_is_an_error_that_tells_no_values(endpoint):
    status, _, body = ask(endpoint, "GET", "/broken")
    assert status == 500
    assert b"bob" not in body
    assert ask(endpoint, "GET", "/metrics")[0] == 200


def test_what_is_not_http_is_answered_so_and_does_not_print(endpoint, capfd):
    for request in (
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.0\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", endpoint.port), timeout=5) as client:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            client.recv(1000)
    assert ask(endpoint, "GET", "/metrics")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_clients_that_say_nothing_hold_up_nobody_and_no_end():
    with Endpoint("127.0.0.1", 0, PAGES) as endpoint:
        silent = [socket.create_connection(("127.0.0.1", endpoint.port)) for _ in range(20)]
        assert ask(endpoint, "GET", "/metrics")[0] == 200
        began = time.monotonic()
    assert time.monotonic() - began < 2
    for one in silent:
        one.close()


def test_a_client_that_hangs_up_is_let_go(capfd):
    big = {"/big": lambda: Page(HTTPStatus.OK, "text/plain", b"x" * 10_000_000)}
    with Endpoint("127.0.0.1", 0, big) as endpoint:
        client = socket.create_connection(("127.0.0.1", endpoint.port))
        client.sendall(b"GET /big HTTP/1.0\r\n\r\n")
        client.recv(10)
        client.close()
        time.sleep(0.3)
        assert ask(endpoint, "GET", "/nothing")[0] == 404
    assert capfd.readouterr() == ("", "")


def test_a_port_that_is_taken_is_a_mistake_in_the_settings(endpoint):
    with pytest.raises(SettingsError, match=f"127.0.0.1 port {endpoint.port}") as caught:
        Endpoint("127.0.0.1", endpoint.port, PAGES)
    assert "--http-port (0: none)" in caught.value.remedy


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1", "x" * 300])
def test_an_address_that_is_not_ours_is_a_mistake_in_the_settings(host):
    with pytest.raises(SettingsError, match="can't serve") as caught:
        Endpoint(host, 0, PAGES)
    assert "HTTP_HOST" in caught.value.remedy


def test_the_port_is_free_again_afterwards():
    with Endpoint("127.0.0.1", 0, PAGES) as first:
        ask(first, "GET", "/metrics")
    with Endpoint("127.0.0.1", first.port, PAGES) as second:
        assert ask(second, "GET", "/metrics")[0] == 200


def test_it_listens_on_the_sixth_version_too():
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        endpoint = Endpoint("::1", 0, PAGES)
    except SettingsError:
        pytest.skip("this machine has no IPv6 address")
    with endpoint:
        connection = http.client.HTTPConnection("::1", endpoint.port, timeout=5)
        connection.request("GET", "/metrics")
        assert connection.getresponse().status == 200
        connection.close()
