"""Templates: fetched hourly, served for a day, and never in the way of offers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_shopper.errors import ProviderNotUsable, TemplateNotFound
from gpu_shopper.errors.provider import (
    BadProviderReply,
    ProviderAuth,
    ProviderUnavailable,
    RateLimited,
)
from gpu_shopper.store import operations
from gpu_shopper.usecases.deps import Deps
from gpu_shopper.usecases.guarding import GuardedProvider
from gpu_shopper.usecases.refresh import refresh_inventory, refresh_templates
from gpu_shopper.usecases.templates import get_template, templates
from tests.builders import TEMPLATE_HASH, a_template
from tests.metering import auditing, silent
from tests.world import World


def refreshed(world: World) -> str | int | None:
    done = refresh_templates(world.deps, "vastai")
    return done.error or done.found


def names(deps: Deps) -> list[str]:
    return [one.name for one in templates(deps).all]


def test_they_are_fetched_again_after_an_hour_and_not_before(world: World) -> None:
    """2.1: fetched hourly."""
    assert refreshed(world) == 1
    world.clock.tick(3_599)
    assert refreshed(world) == "not_due"
    world.clock.tick(1)
    world.vast.templates = [a_template(name="Other"), a_template(hash_id="b")]
    assert refreshed(world) == 2
    assert names(world.deps) == ["Open WebUI (Ollama)", "Other"]


def test_a_failed_fetch_leaves_the_last_good_one_for_a_day(world: World) -> None:
    """2.1: served up to 24 h, counted from the beginning of the fetch."""
    world.vast.before["list_templates"] = lambda: world.clock.tick(20)
    assert refreshed(world) == 1
    world.vast.errors["list_templates"] = [BadProviderReply("half a list")]
    world.clock.tick(86_400 - 20)
    assert refreshed(world) == "bad_provider_reply"
    assert names(world.deps) == ["Open WebUI (Ollama)"]
    world.clock.tick(1)
    with pytest.raises(ProviderNotUsable):
        templates(world.deps)


def test_they_are_not_known_before_the_first_fetch(world: World) -> None:
    with pytest.raises(ProviderNotUsable):
        templates(world.deps)
    world.vast.errors["list_templates"] = [BadProviderReply("no")]
    assert refreshed(world) == "bad_provider_reply"
    with pytest.raises(ProviderNotUsable):
        templates(world.deps)


def test_an_old_list_is_not_even_read(world: World) -> None:
    """The bucket may have thrown it away by then."""
    refreshed(world)
    for item in world.deps.inventory.bucket.objects.filter(Prefix="vastai/templates/"):
        item.delete()
    world.clock.tick(86_401)
    with pytest.raises(ProviderNotUsable):
        templates(world.deps)


def test_failures_are_followed_by_growing_waits(world: World) -> None:
    """2.1: like snapshots: 60, 120, 240 s and never more than 300 s; then hourly again."""
    world.vast.errors["list_templates"] = [BadProviderReply("no")]
    waits = []
    for _ in range(5):
        started = world.clock.at
        while refreshed(world) == "not_due":
            world.clock.tick(10)
        waits.append((world.clock.at - started).total_seconds())
    assert waits == [0, 60, 120, 240, 300]
    world.vast.errors.clear()
    world.clock.tick(300)
    assert refreshed(world) == 1
    world.clock.tick(3_599)
    assert refreshed(world) == "not_due"


def test_a_rate_limit_is_respected_for_as_long_as_the_provider_wishes(world: World) -> None:
    world.vast.errors["list_templates"] = [RateLimited("slow", retry_after_s=400)]
    assert refreshed(world) == "provider_rate_limited"
    world.clock.tick(399)
    assert refreshed(world) == "not_due"
    world.clock.tick(1)
    assert refreshed(world) == "provider_rate_limited"


def test_a_second_fetch_at_the_same_time_does_nothing(world: World) -> None:
    """2.1: the lease."""
    inner = []
    world.vast.before["list_templates"] = lambda: inner.append(refreshed(world))
    assert (refreshed(world), inner) == (1, ["not_due"])


def test_a_slow_fetch_does_not_replace_a_newer_one(world: World) -> None:
    def overtake() -> None:
        world.clock.tick(1)
        world.publish_templates(a_template(name="Newer"))

    world.vast.before["list_templates"] = overtake
    assert refreshed(world) == "overtaken"
    assert names(world.deps) == ["Newer"]


def test_templates_that_fail_delay_no_offers_and_the_other_way_round(world: World) -> None:
    world.clock.tick(60)
    world.vast.errors["list_templates"] = [BadProviderReply("no")]
    refreshed(world)
    assert refresh_inventory(world.deps, "vastai").found == 1
    world.vast.errors = {"list_offers": [BadProviderReply("no")]}
    world.clock.tick(60)
    refresh_inventory(world.deps, "vastai")
    assert refreshed(world) == 1


def test_a_key_without_the_right_to_read_templates_leaves_the_deployment_ready(
    world: World,
) -> None:
    """A key may be restricted to what renting needs."""
    world.clock.tick(60)
    refresh_inventory(world.deps, "vastai")
    world.vast.errors["list_templates"] = [ProviderAuth("no right")]
    assert refreshed(world) == "provider_auth"
    assert operations.credentials_problem(world.deps.operations, "vastai") is None


@pytest.mark.parametrize(
    ("enabled", "provider"),
    [(("vastai", "tensordock"), "tensordock"), (("tensordock",), "vastai")],
)
def test_nobody_is_asked_who_is_not_enabled_or_has_no_templates(
    world: World, enabled: tuple[str, ...], provider: str
) -> None:
    deps = replace(world.deps, enabled_providers=enabled)
    assert refresh_templates(deps, provider).error == "not_enabled"
    assert world.vast.calls == []


def test_templates_are_behind_the_circuit_breaker_too(world: World) -> None:
    """M-48"""
    deps = world.deps
    guard = GuardedProvider(
        world.vast, deps.operations, deps.now, deps.settings, silent("vastai"), auditing(deps)
    )
    deps = replace(deps, provider=lambda _: guard)
    world.vast.errors["find"] = [ProviderUnavailable("no")]
    for _ in range(deps.settings.breaker_failures):
        with pytest.raises(ProviderUnavailable):
            guard.find("1")
    assert refresh_templates(deps, "vastai").error == "circuit_open"
    world.clock.tick(300)
    assert refresh_templates(deps, "vastai").found == 1


def test_a_template_is_found_by_its_hash_only(world: World) -> None:
    refreshed(world)
    assert get_template(world.deps, TEMPLATE_HASH) == a_template()
    for unknown in (TEMPLATE_HASH.upper(), TEMPLATE_HASH[:-1], "x"):
        with pytest.raises(TemplateNotFound):
            get_template(world.deps, unknown)


def test_everything_of_a_template_survives_the_store(world: World) -> None:
    whole = a_template(
        tag="t",
        env="-p 1:1",
        onstart="#!/bin/sh\n\ttrue\x00é",
        runtype="ssh",
        args_str="--all",
        creator_id=7,
        created_at=world.clock.at,
        extra_filters=None,
        recommended_disk_gb=32.5,
    )
    world.publish_templates(whole)
    assert templates(world.deps).all == (whole,)
