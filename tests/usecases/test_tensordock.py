"""Sessions at TensorDock, where the rules differ from Vast.ai's, and where its answers matter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_shopper.core.polling import SshResult
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors import ValidationFailed
from gpu_shopper.errors.provider import NoCapacity, ProviderUnavailable
from gpu_shopper.usecases import health
from gpu_shopper.usecases.deps import StepResult
from gpu_shopper.usecases.inventory import get_offer
from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.provision import launch
from gpu_shopper.usecases.reconcile import reconcile
from gpu_shopper.usecases.refresh import refresh_inventory
from gpu_shopper.usecases.verify import verify
from tests.fakes import FakeProbe, FakeProvider
from tests.providers.stub import Answer
from tests.providers.tensordock_shapes import (
    HTML_502,
    ID,
    NO_IPS,
    created,
    error,
    in_body,
    instance_row,
)
from tests.usecases import docked
from tests.usecases.docked import ADDRESS, OFFER, OFFERS, answering, create, enable
from tests.world import BOB, World, a_world


@pytest.fixture
def rented_from(world: World) -> FakeProvider:
    """A TensorDock in memory, enabled."""
    return docked.rented_from(world)


def tries_at(world: World, session_id: str, results: list[SshResult]) -> list[float]:
    """Play the provisioning to its end: seconds from the launch to each SSH try."""
    launch(world.deps, session_id, 1)
    began, probe, tried = world.clock.at, FakeProbe(results), []
    while world.session(session_id).state is State.PROVISIONING:
        result = look(world.deps, session_id, 1)
        if result.outcome == "verify":
            tried.append((world.clock.at - began).total_seconds())
            result = verify(world.deps, probe, session_id, 1)
        world.clock.tick(result.wait_s)
    return tried


REFUSED_TWICE = [SshResult.CONNECTION_REFUSED] * 3 + [SshResult.READY]


@pytest.mark.usefixtures("rented_from")
def test_the_first_ssh_try_comes_90_seconds_after_the_launch(world: World) -> None:
    """BUG-002, N-32: 90 s, then waits of 5, 7.5 and 11.25 s in whole seconds."""
    assert tries_at(world, create(world).id, [*REFUSED_TWICE]) == [90, 95, 103, 115]


def test_at_vast_ai_the_first_ssh_try_comes_at_once(world: World) -> None:
    """N-32: the same machine, the same answers, another provider."""
    assert tries_at(world, world.create().session.id, [*REFUSED_TWICE]) == [0, 5, 13, 25]


def test_the_wait_before_ssh_is_a_setting() -> None:
    """QA-M1: TensordockSshDelayS."""
    with a_world(Settings(tensordock_ssh_delay_s=7)) as world:
        enable(world, FakeProvider(name="tensordock", offers=OFFERS, address=ADDRESS))
        assert tries_at(world, create(world).id, [SshResult.READY]) == [7]


def test_an_address_that_comes_after_the_wait_is_tried_at_once(
    world: World, rented_from: FakeProvider
) -> None:
    """N-32: the series begins when the address becomes known."""
    rented_from.address = None
    session_id = create(world).id
    launch(world.deps, session_id, 1)
    for _ in range(10):
        world.clock.tick(look(world.deps, session_id, 1).wait_s)
    shown = rented_from.instances["5001"]
    rented_from.instances["5001"] = replace(shown, ssh=ADDRESS)
    assert look(world.deps, session_id, 1) == StepResult("verify")


def test_a_machine_that_fails_while_ssh_waits_is_noticed(
    world: World, rented_from: FakeProvider
) -> None:
    """BUG-011: it is looked at every 15 s meanwhile."""
    session_id = create(world).id
    launch(world.deps, session_id, 1)
    assert look(world.deps, session_id, 1) == StepResult("look", 15)
    rented_from.errors["find"] = [ProviderUnavailable("down")]
    assert look(world.deps, session_id, 1).outcome == "look"


@pytest.mark.usefixtures("rented_from")
def test_the_wait_before_ssh_does_not_move_the_deadline(world: World) -> None:
    """2.10: one minute is over before the first try."""
    session = create(world, ssh_timeout_min=1)
    assert tries_at(world, session.id, [SshResult.READY]) == []
    assert world.session(session.id).end_reason is EndReason.SSH_TIMEOUT
    assert (world.clock.at - session.created_at).total_seconds() < 80


@pytest.mark.usefixtures("rented_from")
def test_less_than_100_gb_is_raised_and_said(world: World) -> None:
    session = create(world, disk_gb=50)
    assert session.wish.disk_gb == 100
    assert [one.code for one in session.warnings] == ["disk_raised"]
    assert create(world, consumer_id="bob").wish.disk_gb == 100


@pytest.mark.usefixtures("rented_from")
def test_an_image_is_refused_before_any_record_exists(world: World) -> None:
    with pytest.raises(ValidationFailed) as refused:
        create(world, docker_image="vllm/vllm-openai:latest")
    assert [field for field, _ in refused.value.details] == ["docker_image"]
    assert world.deps.sessions.scan()["Count"] == 0


@pytest.mark.usefixtures("rented_from")
def test_an_offer_of_many_machines_stays_on_the_menu_when_one_is_rented(world: World) -> None:
    """2.1: only an offer with one unit that we rented is hidden."""
    launch(world.deps, create(world).id, 1)
    assert get_offer(world.deps, "tensordock", OFFER.id).offer == OFFER
    second = create(world, caller=BOB)
    assert launch(world.deps, second.id, 1).outcome == "look"


@pytest.mark.parametrize("answer", [in_body(400, NO_IPS), error(NO_IPS, 400), error(NO_IPS, 409)])
def test_no_public_address_ends_the_attempt_as_no_capacity(world: World, answer: Answer) -> None:
    """BUG-010: as HTTP 200 body and as 4xx."""
    network, session = answering(world, answer)
    assert launch(world.deps, session.id, 1) == StepResult("done")
    failed = world.session(session.id)
    assert (failed.state, failed.end_reason) == (State.FAILED, EndReason.NO_CAPACITY)
    assert NO_IPS in (failed.error or "")
    assert network.methods() == ["POST /api/v2/instances"]


def test_the_reported_rate_is_the_price_that_is_billed(world: World) -> None:
    """X-21: rateHourly, learnt when the machine is first looked at."""
    _, session = answering(world, created(), Answer(instance_row(rateHourly=0.5)))
    assert session.attempt.price_microusd_per_hour == OFFER.price_microusd_per_hour
    launch(world.deps, session.id, 1)
    assert world.session(session.id).attempt.price_source == "offer"
    look(world.deps, session.id, 1)
    attempt = world.session(session.id).attempt
    assert (attempt.price_microusd_per_hour, attempt.price_source) == (500_000, "provider")
    assert [one.code for one in world.session(session.id).warnings] == ["price_differs"]


@pytest.mark.parametrize(
    "answer",
    [
        error("Internal server error", 500),
        HTML_502,
        in_body(500, "Internal server error"),
        in_body(400, "No available nodes found", data=[]),
        Answer({"data": {"machines": []}}),
        Answer({"instances": []}),
    ],
)
def test_a_listing_that_failed_changes_no_session_and_no_instance(
    world: World, answer: Answer
) -> None:
    """X-2: 500, 200 with an error body, an unknown shape."""
    network, session = answering(world, created(), Answer(instance_row()))
    launch(world.deps, session.id, 1)
    look(world.deps, session.id, 1)
    before = world.session(session.id)
    assert (before.state, before.attempt.instance_id) == (State.PROVISIONING, ID)
    network.steps = [answer]
    for _ in range(3):
        world.clock.tick(700)
        assert not reconcile(world.deps, "tensordock").complete
    assert world.session(session.id) == before
    assert not [one for one in network.methods() if one.startswith("DELETE")]


def test_the_instance_is_found_by_its_name_after_an_unclear_launch(world: World) -> None:
    """N-17, N-19: the label is the name."""
    network, session = answering(world, HTML_502)
    launch(world.deps, session.id, 1)
    network.steps = [Answer({"data": [instance_row(name=session.attempt.label)]})]
    look(world.deps, session.id, 1)
    assert world.session(session.id).attempt.instance_id == ID


def test_a_provider_that_is_not_enabled_is_left_alone(world: World) -> None:
    """A schedule of its own runs all the same."""
    world.deps = replace(world.deps, provider=lambda _name: pytest.fail("called"))
    assert refresh_inventory(world.deps, "tensordock").error == "not_enabled"
    assert not reconcile(world.deps, "tensordock").complete
    assert world.facts == []


def test_a_provider_that_was_switched_off_is_reconciled_until_its_last_session_ended(
    world: World, rented_from: FakeProvider
) -> None:
    """2.14: no machine is forgotten by a change of configuration."""
    session_id = create(world).id
    launch(world.deps, session_id, 1)
    world.deps = replace(world.deps, enabled_providers=("vastai",))
    assert reconcile(world.deps, "tensordock").ours == 1
    assert refresh_inventory(world.deps, "tensordock").error == "not_enabled"


def test_readiness_waits_for_the_secret_of_each_enabled_provider(
    world: World, rented_from: FakeProvider
) -> None:
    assert "secret of tensordock not read yet" in health.waiting_for(world.deps)
    world.clock.tick(60)
    refresh_inventory(world.deps, "tensordock")
    assert "secret of tensordock not read yet" not in health.waiting_for(world.deps)


@pytest.mark.usefixtures("rented_from")
def test_a_location_without_capacity_is_no_withdrawn_offer(
    world: World, rented_from: FakeProvider
) -> None:
    rented_from.errors["launch"] = [NoCapacity("No available nodes found")]
    launch(world.deps, create(world).id, 1)
    assert get_offer(world.deps, "tensordock", OFFER.id).offer == OFFER
