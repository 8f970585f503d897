"""Automatic retry: when another attempt may follow, and which offers are comparable."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_shopper.core.inventory import Shown
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.retrying import (
    candidates,
    disk_gb_at,
    holds_offer,
    is_dearer_than_accepted,
    is_retried,
    no_more,
    price_cap,
)
from gpu_shopper.core.session import Attempt, ChosenTemplate, RetryScope, Session
from gpu_shopper.core.states import EndReason, State
from tests.builders import NOON, SETTINGS, a_session, an_attempt, an_offer, later


def asking(**wish: Any) -> Session:
    """A session in provisioning whose caller wants retries; its first offer costs $0.40."""
    base = a_session(state=State.PROVISIONING, attempts=(first(),))
    wanted = {"auto_retry": True, "max_retries": 3} | wish
    return replace(base, wish=replace(base.wish, **wanted))


def first() -> Attempt:
    return an_attempt(
        machine_id="77", reason=EndReason.NO_CAPACITY, accepted_microusd_per_hour=400_000
    )


def another(**changes: Any) -> Offer:
    """A comparable offer on another machine."""
    return an_offer(**({"id": "vastai-2002", "provider_id": "2002", "machine_id": "88"} | changes))


def found(session: Session, *offers: Offer, held: frozenset[str] = frozenset()) -> list[str]:
    shown = [Shown(offer, NOON, offer.base_confidence) for offer in offers]
    return [one.offer.id for one in candidates(shown, session, held, SETTINGS)]


AT_TENSORDOCK = {"id": "tensordock-x", "provider": "tensordock", "default_disk_gb": 100}


@pytest.mark.parametrize(
    ("offer", "same_gpu", "same_vram", "anywhere"),
    [
        ({}, True, True, True),
        ({"price_microusd_per_hour": 480_000}, True, True, True),
        ({"price_microusd_per_hour": 480_001}, False, True, True),
        ({"price_microusd_per_hour": 600_000}, False, True, True),
        ({"price_microusd_per_hour": 600_001}, False, False, True),
        ({"price_microusd_per_hour": 800_000}, False, False, True),
        ({"price_microusd_per_hour": 800_001}, False, False, False),
        ({"gpu_type": "RTX 3090"}, False, True, True),
        ({"gpu_type": "L40S", "vram_gb": 48}, False, True, True),
        ({"gpu_type": "RTX 4080", "vram_gb": 16}, False, False, False),
        ({"vram_gb": 16}, True, False, False),
        ({"vram_gb": None}, True, False, False),
        ({"gpu_count": 2}, False, False, False),
        (AT_TENSORDOCK, False, False, True),
        (AT_TENSORDOCK | {"vram_gb": 16}, False, False, False),
        ({"id": "vastai-1001"}, False, False, False),
        ({"machine_id": "77"}, False, False, False),
        ({"machine_id": None}, True, True, True),
        (AT_TENSORDOCK | {"machine_id": "77"}, False, False, True),
        ({"disk_gb_available": 49}, False, False, False),
        ({"disk_gb_available": 50}, True, True, True),
    ],
)
def test_what_is_comparable_in_each_scope(
    offer: dict[str, Any], same_gpu: bool, same_vram: bool, anywhere: bool
) -> None:
    """N-16, 2.6: each column is one scope; prices on both sides of each cap."""
    wanted = {
        RetryScope.SAME_GPU: same_gpu,
        RetryScope.SAME_VRAM: same_vram,
        RetryScope.ANY: anywhere,
    }
    judged = {
        scope: bool(found(asking(retry_scope=scope), another(**offer))) for scope in RetryScope
    }
    assert judged == wanted


def test_with_an_original_of_unknown_memory_nothing_compares_by_memory() -> None:
    """2.6: unknown VRAM where VRAM is compared."""
    session = asking(retry_scope=RetryScope.ANY)
    session = replace(session, attempts=(replace(first(), vram_gb=None),))
    assert found(session, another()) == []


def test_the_callers_cap_goes_before_the_scopes_when_it_is_lower() -> None:
    """N-77: the lower of the two; a price equal to it passes."""
    dear, at_cap = (
        another(price_microusd_per_hour=450_001),
        another(price_microusd_per_hour=450_000),
    )
    session = asking(max_price_microusd_per_hour=450_000)
    assert (found(session, dear), found(session, at_cap)) == ([], ["vastai-2002"])
    assert price_cap(session, SETTINGS) == 450_000
    assert price_cap(asking(max_price_microusd_per_hour=900_000), SETTINGS) == 480_000
    assert price_cap(asking(auto_retry=False), SETTINGS) is None


def test_the_original_stays_the_measure_for_later_attempts() -> None:
    """2.6: the second attempt's price and GPU say nothing about the third's."""
    dearer = an_attempt(
        number=2, offer_id="vastai-3", gpu_type="L40S", accepted_microusd_per_hour=480_000
    )
    billed_more = replace(first(), price_microusd_per_hour=900_000, price_source="provider")
    session = replace(asking(), attempts=(billed_more, dearer))
    assert price_cap(session, SETTINGS) == 480_000
    assert found(session, another(price_microusd_per_hour=480_000)) == ["vastai-2002"]
    assert found(session, another(gpu_type="L40S")) == []


def test_prices_are_compared_with_the_sessions_disk() -> None:
    """2.6: 400 GB more at $0.10 a GB and month cost 5.5556 cents an hour."""
    session = asking(disk_gb=450)
    assert found(session, another(price_microusd_per_hour=424_444)) == ["vastai-2002"]
    assert found(session, another(price_microusd_per_hour=424_445)) == []


def test_another_providers_least_disk_is_rented_and_paid_there() -> None:
    """1.4: TensorDock rents 100 GB at least."""
    wish = asking().wish
    assert (disk_gb_at("vastai", wish), disk_gb_at("tensordock", wish)) == (50, 100)
    anywhere = asking(retry_scope=RetryScope.ANY)
    offer = another(**AT_TENSORDOCK | {"default_disk_gb": 10, "price_microusd_per_hour": 787_501})
    assert found(anywhere, offer) == []
    assert found(anywhere, offer._replace(price_microusd_per_hour=787_500)) == ["tensordock-x"]


def test_an_image_goes_only_where_images_run() -> None:
    """1.4: TensorDock rents machines, not containers."""
    anywhere = asking(retry_scope=RetryScope.ANY, docker_image="vllm/vllm-openai")
    assert found(anywhere, another(**AT_TENSORDOCK), another()) == ["vastai-2002"]


def test_a_template_goes_only_where_it_fits() -> None:
    """1.4: an offer that does not meet its conditions would be refused to the caller too."""
    template = ChosenTemplate(
        hash_id="a", name="A", extra_filters='{"gpu_ram": {"gte": 24564}, "compute_cap": {"gt": 1}}'
    )
    fitting = another(compute_cap=2)
    offers = [fitting, another(compute_cap=1), another(compute_cap=2, gpu_ram_mb=24_563)]
    for number, offer in enumerate(offers):
        session = asking(template=template)
        assert found(session, offer) == ([offer.id] if number == 0 else [])


def test_a_template_goes_only_to_a_provider_that_has_it() -> None:
    """1.4: Vast.ai's offers only."""
    template = ChosenTemplate(hash_id="a", name="A")
    anywhere = asking(retry_scope=RetryScope.ANY, template=template)
    assert found(anywhere, another(**AT_TENSORDOCK), another()) == ["vastai-2002"]


def test_offers_that_somebody_holds_are_left_out() -> None:
    """2.6."""
    assert found(asking(), another(), held=frozenset({"vastai-2002"})) == []


def test_offers_and_machines_of_all_attempts_are_left_out() -> None:
    """N-16, X-15: not only the last one's."""
    second = an_attempt(number=2, offer_id="vastai-2002", machine_id="88")
    session = replace(asking(), attempts=(first(), second))
    assert found(session, another()) == []
    assert found(session, another(id="vastai-4", machine_id="88")) == []
    assert found(session, another(id="vastai-4", machine_id="99")) == ["vastai-4"]


def test_the_most_trusted_comes_first_then_the_cheapest_then_the_lowest_id() -> None:
    """N-16: and five are kept."""
    offers = [
        another(id="vastai-5", base_confidence=0.5, price_microusd_per_hour=100_000),
        another(id="vastai-4", base_confidence=0.9, price_microusd_per_hour=300_000),
        another(id="vastai-3", base_confidence=0.9, price_microusd_per_hour=200_000),
        another(id="vastai-2", base_confidence=0.9, price_microusd_per_hour=200_000),
        another(id="vastai-6", base_confidence=0.4),
        another(id="vastai-7", base_confidence=0.3),
    ]
    in_order = ["vastai-2", "vastai-3", "vastai-4", "vastai-5", "vastai-6"]
    assert found(asking(), *offers) == in_order


REFUSED = {
    EndReason.STALE_INVENTORY,
    EndReason.NO_CAPACITY,
    EndReason.PRICE_ABOVE_MAX,
    EndReason.PRICE_MISMATCH,
    EndReason.PROVIDER_UNAVAILABLE,
    EndReason.PROVISION_TIMEOUT,
}
RENTED = {
    EndReason.SSH_TIMEOUT,
    EndReason.API_TIMEOUT,
    EndReason.INSUFFICIENT_DISK_ON_HOST,
    EndReason.NO_CAPACITY,
    EndReason.INSTANCE_STOPPED,
    EndReason.AUTH_FAILED,
    EndReason.HOST_KEY_CHANGED,
    EndReason.PRICE_MISMATCH,
    EndReason.GHOST,
}


@pytest.mark.parametrize("reason", list(EndReason))
def test_which_ends_of_an_attempt_another_may_follow(reason: EndReason) -> None:
    """N-16, M-62: provider_unavailable and provision_timeout only when nothing was rented."""
    assert is_retried(asking(), reason, rented=False) == (reason in REFUSED)
    assert is_retried(asking(), reason, rented=True) == (reason in RENTED)
    unasked = asking(auto_retry=False)
    assert not is_retried(unasked, reason, rented=False)
    assert not is_retried(unasked, reason, rented=True)


@pytest.mark.parametrize("state", [state for state in State if state is not State.PROVISIONING])
def test_only_a_session_in_provisioning_tries_again(state: State) -> None:
    """N-16: not one that runs, and none that was told to stop."""
    session = replace(asking(), state=state)
    assert not is_retried(session, EndReason.GHOST, rented=True)


@pytest.mark.parametrize(("allowed", "last"), [(0, 1), (3, 4), (5, 6)])
def test_retries_are_counted_after_the_first_attempt(allowed: int, last: int) -> None:
    """N-16: with three retries the fourth attempt is the last."""
    session = asking(max_retries=allowed)
    at_last = replace(session, attempts=(an_attempt(number=last),))
    assert no_more(at_last, NOON, SETTINGS) == f"retries exhausted ({allowed})"
    if last > 1:
        before = replace(session, attempts=(an_attempt(number=last - 1),))
        assert no_more(before, NOON, SETTINGS) is None


def test_no_attempt_starts_in_the_last_ten_minutes() -> None:
    """2.7: with exactly ten minutes left one does."""
    session = asking()
    assert no_more(session, later(7_200 - 600), SETTINGS) is None
    assert no_more(session, later(7_200 - 599), SETTINGS) is not None


def test_a_machine_may_cost_five_percent_more_than_accepted_and_no_more() -> None:
    attempt = an_attempt(accepted_microusd_per_hour=400_000, price_microusd_per_hour=999_999)
    assert not is_dearer_than_accepted(420_000, attempt, SETTINGS)
    assert is_dearer_than_accepted(420_001, attempt, SETTINGS)


@pytest.mark.parametrize(
    ("provider", "state", "consumer", "holds"),
    [
        ("vastai", State.PENDING, "bob", True),
        ("vastai", State.STOPPING, "bob", True),
        ("vastai", State.STOPPED, "alice", False),
        ("tensordock", State.RUNNING, "bob", False),
        ("tensordock", State.RUNNING, "alice", True),
        ("tensordock", State.STOPPING, "alice", False),
    ],
)
def test_who_holds_an_offer(provider: str, state: State, consumer: str, holds: bool) -> None:
    """2.6, 2.8: one machine is anybody's; otherwise a consumer's own sessions count."""
    session = a_session(
        state=state, consumer_id=consumer, attempts=(an_attempt(provider=provider),)
    )
    assert holds_offer(session, "alice") == holds
