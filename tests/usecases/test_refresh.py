"""Snapshots: complete or discarded, one refresh at a time, readers see one generation."""

from __future__ import annotations

import pytest

from gpu_shopper.core.inventory import Filters, Sort
from gpu_shopper.errors import OfferNotFound, ProviderNotUsable, StaleInventory
from gpu_shopper.errors.provider import BadProviderReply, ProviderAuth, RateLimited
from gpu_shopper.store import operations
from gpu_shopper.usecases import health
from gpu_shopper.usecases.expire import expire_sessions
from gpu_shopper.usecases.inventory import get_offer, list_offers, rentable_offer
from gpu_shopper.usecases.refresh import refresh_inventory
from tests.builders import an_offer
from tests.world import World


def listed(world: World, filters: Filters | None = None, **page: int) -> list[str]:
    menu = list_offers(
        world.deps,
        ("vastai",),
        filters or Filters(),
        Sort.PRICE,
        page.get("limit", 100),
        page.get("offset", 0),
    )
    return [one.offer.id for one in menu.page]


def test_a_refresh_shows_what_the_provider_offers_now(world: World) -> None:
    """M-20: the new generation replaces the old one whole."""
    world.clock.tick(60)
    world.vast.offers = [an_offer(id="vastai-2", provider_id="2")]
    assert refresh_inventory(world.deps, "vastai").found == 1
    assert listed(world) == ["vastai-2"]


def test_a_failed_refresh_keeps_the_last_snapshot_and_says_why(world: World) -> None:
    """M-19: discarded as a whole."""
    world.vast.errors["list_offers"] = [BadProviderReply("half a page")]
    world.clock.tick(60)
    assert refresh_inventory(world.deps, "vastai").error == "bad_provider_reply"
    menu = list_offers(world.deps, ("vastai",), Filters(), Sort.PRICE, 100, 0)
    assert menu.total == 1
    assert menu.views[0].error == "bad_provider_reply"


def test_failures_are_followed_by_growing_waits(world: World) -> None:
    """2.1: 60, 120, 240 s and never more than 300 s between tries."""
    world.vast.errors["list_offers"] = [BadProviderReply("no")]
    waits = []
    for _ in range(5):
        started = world.clock.at
        while refresh_inventory(world.deps, "vastai").error == "not_due":
            world.clock.tick(10)
        waits.append((world.clock.at - started).total_seconds())
    assert waits == [0, 60, 120, 240, 300]


def test_a_rate_limit_is_respected_for_as_long_as_the_provider_wishes(world: World) -> None:
    """2.1: at least 300 s, or Retry-After when longer."""
    world.vast.errors["list_offers"] = [RateLimited("slow", retry_after_s=400)]
    refresh_inventory(world.deps, "vastai")
    world.clock.tick(399)
    assert refresh_inventory(world.deps, "vastai").error == "not_due"
    world.clock.tick(1)
    world.vast.errors.clear()
    assert refresh_inventory(world.deps, "vastai").found == 1


def test_a_second_refresh_at_the_same_time_does_nothing(world: World) -> None:
    """2.1: the lease."""
    inner = []
    world.vast.before["list_offers"] = lambda: inner.append(
        refresh_inventory(world.deps, "vastai").error
    )
    world.clock.tick(60)
    assert refresh_inventory(world.deps, "vastai").found == 1
    assert inner == ["not_due"]


def test_offers_age_from_ok_over_stale_to_unusable(world: World) -> None:
    """M-110, N-55: 120 s, 600 s."""
    shown = {}
    for age in (120, 121, 600):
        world.clock.at = world.clock.at.replace(hour=12, minute=0, second=0)
        world.clock.tick(age)
        menu = list_offers(world.deps, ("vastai",), Filters(), Sort.PRICE, 1, 0)
        shown[age] = menu.views[0].usability(world.clock.at, world.deps.settings).value
    assert shown == {120: "ok", 121: "stale", 600: "stale"}
    world.clock.tick(1)
    with pytest.raises(ProviderNotUsable):
        listed(world)


def test_list_and_single_offer_agree_on_confidence(world: World) -> None:
    """M-52: at the same instant, at every age."""
    for age in (0, 119, 210, 299, 300, 600):
        world.clock.at = world.clock.at.replace(minute=0, second=0)
        world.clock.tick(age)
        menu = list_offers(world.deps, ("vastai",), Filters(), Sort.PRICE, 1, 0)
        single = get_offer(world.deps, "vastai", "vastai-1001")
        assert single.confidence == menu.page[0].confidence


def test_an_offer_seen_within_the_hour_is_stale_and_later_unknown(world: World) -> None:
    """M-110: 503 for an hour, then 404."""
    world.clock.tick(60)
    world.vast.offers = [an_offer(id="vastai-2", provider_id="2")]
    refresh_inventory(world.deps, "vastai")
    with pytest.raises(StaleInventory):
        rentable_offer(world.deps, "vastai", "vastai-1001")
    with pytest.raises(OfferNotFound):
        get_offer(world.deps, "vastai", "vastai-1001")
    world.clock.tick(3_600)
    refresh_inventory(world.deps, "vastai")
    with pytest.raises(OfferNotFound):
        rentable_offer(world.deps, "vastai", "vastai-1001")


def test_a_deployment_is_ready_after_its_own_first_sweep_with_a_usable_secret(
    world: World,
) -> None:
    """QA-H7, BUG-001: what is missing is named."""
    waiting = health.waiting_for(world.deps)
    assert waiting == ["secret of vastai not read yet", "first lifecycle sweep after the deploy"]
    expire_sessions(world.deps)
    world.vast.errors["list_offers"] = [ProviderAuth("secret vastai has no api_key")]
    refresh_inventory(world.deps, "vastai")
    assert health.waiting_for(world.deps) == ["secret vastai has no api_key"]
    world.vast.errors.clear()
    world.clock.tick(301)
    refresh_inventory(world.deps, "vastai")
    assert health.waiting_for(world.deps) == []
    operations.mark_sweep(world.deps.operations, "lifecycle", world.clock.at, "older")
    assert health.waiting_for(world.deps) == ["first lifecycle sweep after the deploy"]


def test_a_sweep_is_late_after_three_missed_intervals(world: World) -> None:
    """N-31: at 180 s still ok, a second later late."""
    expire_sessions(world.deps)
    world.clock.tick(180)
    assert health.checked(world.deps).services["lifecycle"] == "ok"
    world.clock.tick(1)
    assert health.checked(world.deps).services["lifecycle"] == "late"


def test_a_slow_refresh_does_not_replace_a_newer_one(world: World) -> None:
    """M-20: the fetch that began later stays."""

    def overtake() -> None:
        world.clock.tick(400)
        world.publish([an_offer(id="vastai-3", provider_id="3")])
        world.clock.tick(-300)

    world.clock.tick(60)
    world.vast.before["list_offers"] = overtake
    assert refresh_inventory(world.deps, "vastai").error == "overtaken"
    world.clock.tick(300)
    assert listed(world) == ["vastai-3"]
