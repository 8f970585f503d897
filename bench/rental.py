"""How long POST /sessions takes, and how long after SSH opens a session is running."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from bench import figures
from local.api import Api
from local.endpoints import Endpoints
from local.network import wait_until
from local.world import World

OFFERS = 5_000
PAGE = 1_000  # the most that one answer holds
POSTS = 40
POST_GOAL_MS = 300
LAG_GOAL_S = 5
SESSIONS = 24
AT_ONCE = 6
QUICK_BOOT_S = (0.2, 0.2)
SLOW_BOOT_S = (2.0, 20.0)
_LOOK_EVERY_S = 0.05
_RUNNING_WITHIN_S = 90
_REFRESHED_WITHIN_S = 60
_SEED = 1

type Row = dict[str, Any]


class Bench:
    """One running world, and offers of which each is rented once."""

    def __init__(self, world: World, endpoints: Endpoints) -> None:
        self.caller = Api(endpoints.api_url, endpoints.operator_key)
        self.simulator = Api(endpoints.simulator_url)
        self.simulator.post("/_test/reset", {"offers": OFFERS})
        found = self._read_since(datetime.now(UTC), world)
        self._offers = list({offer["machine_id"]: offer for offer in found}.values())

    def _read_since(self, reset_at: datetime, world: World) -> list[Row]:
        """The offers of a snapshot begun after `reset_at`: a refresh may be under way already."""
        answers = list[Row]()

        def fresh() -> bool:
            world.functions().invoke("RefreshInventoryFunction", {"provider": "vastai"})
            answers.append(self._page(0))
            fetched_at = answers[-1]["providers"]["vastai"]["fetched_at"]
            return _instant(fetched_at) >= reset_at.timestamp()

        if not wait_until(fresh, _REFRESHED_WITHIN_S, every_s=1):
            raise TimeoutError("no refresh after the reset")
        total = int(answers[-1]["total"])
        return [one for start in range(0, total, PAGE) for one in self._page(start)["offers"]]

    def _page(self, offset: int) -> Row:
        query = {"provider": "vastai", "limit": PAGE, "offset": offset}
        page: Row = self.caller.get("/api/v1/inventory", **query)
        return page

    def offer(self) -> str:
        """The id of an offer that nobody has rented."""
        return str(self._offers.pop()["id"])

    def consumer(self, name: str) -> Api:
        """Another caller, with a key of its own."""
        wish = {"role": "consumer", "consumer_id": name}
        return Api(self.caller.url, self.caller.post("/api/v1/keys", wish)["api_key"])

    def rent(self) -> tuple[Row, float]:
        """A new session, and the seconds that POST took."""
        wish = {
            "consumer_id": "bench",
            "offer_id": self.offer(),
            "workload_type": "ssh",
            "reservation_hours": 1,
        }
        began = time.perf_counter()
        session: Row = self.caller.post("/api/v1/sessions", wish)["session"]
        return session, time.perf_counter() - began

    def end(self, session: Row) -> None:
        """Ask for its end."""
        self.caller.delete(f"/api/v1/sessions/{session['id']}")

    def until_running(self, session: Row) -> Row:
        """The session, once it runs. Raises TimeoutError."""
        path, seen = f"/api/v1/sessions/{session['id']}", [session]

        def runs() -> bool:
            seen.append(self.caller.get(path))
            return bool(seen[-1]["status"] == "running")

        if not wait_until(runs, _RUNNING_WITHIN_S, every_s=0.5):
            raise TimeoutError(f"not running: {seen[-1]}")
        return seen[-1]


def post_ms(bench: Bench) -> list[float]:
    """Milliseconds of POST /sessions, warm, each session ended again at once."""
    took = []
    for _ in range(POSTS):
        session, seconds = bench.rent()
        took.append(1000 * seconds)
        bench.end(session)
    return took


def lags_s(bench: Bench, boot_s: tuple[float, float]) -> list[float]:
    """Seconds from the simulator's open SSH port to the session's `ready_at`.

    Machines load for a time drawn evenly from `boot_s`; `AT_ONCE` start together.
    """
    rng = random.Random(_SEED)  # noqa: S311 - repeatable boot times, nothing secret
    lags: list[float] = []
    with _watched(bench.simulator) as opened_at, ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in range(SESSIONS // AT_ONCE):
            group = [_launched(bench, rng.uniform(*boot_s)) for _ in range(AT_ONCE)]
            for session in pool.map(bench.until_running, group):
                label = session["attempts"][-1]["label"]
                lags.append(_instant(session["ready_at"]) - opened_at[label])
                bench.end(session)
    return lags


def _launched(bench: Bench, loading_s: float) -> Row:
    """A session whose machine has been created with this loading time."""
    bench.simulator.post("/_test/config", {"boot": {"loading_s": loading_s}})
    session, _ = bench.rent()
    label = session["attempts"][-1]["label"]
    wait_until(lambda: label in _machines(bench.simulator), _RUNNING_WITHIN_S)
    return session


@contextmanager
def _watched(simulator: Api) -> Iterator[dict[str, float]]:
    """Label → when the simulator was first seen with that machine's SSH port open."""
    opened_at: dict[str, float] = {}
    ended = threading.Event()
    own = Api(simulator.url)

    def watch() -> None:
        while not ended.wait(_LOOK_EVERY_S):
            for label, machine in _machines(own).items():
                if machine["ssh_open"]:
                    opened_at.setdefault(label, time.time())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield opened_at
    finally:
        ended.set()
        watcher.join()


def _machines(simulator: Api) -> dict[str, Row]:
    return {one["label"]: one for one in simulator.get("/_test/instances")["instances"]}


def _instant(text: str) -> float:
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()


def report(bench: Bench) -> bool:
    """Print the table; True when a goal is missed."""
    posts = post_ms(bench)
    quick, slow = lags_s(bench, QUICK_BOOT_S), lags_s(bench, SLOW_BOOT_S)
    quick_goal, slow_goal = f"median ≤ {LAG_GOAL_S} s", "none: the waits between looks decide"
    print(figures.line("POST /sessions", posts, "ms", f"median ≤ {POST_GOAL_MS} ms"))
    print(figures.line("SSH open → running, boots in 0.4 s", quick, "s", quick_goal))
    print(figures.line("SSH open → running, boots in 2-20 s", slow, "s", slow_goal))
    return statistics.median(posts) > POST_GOAL_MS or statistics.median(quick) > LAG_GOAL_S
