"""What time does to offers: trusted less and less, then no more, forgotten in the end.

These tests have a world of their own, whose settings count in seconds.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from local.api import Api
from tests.e2e import provider
from tests.e2e.conftest import AGEING
from tests.e2e.deployed import Deployed, wait_for
from tests.e2e.provider import break_it, mend
from tests.e2e.renting import Row, provider_id, wish

FRESH_S, HALF_TRUST_S, USABLE_S = (
    int(AGEING[name]) for name in ("SnapshotFreshS", "SnapshotHalfTrustS", "SnapshotUsableS")
)
MEMORY_S = int(AGEING["OfferMemoryS"])
PROVIDERS = ("vastai", "tensordock")
BASE = 0.9


def refresh(live: Deployed, *providers: str) -> None:
    """A fresh snapshot of these providers, by default of all."""
    for name in providers or PROVIDERS:
        wait_for(partial(_refreshed, live, name), 60)


def _refreshed(live: Deployed, name: str) -> bool:
    return live.sweep("RefreshInventoryFunction", name)["error"] is None


def factor(age_s: float) -> float:
    """The contract's factor, with this world's numbers."""
    over_s = (age_s - FRESH_S) / (HALF_TRUST_S - FRESH_S)
    return min(1.0, max(0.5, 1.0 - 0.5 * over_s))


def timed(live: Deployed, path: str, **query: Any) -> tuple[Row, float, float]:
    """An answer, and the seconds since the epoch before and after it."""
    before = time.time()
    answer: Row = live.operator.get(path, **query)
    return answer, before, time.time()


def epoch_s(text: str) -> float:
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()


def test_an_offer_is_trusted_by_its_age_alike_in_the_list_and_alone(ageing: Deployed) -> None:
    """M-52, N-55: fully, then less, then half; every offer's age is its provider's."""
    refresh(ageing)
    seen = set[int]()
    while len(seen) < 3:
        menu, *listed = timed(ageing, "/api/v1/inventory", provider="vastai", limit=1)
        offer = menu["offers"][0]
        alone, *found = timed(ageing, f"/api/v1/inventory/{offer['id']}")
        fetched_s = epoch_s(offer["fetched_at"])
        assert alone["fetched_at"] == offer["fetched_at"]
        assert offer["fetched_at"] == menu["providers"]["vastai"]["fetched_at"]
        for shown, (before, after) in ((offer, listed), (alone, found)):
            low, high = BASE * factor(after - fetched_s), BASE * factor(before - fetched_s)
            assert low - 1e-3 <= shown["availability_confidence"] <= high + 1e-3
            seen.add(1 if high == BASE else 3 if high <= BASE / 2 else 2)
        _check_status(menu["providers"]["vastai"], *(at - fetched_s for at in listed))


def _check_status(shown: Row, youngest_s: float, oldest_s: float) -> None:
    if oldest_s <= FRESH_S:
        assert shown["status"] == "ok"
    if youngest_s > FRESH_S + 0.01:
        assert shown["status"] == "stale"


@pytest.fixture
def sleeper(ageing: Deployed) -> Api:
    """A consumer who never gets a session."""
    return ageing.new_consumer("sleeper")


def test_what_is_too_old_is_neither_listed_nor_found_nor_rented(
    ageing: Deployed, sleeper: Api
) -> None:
    """M-110, M-23, X-23, N-55: 503 with Retry-After, and no session; then one provider suffices."""
    refresh(ageing)
    offer = ageing.operator.get("/api/v1/inventory", provider="vastai", limit=1)["offers"][0]
    wait_for(lambda: time.time() - epoch_s(offer["fetched_at"]) > USABLE_S + 5, USABLE_S + 30)
    asked: tuple[tuple[str, str, Row], ...] = (
        ("GET", "/api/v1/inventory", {}),
        ("GET", "/api/v1/inventory?provider=vastai", {}),
        ("GET", f"/api/v1/inventory/{offer['id']}", {}),
        ("POST", "/api/v1/sessions", {"json": wish(offer)}),
    )
    for method, path, more in asked:
        answer = sleeper.send(method, path, **more)
        assert (answer.status_code, answer.json()["error_type"]) == (503, "provider_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
    refresh(ageing, "tensordock")
    menu = sleeper.get("/api/v1/inventory", limit=1000)
    assert {one["provider"] for one in menu["offers"]} == {"tensordock"}
    assert menu["providers"]["vastai"]["status"] == "unavailable"
    assert menu["providers"]["tensordock"]["status"] == "ok"
    assert sleeper.get("/api/v1/sessions")["sessions"] == []
    assert provider.launches(ageing, provider_id(offer["id"])) == []


def test_an_offer_that_left_is_stale_for_a_while_and_then_unknown(
    ageing: Deployed, sleeper: Api
) -> None:
    """M-110, X-23: the list, the lookup and the launch agree that it is gone."""
    refresh(ageing)
    offer = ageing.operator.get("/api/v1/inventory", provider="vastai", limit=1)["offers"][0]
    ageing.simulator.post("/_test/offers", {"remove": [offer["provider_id"]]})
    refresh(ageing, "vastai")
    left_s = time.time()
    assert sleeper.send("GET", f"/api/v1/inventory/{offer['id']}").status_code == 404
    listed = sleeper.get("/api/v1/inventory", provider="vastai", limit=1000)["offers"]
    assert offer["id"] not in {one["id"] for one in listed}
    refused = sleeper.send("POST", "/api/v1/sessions", json=wish(offer))
    assert (refused.status_code, refused.json()["error_type"]) == (503, "stale_inventory")
    assert refused.json()["offer_id"] == offer["id"]
    wait_for(lambda: time.time() - left_s > MEMORY_S, MEMORY_S + 30)
    refresh(ageing, "vastai")
    forgotten = sleeper.send("POST", "/api/v1/sessions", json=wish(offer))
    assert (forgotten.status_code, forgotten.json()["error_type"]) == (404, "offer_not_found")
    assert sleeper.get("/api/v1/sessions")["sessions"] == []


def test_an_offer_that_fails_three_times_is_hidden_and_comes_back(ageing: Deployed) -> None:
    """BUG-016, X-15: shown in offer-health meanwhile, and refused by its name."""
    refresh(ageing, "vastai")
    offer = _rare_offer(ageing)
    rule = break_it(ageing, "no_capacity", match={"offer_id": offer["provider_id"]})
    for number in range(3):
        _failed(ageing, offer, number)
    mend(ageing, rule)
    (shown,) = [one for one in _health(ageing)["offers"] if one["offer_id"] == offer["id"]]
    assert (shown["is_suppressed"], shown["confidence_multiplier"]) == (True, 0)
    refused = ageing.new_consumer("late").send("POST", "/api/v1/sessions", json=wish(offer))
    assert (refused.status_code, refused.json()["error_type"]) == (409, "offer_suppressed")
    assert refused.json()["suppressed_until"] == shown["suppressed_until"]
    assert ageing.operator.send("GET", f"/api/v1/inventory/{offer['id']}").status_code == 404
    wait_for(lambda: time.time() > epoch_s(shown["suppressed_until"]), 30)
    refresh(ageing, "vastai")
    assert ageing.operator.get(f"/api/v1/inventory/{offer['id']}")["id"] == offer["id"]


def test_three_failed_offers_of_a_gpu_make_all_of_its_kind_less_trusted(ageing: Deployed) -> None:
    """BUG-012: never-failed ones too, on other machines; other kinds and providers stay."""
    refresh(ageing)
    every = ageing.operator.get("/api/v1/inventory", provider="vastai", limit=1000)["offers"]
    kind = next(
        name
        for name in sorted({one["gpu_type"] for one in every})
        if len({one["machine_id"] for one in every if one["gpu_type"] == name}) >= 5
    )
    by_machine = {one["machine_id"]: one for one in every if one["gpu_type"] == kind}
    failing = list(by_machine.values())[:3]
    rule = break_it(ageing, "no_capacity", match={"gpu_type": failing[0]["gpu_name_raw"]})
    for number, offer in enumerate(failing):
        _failed(ageing, offer, number)
    mend(ageing, rule)
    (health,) = [one for one in _health(ageing)["gpu_types"] if one["gpu_type_key"].endswith(kind)]
    assert (health["failed_offer_count"], health["is_degraded"]) == (3, True)
    refresh(ageing, "vastai")
    menu = ageing.operator.get("/api/v1/inventory", provider="vastai", limit=1000)["offers"]
    failed = {one["offer_id"] for one in _health(ageing)["offers"]}
    machines = {one["machine_id"] for one in every if one["id"] in failed}
    never = [one for one in menu if one["machine_id"] not in machines]
    trust = max(one["availability_confidence"] for one in never)
    shares = {
        (one["gpu_type"] == kind, round(one["availability_confidence"] / trust, 3)) for one in never
    }
    assert shares == {(True, 0.3), (False, 1.0)}


def _rare_offer(live: Deployed) -> Row:
    """An offer of a machine that has no other, so that nothing else hides it."""
    every = live.operator.get("/api/v1/inventory", provider="vastai", limit=1000)["offers"]
    machines = [one["machine_id"] for one in every]
    found: Row = next(one for one in reversed(every) if machines.count(one["machine_id"]) == 1)
    return found


def _failed(live: Deployed, offer: Row, number: int) -> None:
    """One session on `offer` that the provider refuses; until then the offer is on the menu."""
    refresh(live, "vastai")
    caller = live.new_consumer(f"refused-{offer['provider_id']}-{number}")
    made = caller.post("/api/v1/sessions", wish(offer))["session"]
    path = f"/api/v1/sessions/{made['id']}"
    session = wait_for(lambda: _ended(caller.get(path)), 60)
    assert session["end_reason"] == "no_capacity"


def _ended(session: Row) -> Row | None:
    return session if session["status"] == "failed" else None


def _health(live: Deployed) -> Row:
    found: Row = live.operator.get("/api/v1/offer-health")
    return found
