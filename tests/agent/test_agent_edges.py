"""The agent's own edges on loopback: its local API, its heartbeats, and its packed form."""

from __future__ import annotations

import ast
import http.client
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from agent.gpu_shopper_agent import Settings, local_api, poster
from gpu_shopper.core.agent_program import PROGRAM
from reference import agent as packing
from tests.agent.test_agent import ENV, TOKEN, Machine

OLDEST_PYTHON = (3, 8)


@pytest.fixture
def local() -> Iterator[int]:
    """The port of a local API."""
    yield from served(local_api(Machine().agent))


def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def asked(port: int, method: str, path: str) -> tuple[int, bytes]:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    line.request(method, path)
    answer = line.getresponse()
    try:
        return answer.status, answer.read()
    finally:
        line.close()


def test_the_local_api_shows_health_and_status(local: int) -> None:
    for path in ("/health", "/status"):
        status, text = asked(local, "GET", path)
        assert (status, json.loads(text)["status"]) == (200, "ok")
        assert TOKEN.encode() not in text


@pytest.mark.parametrize("path", ["/", "/env", "/health/x", "/status%00"])
def test_it_has_no_other_path(local: int, path: str) -> None:
    assert asked(local, "GET", path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_it_has_no_other_method(local: int, method: str) -> None:
    assert asked(local, method, "/status") == (405, b"")


class Shopper(BaseHTTPRequestHandler):
    """A control plane that notes what it gets."""

    got: list[tuple[str, str | None, bytes]]
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((self.path, self.headers["Authorization"], body))
        self.send_response(self.status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_GET(self) -> None:
        self.got.append((self.path, self.headers["Authorization"], b""))

    def log_message(self, *_: Any) -> None:
        """Nothing is written."""


@pytest.fixture
def shopper() -> Iterator[int]:
    Shopper.got = []
    yield from served(Shopper)


@pytest.mark.parametrize("status", [200, 302, 401, 503])
def test_a_heartbeat_goes_to_its_session_with_its_token_and_is_not_redirected(
    shopper: int, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(Shopper, "status", status)
    settings = Settings(ENV | {"SHOPPER_URL": f"http://127.0.0.1:{shopper}/prod"})
    assert poster(settings)("{}") == (status, b"{}")
    path = f"/prod/api/v1/sessions/{ENV['SHOPPER_SESSION_ID']}/heartbeat"
    assert Shopper.got == [(path, f"Bearer {TOKEN}", b"{}")]


def test_the_packed_agent_is_the_file_and_runs_on_old_pythons() -> None:
    """2.12: whatever the machine has, from Python 3.8 on."""
    bare = packing.unpacked(PROGRAM)
    assert bare == packing.bare(packing.SOURCE.read_text("utf-8"))
    ast.parse(bare, feature_version=OLDEST_PYTHON)


def test_a_changed_agent_is_packed_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    source = tmp_path / "agent.py"
    source.write_text('"""Says."""\n\nX: int = 1\n\n\ndef say(x: int) -> str:\n    return str(x)\n')
    monkeypatch.setattr(packing, "SOURCE", source)
    packed = "".join(ast.literal_eval(packing.text().partition("PROGRAM = ")[2]))
    assert packing.unpacked(packed) == "X = 1\ndef say(x):\n return str(x)"
