"""How much later GET /inventory answers while a provider's refresh hangs on its market."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from bench import figures
from bench.rental import Bench
from local.functions import FunctionFailed, Functions
from local.network import wait_until

REQUESTS = 60
GOAL_MS = 1_000
_HANGS = {"operation": "search", "action": "hang"}
_SEARCHES = "/api/v0/bundles/"
_WITHIN_S = 20.0


def lists_ms(bench: Bench) -> list[float]:
    """Milliseconds of GET /inventory through the gateway, warm."""
    took = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        bench.caller.get("/api/v1/inventory")
        took.append(1_000 * (time.perf_counter() - began))
    return took


def lists_meanwhile_ms(bench: Bench, functions: Functions) -> list[float]:
    """The same while Vast.ai takes a search of ours and never answers."""
    bench.simulator.post("/_test/faults", _HANGS)
    seen = len(_searches(bench))
    with ThreadPoolExecutor(1) as pool:
        refresh = pool.submit(_refresh, functions)
        try:
            if not wait_until(lambda: len(_searches(bench)) > seen, _WITHIN_S):
                raise TimeoutError("no refresh asked the provider")
            took = lists_ms(bench)
            if refresh.done():
                raise RuntimeError("the refresh did not hang")
        finally:
            bench.simulator.post("/_test/reset", {})
    return took


def _refresh(functions: Functions) -> None:
    try:
        functions.invoke("RefreshInventoryFunction", {"provider": "vastai"})
    except FunctionFailed as exc:
        print(f"  the refresh that hung: {exc}")


def _searches(bench: Bench) -> list[object]:
    asked = {"params": {"path": _SEARCHES}}
    found: list[object] = bench.simulator.call("GET", "/_test/requests", **asked)["requests"]
    return found


def report(bench: Bench, functions: Functions) -> bool:
    """Print the table; True when the goal is missed."""
    quiet, meanwhile = lists_ms(bench), lists_meanwhile_ms(bench, functions)
    later_ms = max(meanwhile) - statistics.median(quiet)
    print(figures.line("GET /inventory", quiet, "ms", "none"))
    goal = f"max − median above ≤ {GOAL_MS} ms"
    print(figures.line("GET /inventory, Vast.ai hangs", meanwhile, "ms", goal))
    return later_ms > GOAL_MS
