"""Whether clients under load notice what is lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from bench import load
from bench.load import Client, lost
from local.api import Api


@dataclass
class Said:
    """An answer."""

    status_code: int
    body: Any

    @property
    def ok(self) -> bool:
        return self.status_code < 400

    def json(self) -> Any:
        return self.body


@dataclass
class FakeSessions(Api):
    """An API that forgets what it is told to forget, and ends what it is asked to."""

    hidden: set[str] = field(default_factory=set)
    unlisted: set[str] = field(default_factory=set)
    immortal: set[str] = field(default_factory=set)
    statuses: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, **how: Any) -> Any:
        session_id = path.removeprefix("/api/v1/sessions").strip("/")
        if method == "POST":
            session_id = f"s{len(self.statuses)}"
            self.statuses[session_id] = "running"
            return Said(201, {"session": {"id": session_id}})
        if method == "DELETE" and session_id not in self.immortal:
            self.statuses[session_id] = "stopped"
        if session_id in self.hidden:
            return Said(404, {})
        return Said(200, {"status": self.statuses.get(session_id)})

    def get(self, path: str, **query: Any) -> Any:
        if path != "/api/v1/sessions":
            return {"status": self.statuses[path.rsplit("/", 1)[1]]}
        listed = [one for one in self.statuses if one not in self.unlisted]
        place = int(query.get("cursor", 0))
        more = {"next_cursor": str(place + 1)} if place + 1 < len(listed) else {}
        return {"sessions": [{"id": one} for one in listed[place : place + 1]], **more}


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "ENDED_WITHIN_S", 0)


@pytest.mark.parametrize(
    ("fault", "missed"),
    [({}, set()), ({"hidden": {"s1"}}, {"s1"}), ({"unlisted": {"s2"}}, {"s2"})],
)
def test_a_session_that_was_made_is_found_and_in_some_page_of_the_list(
    fault: dict[str, Any], missed: set[str]
) -> None:
    client = Client(FakeSessions(**fault), lambda: "an offer")
    for _ in range(3):
        client.round(looks=1)
    assert client.made == ["s0", "s1", "s2"]
    assert lost(client) == missed


def test_a_session_whose_end_never_comes_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.network.time.sleep", lambda _s: None)
    client = Client(FakeSessions(immortal={"s0"}), lambda: "an offer")
    client.round(looks=0)
    assert lost(client) == {"s0"}


def test_every_answer_is_kept_with_its_route() -> None:
    client = Client(FakeSessions(), lambda: "an offer")
    client.round(looks=2)
    routes = [one.request for one in client.answers]
    assert routes.count("GET /api/v1/sessions/{id}") == 2
    assert routes.count("GET /api/v1/sessions") == 2
    assert {one.status for one in client.answers} == {200, 201}
