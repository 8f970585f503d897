"""What disturbs everybody: the provider down or talking nonsense, the emulator killed.

These have a world of their own, one after the other, and leave it whole.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from local import aws
from tests.e2e import provider
from tests.e2e.aws_view import entries, executions_of
from tests.e2e.deployed import Deployed, wait_for
from tests.e2e.provider import break_it, broken, plant
from tests.e2e.renting import Rental, Renting, Row

GARBAGE = ("html", "truncated_json", "nan", "wrong_types", "huge", "empty")
GHOST_AFTER_S = 2.5  # two listings ListingsApartS (2) apart, as of samconfig's local stage
STRAY = "shopper-e2etests-5c0ff1ce-0000-4000-8000-000000000000-1"


@pytest.fixture
def rough(rough_renting: Renting) -> Iterator[Renting]:
    """The rough world, its provider whole again afterwards."""
    yield rough_renting
    rough_renting.live.simulator.delete("/_test/faults")


def _inventory(live: Deployed) -> Row:
    found: Row = live.operator.get("/api/v1/inventory", provider="vastai", limit=1)
    return found


def _error(live: Deployed) -> Any:
    return _inventory(live)["providers"]["vastai"].get("error")


def test_a_provider_that_is_down_during_a_destroy_only_delays_the_end(rough: Renting) -> None:
    """N-21, X-11, M-4: nothing is concluded from silence; the end comes when the provider is back.

    Also when the execution that waits for it was stopped: a sweep starts another.
    """
    live = rough.live
    rental, running = rough.running()
    with broken(live, {"type": "outage", "mode": "5xx"}):
        rental.done()
        wait_for(lambda: len(_asked_in_vain(live, running)) > 1, 60)
        live.sweep("ReconcileFunction")
        assert _seconds_to_stop(live, rental) < 1
        assert rental.now()["status"] == "stopping"
        assert provider.machine_of(live, rental)["alive"]
    stopped = _swept_until(live, rental, "stopped")
    assert _restarted(live, rental, "teardown")
    assert stopped["end_reason"] == "user_requested"
    assert not provider.machine_of(live, rental)["alive"]


def _seconds_to_stop(live: Deployed, rental: Rental) -> float:
    """From asking that the teardown's execution be stopped to its end."""
    (running,) = executions_of(live, rental.id, "teardown")
    states = aws.client("stepfunctions", live.endpoints.emulator_url)
    asked_at = datetime.now(UTC)
    states.stop_execution(executionArn=running["executionArn"])
    stopped = states.describe_execution(executionArn=running["executionArn"])
    assert stopped["status"] == "ABORTED"
    return float((stopped["stopDate"] - asked_at).total_seconds())


def _asked_in_vain(live: Deployed, session: Row) -> list[Row]:
    asked = provider.destroys(live, session["provider_instance_id"])
    return [request for request in asked if request["status"] >= 500]


def test_a_launch_while_the_provider_is_down_rents_nothing(rough: Renting) -> None:
    """N-19: proven by complete listings, when the provider is back."""
    live = rough.live
    with broken(live, {"type": "outage", "mode": "refuse"}):
        rental = rough.rent()
        wait_for(lambda: provider.launches(live, rental.offer_id), 60)
    failed = rental.until("failed", 120)
    assert failed["end_reason"] in {"provider_unavailable", "provision_timeout"}
    assert failed["cost_usd"] == 0
    assert provider.machines(live, rental.id) == []


@pytest.mark.parametrize("kind", GARBAGE)
def test_an_unreadable_listing_concludes_nothing(rough: Renting, kind: str) -> None:
    """N-19: the sweep ends well, no machine is missed, none is destroyed."""
    live = rough.live
    stray = plant(live, STRAY)
    with broken(live, {"type": "garbage", "kind": kind}, operation="list"):
        result = live.sweep("ReconcileFunction")
        assert result["complete"] is False
        assert live.operator.get("/health")["status"] == "ok"
    assert provider.machine(live, stray)["alive"]
    assert provider.destroys(live, stray) == []
    wait_for(lambda: _swept(live, stray), 60)


def _swept(live: Deployed, stray: str) -> bool:
    live.sweep("ReconcileFunction")
    return not provider.machine(live, stray)["alive"]


@pytest.mark.parametrize("kind", GARBAGE)
def test_an_unreadable_market_leaves_the_last_snapshot_in_use(rough: Renting, kind: str) -> None:
    """M-19, M-23."""
    live = rough.live
    wait_for(lambda: _refreshed(live), 30)
    before = _inventory(live)["total"]
    with broken(live, {"type": "garbage", "kind": kind}, operation="search"):
        wait_for(lambda: _refresh_failed(live), 30)
        during = _inventory(live)
    assert during["total"] == before > 0
    assert during["providers"]["vastai"]["error"]
    wait_for(lambda: _refreshed(live), 30)
    assert _error(live) is None


def _refreshed(live: Deployed) -> bool:
    return live.sweep("RefreshInventoryFunction")["error"] is None


def _refresh_failed(live: Deployed) -> bool:
    return live.sweep("RefreshInventoryFunction")["error"] not in (None, "not_due")


def test_a_provider_that_hangs_keeps_no_caller_waiting(rough: Renting) -> None:
    """M-19, X-26: callers are answered while the refresh still waits; the snapshot stays."""
    live = rough.live
    wait_for(lambda: _refreshed(live), 30)
    with broken(live, {"type": "outage", "mode": "hang"}), ThreadPoolExecutor(1) as pool:
        refreshing = pool.submit(live.sweep, "RefreshInventoryFunction")
        menu, rental = _inventory(live), rough.rent()
        assert not refreshing.done()
        assert refreshing.result()["error"] == "provider_unavailable"
    assert menu["total"] > 0
    rental.caller.delete(rental.path)
    assert rental.until("stopped", 120)["cost_usd"] == 0


def test_an_account_without_money_rents_nothing_until_it_is_topped_up(rough: Renting) -> None:
    """2.9 Extras: refused before the provider hears of it; a reading of enough lets it through."""
    live = rough.live
    with _left(live, 0):
        rental = rough.rent()
        failed = rental.until("failed")
    assert failed["end_reason"] == "provider_unavailable"
    assert "account at vastai" in failed["error"]
    assert provider.launches(live, rental.offer_id) == []
    again, _ = rough.running()
    again.end()


@contextmanager
def _left(live: Deployed, usd: float) -> Iterator[None]:
    """While so much is left at the provider, less what was spent; as read by us."""
    try:
        live.simulator.post("/_test/config", {"balance_usd": usd})
        live.sweep("ReconcileFunction")
        yield
    finally:
        live.simulator.post("/_test/config", {"balance_usd": 100})
        live.sweep("ReconcileFunction")


UNTRUE = ("list_empty", "list_partial", "list_bad_total", "list_loop", "single_null")


def test_one_untrue_source_alone_makes_no_ghost(rough: Renting) -> None:
    """N-22, X-11: the listing or the lookup, wrong for longer than a ghost needs."""
    live = rough.live
    rental, running = rough.running()
    for action in UNTRUE:
        with broken(live, action):
            _sweep_for(live, GHOST_AFTER_S)
    assert rental.now()["status"] == "running"
    assert provider.machine(live, running["provider_instance_id"])["alive"]
    rental.end()


def _sweep_for(live: Deployed, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        live.sweep("ReconcileFunction")


def test_a_key_that_sends_too_fast_is_slowed_down_alone(rough: Renting) -> None:
    """M-76, N-7: the numbers are template parameters; Retry-After, obeyed, leads to success."""
    fast, slow = rough.consumer(), rough.consumer()
    answers = [fast.send("GET", "/api/v1/sessions") for _ in range(25)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert [answer.status_code for answer in answers[:5]] == [200] * 5
    assert refused
    assert {answer.json()["error_type"] for answer in refused} == {"rate_limited"}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    assert slow.send("GET", "/api/v1/sessions").status_code == 200
    again = wait_for(lambda: fast.send("GET", "/api/v1/sessions").status_code == 200, 10)
    assert again


def test_a_second_deploy_keeps_keys_and_sessions(rough: Renting) -> None:
    """N-6, QA-H10: a deploy ends no session and changes no generated key."""
    live = rough.live
    rental, running = rough.running()
    live.redeploy()
    live.functions.invoke("ExpireSessionsFunction", {})
    live.sweep("ReconcileFunction")
    after = rental.now()
    assert (after["status"], after["expires_at"]) == ("running", running["expires_at"])
    assert live.anonymous.get("/ready")["ready"] is True
    rental.end()


def test_a_machine_that_loads_for_longer_than_a_round_is_waited_for_in_several(
    rough: Renting,
) -> None:
    """One execution plays them all, and no sweep has to help."""
    live = rough.live
    rental = _loading(rough)
    rested: list[Row] = wait_for(lambda: _rests(live, rental)[1:], 60)
    (waiting,) = executions_of(live, rental.id, "provision")
    assert (rested[0]["step"], waiting["status"]) == ("look", "RUNNING")
    provider.patch(live, provider.machine_of(live, rental)["id"], status="running")
    rental.until("running", 60)
    (only,) = wait_for(lambda: _ended(live, rental), 20)
    assert only["status"] == "SUCCEEDED"
    rental.end()


def _rests(live: Deployed, rental: Rental) -> list[Row]:
    return entries(live, session_id=rental.id, outcome="rest")


def _ended(live: Deployed, rental: Rental) -> list[Row]:
    known = executions_of(live, rental.id, "provision")
    return known if all(one["status"] != "RUNNING" for one in known) else []


def test_the_emulator_killed_in_mid_work_loses_no_session(rough: Renting) -> None:
    """N-30, M-54: executions die with it; the sweep starts what is needed again."""
    live = rough.live
    stopping, _ = rough.running()
    loading = _loading(rough)
    break_it(live, "destroy_ignored", match={"offer_id": stopping.offer_id})
    stopping.done()
    wait_for(lambda: provider.destroys(live, provider.machine_of(live, stopping)["id"]), 60)
    live.world.emulator.restart()
    live.simulator.delete("/_test/faults")
    provider.patch(live, provider.machine_of(live, loading)["id"], status="running")
    for rental, status in ((stopping, "stopped"), (loading, "running")):
        assert _swept_until(live, rental, status)["status"] == status
    assert _restarted(live, stopping, "teardown")
    assert _restarted(live, loading, "provision")
    loading.end()
    assert live.simulator.get("/_test/ledger")["alive"] == 0


def _loading(rough: Renting) -> Rental:
    """A rental whose machine does not start up."""
    offer = rough.offer()
    live = rough.live
    break_it(live, "stuck_loading", match={"offer_id": offer["provider_id"]})
    rental = rough.rent(offer)
    wait_for(lambda: rental.now().get("provider_instance_id"), 60)
    return rental


def _swept_until(live: Deployed, rental: Rental, status: str) -> Row:
    def reached() -> Row | None:
        live.functions.invoke("ExpireSessionsFunction", {})
        session = rental.now()
        return session if session["status"] == status else None

    found: Row = wait_for(reached, 120)
    return found


def _restarted(live: Deployed, rental: Rental, purpose: str) -> bool:
    names = [one["name"] for one in executions_of(live, rental.id, purpose)]
    return any("-r" in name.removeprefix(rental.id) for name in names)
