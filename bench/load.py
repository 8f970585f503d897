"""Clients that rent, look, list and end at the same time; what they are answered, and what is lost.

The emulator starts a process for each call that runs at the same time as another of its function,
so eight clients are as many as a small machine carries; AWS carries as many as it is given.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from bench import figures
from bench.rental import Bench
from local.api import Api
from local.functions import Functions
from local.network import wait_until

CLIENTS = 8
LASTS_S = 60.0
LOOKS = 12
"""Reads of its session that a client makes for each one that it rents."""

GOAL_RATIO = 10
SWEEPS_APART_S = 1.0
ENDED_WITHIN_S = 240.0
_TERMINAL = ("stopped", "failed")
_PATH = "/api/v1/sessions"
_SWEEPS: tuple[tuple[str, dict[str, str]], ...] = (
    ("ExpireSessionsFunction", {}),
    ("ReconcileFunction", {"provider": "vastai"}),
    ("AccrueCostsFunction", {}),
)

type Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the API."""

    request: str
    status: int
    took_ms: float


@dataclass
class Client:
    """One caller with a key and a connection of its own; `offer` gives it one that nobody rents."""

    api: Api
    offer: Callable[[], str]
    answers: list[Answer] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def round(self, looks: int = LOOKS) -> None:
        """Rent, look often, list twice, look at the market, end."""
        wish = {"offer_id": self.offer(), "workload_type": "ssh", "reservation_hours": 1}
        made = self._send("POST", _PATH, "", json=wish)
        if made is None:
            return
        session_id = str(made["session"]["id"])
        self.made.append(session_id)
        for _ in range(looks):
            self._send("GET", _PATH, f"/{session_id}")
        self._send("GET", _PATH, "")
        self._send("GET", "/api/v1/inventory", "")
        if self._send("DELETE", _PATH, f"/{session_id}") is not None:
            self.ended.append(session_id)
        self._send("GET", _PATH, "")

    def _send(self, method: str, path: str, below: str, **how: Any) -> Row | None:
        """The body of a good answer."""
        began = time.perf_counter()
        answer = self.api.send(method, path + below, **how)
        took_ms = 1_000 * (time.perf_counter() - began)
        name = f"{method} {path}{'/{id}' if below else ''}"
        self.answers.append(Answer(name, answer.status_code, took_ms))
        body: Row = answer.json()
        return body if answer.ok else None


def lost(client: Client) -> set[str]:
    """Sessions that were made and are not found, or in no list, and those whose end never came."""
    listed = set(_listed(client.api))
    found = {one for one in client.made if client.api.send("GET", f"{_PATH}/{one}").ok}
    alive = set(client.ended)

    def all_ended() -> bool:
        for one in list(alive):
            if client.api.get(f"{_PATH}/{one}")["status"] in _TERMINAL:
                alive.remove(one)
        return not alive

    wait_until(all_ended, ENDED_WITHIN_S, every_s=1)
    return {one for one in client.made if one not in listed or one not in found} | alive


def _listed(api: Api) -> Iterator[str]:
    cursor: dict[str, str] = {}
    while True:
        page = api.get(_PATH, limit=50, **cursor)
        yield from (str(one["id"]) for one in page["sessions"])
        if "next_cursor" not in page or not page["next_cursor"]:
            return
        cursor = {"cursor": page["next_cursor"]}


@contextmanager
def sweeping(functions: Functions) -> Iterator[None]:
    """Meanwhile the sweeps run one after the other, again and again."""
    over = Event()

    def sweep() -> None:
        while not over.wait(SWEEPS_APART_S):
            for name, event in _SWEEPS:
                functions.invoke(name, event)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(sweep)
        try:
            yield
        finally:
            over.set()
        running.result()


def warmed(clients: list[Client]) -> None:
    """One client more at a time: the emulator takes seconds to start what each of them needs."""
    for number in range(1, len(clients) + 1):
        with ThreadPoolExecutor(number) as pool:
            list(pool.map(lambda client: client.api.get(_PATH), clients[:number]))


def loaded(clients: list[Client], lasts_s: float) -> None:
    """Let every client go round and round for so long."""
    until = time.monotonic() + lasts_s

    def keep_on(client: Client) -> None:
        while time.monotonic() < until:
            client.round()

    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(keep_on, clients))


def report(bench: Bench, functions: Functions) -> bool:
    """Print the table; True when a goal is missed."""
    clients = [Client(bench.consumer(f"load-{number}"), bench.offer) for number in range(CLIENTS)]
    warmed(clients)
    with sweeping(functions):
        loaded(clients, LASTS_S)
    answers = [one for client in clients for one in client.answers]
    gone = set[str]().union(*map(lost, clients))
    broken = [one for one in answers if one.status >= 500 or one.status == 429]
    made = sum(len(client.made) for client in clients)
    print(f"{CLIENTS} clients for {LASTS_S:.0f} s, the sweeps running: {len(answers)} answers,")
    print(f"  {made} sessions made, {len(gone)} writes lost, {len(broken)} answers 5xx or 429")
    for name in sorted({one.request for one in answers}):
        took = [one.took_ms for one in answers if one.request == name]
        print(figures.line(name, took, "ms", "none"))
    looks = [one.took_ms for one in answers if one.request == f"GET {_PATH}/{{id}}"]
    ratio = figures.percentile(looks, 0.99) / statistics.median(looks)
    print(f"  p99 / median of GET {_PATH}/{{id}}: {ratio:.1f} (goal: below {GOAL_RATIO})")
    return ratio >= GOAL_RATIO or bool(gone) or bool(broken)
