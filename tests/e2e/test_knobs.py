"""Providers with odd ways, set for everybody at once: a world of its own, one test after the other.

`tests/simulator/test_knobs_in_use.py` says which knob is met by which test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e import provider
from tests.e2e.deployed import Deployed, wait_for
from tests.e2e.provider import broken
from tests.e2e.renting import Rental, Renting, Row, provider_id

CONFIG = "/_test/config"
ODD = {
    "strict_slash": True,
    "strict_body": True,
    "latency_ms": {"min": 5, "max": 60},
    "rate_limit": 8,
    "retry_after_share": 0.5,
    "boot": {"null_s": 0.5, "loading_s": 0.5, "ip_delay_s": 0.5, "key_delay_s": 1},
    "destroy_s": 1,
    "gone_linger_s": 1.5,
    "list_lag_s": 1.5,
    "single_lag_s": 0.7,
    "list_shape": 3,
    "v0_list": "empty_200",
    "page_size": 1,
}
WITHIN_S = 150.0


@pytest.fixture
def rough(rough_renting: Renting) -> Iterator[Renting]:
    """The rough world, its provider as before afterwards."""
    simulator = rough_renting.live.simulator
    before = simulator.get(CONFIG)
    yield rough_renting
    simulator.delete("/_test/faults")
    simulator.post(CONFIG, before)


def test_a_provider_with_every_oddity_at_once_is_only_slower(rough: Renting) -> None:
    """N-14, N-19, QA-H1: late, paged one by one, throttled, redirecting; both providers."""
    live = rough.live
    strays = [provider.plant(live, f"somebody's {number}") for number in range(3)]
    live.simulator.post(CONFIG, ODD)
    offers = (rough.offer(), rough.tensordock_offer())
    rentals = [rough.rent(offer, disk_gb=100) for offer in offers]
    with ThreadPoolExecutor(len(rentals)) as pool:
        running = list(pool.map(lambda one: one.until("running", WITHIN_S), rentals))
        assert live.sweep("ReconcileFunction")["complete"] is True
        stopped = list(pool.map(_ended, rentals))
    for rental, at_start, at_end in zip(rentals, running, stopped, strict=True):
        machine = provider.machine_of(live, rental)
        assert machine["id"] == at_start["provider_instance_id"]
        assert not machine["alive"]
        assert (at_end["end_reason"], len(at_end["attempts"])) == ("user_requested", 1)
        assert at_end["cost_usd"] >= machine["billed_usd"] > 0
    assert all(provider.machine(live, one)["alive"] for one in strays)


def _ended(rental: Rental) -> Row:
    rental.caller.delete(rental.path)
    return rental.until("stopped", WITHIN_S)


def test_an_account_without_money_rents_nothing_and_says_so(rough: Renting) -> None:
    """M-8, X-10."""
    rough.live.simulator.post(CONFIG, {"balance_usd": 0})
    rental = rough.rent()
    failed = rental.until("failed")
    assert failed["error"]
    assert failed["cost_usd"] == 0
    assert provider.machines(rough.live, rental.id) == []


UNTRUE: tuple[tuple[str | Row, bool], ...] = (
    ({"type": "list_page_fails", "page": 1}, False),
    ("list_duplicates", False),
    ({"type": "list_lag", "s": 3600}, True),
    ({"type": "status_word", "word": "resting"}, True),
    ({"type": "ok_with_error"}, False),
    ({"type": "garbage", "kind": "wrong_content_type"}, True),
    ({"type": "slow_body", "bytes_per_s": 2000}, True),
)


def test_lists_that_fail_lag_or_repeat_end_nobody(rough: Renting) -> None:
    """M-69, N-22, X-2: known as incomplete where they are; the session goes on through all."""
    live = rough.live
    rental, running = rough.running()
    for action, complete in UNTRUE:
        with broken(live, action, operation="list", provider="vastai"):
            for _ in range(2):
                assert live.sweep("ReconcileFunction")["complete"] is complete, action
    assert rental.now()["status"] == "running"
    assert provider.machine(live, running["provider_instance_id"])["alive"]
    rental.end()


def test_a_machine_that_accepts_and_says_nothing_is_tried_again(rough: Renting) -> None:
    """X-13."""
    live, offer = rough.live, rough.offer()
    match = {"offer_id": provider_id(offer["id"])}
    with broken(live, {"type": "ssh", "mode": "hang"}, match=match, when={"count": 1}) as rule:
        rental, _ = rough.running(offer=offer)
        assert _fired(live)(rule) == 1
    rental.end()


def _fired(live: Deployed) -> Callable[[str], int]:
    rules = {rule["id"]: rule for rule in live.simulator.get("/_test/faults")["faults"]}
    return lambda rule_id: int(rules[rule_id]["fired"])


def test_a_machine_that_gets_dearer_while_it_runs_is_paid_as_it_is(rough: Renting) -> None:
    """N-41: from the moment at which the change is seen."""
    live = rough.live
    rental, running = rough.running()
    dearer = 3 * running["price_per_hour"]
    provider.patch(live, running["provider_instance_id"], price_per_hour=dearer)

    def seen() -> bool:
        live.sweep("ReconcileFunction")
        return bool(rental.now()["price_per_hour"] > 2 * running["price_per_hour"])

    wait_for(seen, 60)
    stopped = rental.end()
    assert stopped["price_per_hour"] == pytest.approx(dearer)
    assert stopped["attempts"][0]["cost_usd"] == stopped["cost_usd"]
