"""The demo shows a promise kept, so it must fail clearly when one is broken."""

from __future__ import annotations

import io
from dataclasses import fields
from typing import Any

import pytest
from rich.console import Console

from local import demo
from local.api import Api
from local.endpoints import Endpoints

ENDPOINTS = Endpoints(**{field.name: f"http://{field.name}" for field in fields(Endpoints)})
OFFER = {"id": "vastai-1", "price_per_hour": 0.2, "location": "Greece, GR"}
SESSION = {
    "id": "s-1",
    "status": "running",
    "ssh_user": "root",
    "ssh_host": "127.0.0.1",
    "ssh_port": 22,
    "ssh_host_key_fingerprint": "SHA256:x",
    "cost_usd": 0.0005,
}
MACHINE = {
    "id": "1000",
    "label": "shopper-d-s-1-1",
    "alive": False,
    "ended": "t",
    "billed_usd": 0.0,
}


class Answers:
    """What API and simulator answer to each path; `done` moves the session to its last status."""

    def __init__(self) -> None:
        self.offers: list[dict[str, Any]] = [OFFER]
        self.session = dict(SESSION)
        self.last_status = "stopped"
        self.machines: list[dict[str, Any]] = [MACHINE]

    def call(self, _api: Api, method: str, path: str, **_how: Any) -> Any:
        if path == "/api/v1/inventory":
            return {"offers": self.offers, "total": len(self.offers)}
        if path == "/_test/instances":
            return {"instances": self.machines}
        if path.endswith("/extend"):
            return {"new_expires_at": "2026-01-01T02:00:00Z"}
        if path.endswith("/done"):
            self.session["status"] = self.last_status
        if method == "POST":
            return {"session": self.session, "ssh_private_key": "k"}
        return self.session


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    made = Answers()
    monkeypatch.setattr(Api, "call", lambda api, *a, **k: made.call(api, *a, **k))
    monkeypatch.setattr("local.demo.ssh.run", lambda *_: "NVIDIA-SMI 570")
    return made


def play() -> str:
    said = io.StringIO()
    demo.play(ENDPOINTS, Console(file=said, width=200))
    return said.getvalue()


def test_a_demo_that_works_shows_offer_login_end_and_both_bills(answers: Answers) -> None:
    answers.machines = [MACHINE | {"billed_usd": 0.0004}]
    said = play()
    for expected in (
        "vastai-1 at $0.2000/h",
        "NVIDIA-SMI 570",
        "stopped",
        "$0.000500",
        "$0.000400",
    ):
        assert expected in said


def test_no_offer_fails_the_demo(answers: Answers) -> None:
    answers.offers = []
    with pytest.raises(demo.DemoFailed, match="no RTX 4090"):
        play()


def test_a_session_that_fails_fails_the_demo_with_its_reason(answers: Answers) -> None:
    answers.session |= {"status": "failed", "end_reason": "ssh_timeout", "error": "no login"}
    with pytest.raises(demo.DemoFailed, match="ssh_timeout: no login"):
        play()


@pytest.mark.parametrize("machines", [[], [MACHINE | {"alive": True}]])
def test_a_machine_that_is_alive_or_was_never_there_fails_the_demo(
    answers: Answers, machines: list[dict[str, Any]]
) -> None:
    answers.machines = machines
    with pytest.raises(demo.DemoFailed, match="alive"):
        play()


def test_other_peoples_machines_do_not_matter(answers: Answers) -> None:
    answers.machines = [MACHINE, MACHINE | {"label": "shopper-d-other-1", "alive": True}]
    assert "gone" in play()
