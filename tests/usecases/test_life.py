"""A session from request to proven end, step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_shopper.core.instances import Health, Instance, Launched, SshAddress
from gpu_shopper.core.inventory import Shown
from gpu_shopper.core.polling import SshResult, SshTry
from gpu_shopper.core.session import LaunchState, Outcome, Session
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors import (
    DuplicateSession,
    HardMaxExceeded,
    IllegalTransition,
    LaunchUncertain,
    NoCapacity,
    OfferGone,
    OfferNotFound,
    PriceAboveMax,
    ProviderAuth,
    ProviderNotUsable,
    ProviderUnavailable,
    RateLimited,
    RentedDespiteError,
    SessionNotFound,
    StaleInventory,
)
from gpu_shopper.usecases import provision, sessions
from gpu_shopper.usecases.deps import Deps, StepResult
from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.provision import accepted, launch
from gpu_shopper.usecases.teardown import ask, prove
from gpu_shopper.usecases.verify import verify
from tests.builders import an_instance, an_offer
from tests.world import ALICE, BOB, FakeProbe, World

LOOK, VERIFY, DONE = StepResult("look"), StepResult("verify"), StepResult("done")


def running(world: World) -> str:
    """A session brought to running; its id."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    look(world.deps, session_id, 1)
    verify(world.deps, FakeProbe(), session_id, 1)
    assert world.session(session_id).state is State.RUNNING
    return session_id


def torn_down(world: World, session_id: str) -> None:
    """Run teardown rounds until the session has ended."""
    for _ in range(40):
        result = ask(world.deps, session_id, 1)
        world.clock.tick(result.wait_s)
        if result.outcome == "prove":
            result = prove(world.deps, session_id, 1)
        if result.outcome == "done":
            return
    raise AssertionError("never torn down")


def test_a_session_is_launched_verified_used_stopped_and_proven_gone(world: World) -> None:
    """M-8: the whole life, with the machine gone before the session is."""
    session_id = world.create().session.id
    assert launch(world.deps, session_id, 1) == LOOK
    assert look(world.deps, session_id, 1) == VERIFY
    assert verify(world.deps, FakeProbe(), session_id, 1) == DONE
    assert world.session(session_id).state is State.RUNNING
    sessions.request_stop(world.deps, ALICE, session_id)
    torn_down(world, session_id)
    ended = world.session(session_id)
    assert (ended.state, ended.end_reason) == (State.STOPPED, EndReason.USER_REQUESTED)
    assert world.vast.instances == {}
    assert ended.stopped_at == world.clock.at
    assert ended.probe_key_sealed is None


def test_the_attempt_and_its_label_are_written_before_the_provider_is_called(
    world: World,
) -> None:
    """X-27: at the moment of the call the store already knows the machine's label."""
    session_id = world.create().session.id
    seen = []
    world.vast.before["launch"] = lambda: seen.append(world.session(session_id))
    launch(world.deps, session_id, 1)
    (written,) = seen
    assert written.state is State.PROVISIONING
    assert written.attempt.launch is LaunchState.CALLED
    assert world.vast.calls[0] == ("launch", written.attempt.label)


def test_a_launch_delivered_twice_rents_once(world: World) -> None:
    """N-29: the second delivery finds the work done."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    assert launch(world.deps, session_id, 1) == LOOK
    assert world.vast.count("launch") == 1


def test_a_lost_launch_answer_is_looked_up_and_the_machine_adopted(world: World) -> None:
    """X-27: never a second launch."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [LaunchUncertain("cut off")]
    world.vast.rents_despite_error = True
    assert launch(world.deps, session_id, 1) == LOOK
    assert look(world.deps, session_id, 1) == LOOK
    assert world.session(session_id).attempt.instance_id == "5001"
    assert "instance_adopted" in world.operations()
    assert look(world.deps, session_id, 1) == VERIFY
    assert world.vast.count("launch") == 1
    assert len(world.vast.keys["5001"]) == 2


def test_a_key_that_could_not_be_attached_is_told_and_tried_again(world: World) -> None:
    """QA-C1: one warning; the next look puts the keys there."""
    world.vast.key_errors = ["503", "503", None]
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    look(world.deps, session_id, 1)
    assert "5001" not in world.vast.keys
    look(world.deps, session_id, 1)
    session = world.session(session_id)
    assert world.vast.keys["5001"] == {session.wish.ssh_public_key, session.probe_public_key}
    assert [one.code for one in session.warnings] == ["ssh_key_attach_failed"]


def test_an_unclear_launch_that_rented_nothing_fails_after_two_listings(world: World) -> None:
    """N-19, M-105: 60 s after the call, and 30 s apart; not a listing earlier."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [LaunchUncertain("cut off")]
    launch(world.deps, session_id, 1)
    listings = 0
    while world.session(session_id).state is State.PROVISIONING:
        result = look(world.deps, session_id, 1)
        listings += 1
        if result.outcome == "done":
            break
        world.clock.tick(result.wait_s)
        assert listings < 20
    ended = world.session(session_id)
    assert (ended.state, ended.end_reason) == (State.FAILED, EndReason.PROVIDER_UNAVAILABLE)
    assert (world.clock.at - ended.created_at).total_seconds() >= 90
    assert world.vast.count("launch") == 1


def test_an_unclear_launch_is_not_judged_while_listings_fail(world: World) -> None:
    """N-19: after five minutes the session is stopping, and still not over."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [LaunchUncertain("cut off")]
    world.vast.errors["list_instances"] = [ProviderUnavailable("down")]
    launch(world.deps, session_id, 1)
    while world.session(session_id).state is State.PROVISIONING:
        world.clock.tick(look(world.deps, session_id, 1).wait_s)
    stopping = world.session(session_id)
    assert (stopping.state, stopping.end_reason) == (
        State.STOPPING,
        EndReason.PROVISION_TIMEOUT,
    )
    for _ in range(50):
        world.clock.tick(ask(world.deps, session_id, 1).wait_s)
    assert world.session(session_id).state is State.STOPPING
    world.vast.errors.clear()
    torn_down(world, session_id)
    assert world.session(session_id).state is State.FAILED


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OfferGone("no_such_ask"), EndReason.STALE_INVENTORY),
        (NoCapacity("sold out"), EndReason.NO_CAPACITY),
        (ProviderAuth("bad key"), EndReason.PROVIDER_AUTH),
    ],
)
def test_a_definite_refusal_ends_the_session_at_once(
    world: World, error: Exception, reason: EndReason
) -> None:
    """M-8, X-10: nothing rented, nothing to pay."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [error]  # type: ignore[list-item]
    assert launch(world.deps, session_id, 1) == DONE
    ended = world.session(session_id)
    assert (ended.state, ended.end_reason) == (State.FAILED, reason)
    assert ended.attempt.outcome is Outcome.REFUSED
    assert ended.attempt.launched_at is None
    assert world.machines.names() == ["provision-r0"]


def test_a_rate_limited_launch_is_tried_again_three_times_and_then_refused(world: World) -> None:
    """2.9: 5, 10, 20 s; a rate limit refuses before anything happens."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [RateLimited("slow down")]
    waits = []
    while (result := launch(world.deps, session_id, 1)).outcome == "launch":
        waits.append(result.wait_s)
        world.clock.tick(result.wait_s)
    assert waits == [5, 10, 20]
    assert world.vast.count("launch") == 4
    assert world.session(session_id).end_reason is EndReason.PROVIDER_UNAVAILABLE


def test_an_instance_rented_despite_an_error_is_torn_down(world: World) -> None:
    """2.9: the reply says error and names an instance."""
    session_id = world.create().session.id
    world.vast.rents_despite_error = True
    world.vast.errors["launch"] = [RentedDespiteError("low bid", instance_id="5001")]
    launch(world.deps, session_id, 1)
    stopping = world.session(session_id)
    assert (stopping.state, stopping.attempt.instance_id) == (State.STOPPING, "5001")
    assert world.machines.names() == ["provision-r0", "teardown-r0"]


def test_a_stop_during_the_launch_call_keeps_the_id_and_ends_the_machine(world: World) -> None:
    """M-65, X-3: the answer comes after the stop; its machine is not forgotten."""
    session_id = world.create().session.id
    world.vast.before["launch"] = lambda: stop(world, session_id)
    launch(world.deps, session_id, 1)
    stopping = world.session(session_id)
    assert (stopping.state, stopping.attempt.instance_id) == (State.STOPPING, "5001")
    torn_down(world, session_id)
    assert world.vast.instances == {}


def stop(world: World, session_id: str) -> None:
    sessions.request_stop(world.deps, ALICE, session_id)


def test_a_stop_before_the_launch_ends_at_the_first_step(world: World) -> None:
    """M-107: nothing was sent, so nothing needs to be proven."""
    session_id = world.create().session.id
    stop(world, session_id)
    assert ask(world.deps, session_id, 1) == DONE
    ended = world.session(session_id)
    assert (ended.state, ended.attempt.outcome) == (State.STOPPED, Outcome.REFUSED)
    assert world.vast.calls == []


def test_ssh_succeeding_after_a_stop_changes_nothing(world: World) -> None:
    """M-32, M-65: stopping never becomes running."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    look(world.deps, session_id, 1)
    stop(world, session_id)
    assert verify(world.deps, FakeProbe(), session_id, 1) == DONE
    assert world.session(session_id).state is State.STOPPING


def test_ssh_succeeding_while_a_stop_is_written_changes_nothing(world: World) -> None:
    """M-32: the try was under way when the caller stopped."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    look(world.deps, session_id, 1)

    class StoppedMeanwhile(FakeProbe):
        def __call__(self, *args: Any) -> SshTry:
            stop(world, session_id)
            return super().__call__(*args)

    assert verify(world.deps, StoppedMeanwhile(), session_id, 1) == DONE
    assert world.session(session_id).state is State.STOPPING


def test_two_executions_at_once_launch_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """N-29: the second one wrote its intention while the first read the offer."""
    session_id = world.create().session.id
    real = provision._still_wanted

    def overtaken(deps: Deps, session: Session) -> Shown:
        monkeypatch.setattr(provision, "_still_wanted", real)
        launch(world.deps, session_id, 1)
        return real_before_it_was_withdrawn

    real_before_it_was_withdrawn = real(world.deps, world.session(session_id))
    monkeypatch.setattr(provision, "_still_wanted", overtaken)
    assert launch(world.deps, session_id, 1) == LOOK
    assert world.vast.count("launch") == 1


def test_a_second_call_after_a_rate_limit_starts_the_proof_anew(world: World) -> None:
    """N-19: listings made after the refused call say nothing about the one under way."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [RateLimited("slow down", retry_after_s=60)]
    world.clock.tick(launch(world.deps, session_id, 1).wait_s)
    world.vast.errors["launch"] = [LaunchUncertain("cut off")]
    seen = []

    def stopped_and_judged() -> None:
        stop(world, session_id)
        for _ in range(3):
            ask(world.deps, session_id, 1)
            world.clock.tick(33)
        seen.append(world.session(session_id).state)

    world.vast.before["launch"] = stopped_and_judged
    world.vast.rents_despite_error = True
    launch(world.deps, session_id, 1)
    assert seen == [State.STOPPING]
    torn_down(world, session_id)
    assert world.vast.instances == {}


def adopted_during(world: World, method: str, session_id: str) -> None:
    """While the provider answers `method`, another function finds the machine by its label."""

    def adopt() -> None:
        world.vast.instances["5001"] = an_instance(label=world.session(session_id).attempt.label)
        session = world.session(session_id)
        accepted(world.deps, session, Launched(instance_id="5001"), "instance_adopted")

    world.vast.before[method] = adopt


def test_a_refusal_is_worth_nothing_once_the_machine_was_found(world: World) -> None:
    """N-19, N-68: failed is not written beside a living machine."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [NoCapacity("sold out")]
    adopted_during(world, "launch", session_id)
    assert launch(world.deps, session_id, 1) == LOOK
    session = world.session(session_id)
    assert (session.state, session.attempt.instance_id) == (State.PROVISIONING, "5001")


def test_a_listing_is_worth_nothing_once_the_machine_was_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-19: the second listing without the label, and an adoption before it is written."""
    session_id = world.create().session.id
    world.vast.errors["launch"] = [LaunchUncertain("cut off")]
    launch(world.deps, session_id, 1)
    world.clock.tick(61)
    look(world.deps, session_id, 1)
    world.clock.tick(31)

    def empty_then_adopted() -> list[Instance]:
        adopted_during(world, "after", session_id)
        world.vast.before.pop("after")()
        return []

    monkeypatch.setattr(world.vast, "list_instances", empty_then_adopted)
    assert look(world.deps, session_id, 1) == LOOK
    session = world.session(session_id)
    assert (session.state, session.attempt.instance_id) == (State.PROVISIONING, "5001")


def test_an_answer_that_says_nothing_breaks_a_row_of_failures(world: World) -> None:
    """2.9: failed, unknown, failed is not twice in a row."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    dead = replace(world.vast.instances["5001"], health=Health.FAILED, status="exited")
    world.vast.instances["5001"] = dead
    look(world.deps, session_id, 1)
    world.vast.errors["find"] = [ProviderUnavailable("down")]
    look(world.deps, session_id, 1)
    world.vast.errors.clear()
    look(world.deps, session_id, 1)
    assert world.session(session_id).state is State.PROVISIONING


def test_a_try_at_an_address_that_changed_meanwhile_proves_nothing(world: World) -> None:
    """2.10: running means that this address was verified."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    look(world.deps, session_id, 1)

    class MovedMeanwhile(FakeProbe):
        def __call__(self, *args: Any) -> SshTry:
            moved = replace(world.vast.instances["5001"], ssh=SshAddress("203.0.113.8", 1, "root"))
            world.vast.instances["5001"] = moved
            look(world.deps, session_id, 1)
            return super().__call__(*args)

    assert verify(world.deps, MovedMeanwhile(), session_id, 1) == LOOK
    assert world.session(session_id).state is State.PROVISIONING


def test_a_machine_without_an_address_fails_at_the_deadline(world: World) -> None:
    """M-111: the session's own deadline, from the launch; no other rule shortens it."""
    world.vast.address = None
    session_id = world.create(ssh_timeout_min=1).session.id
    launch(world.deps, session_id, 1)
    while world.session(session_id).state is State.PROVISIONING:
        world.clock.tick(look(world.deps, session_id, 1).wait_s)
    stopping = world.session(session_id)
    assert stopping.end_reason is EndReason.SSH_TIMEOUT
    assert 60 <= (world.clock.at - stopping.created_at).total_seconds() < 80


def test_verification_waits_5_8_12_15_seconds_and_ends_at_the_deadline(world: World) -> None:
    """N-32, N-33, M-21: 5, 7.5, 11.25, 15 … rounded up; ssh_timeout never before its time."""
    session_id = world.create(ssh_timeout_min=2).session.id
    launch(world.deps, session_id, 1)
    probe, waits = FakeProbe([SshResult.CONNECTION_REFUSED]), []
    while world.session(session_id).state is State.PROVISIONING:
        result = look(world.deps, session_id, 1)
        if result.outcome == "verify":
            result = verify(world.deps, probe, session_id, 1)
        if result.outcome == "look":
            waits.append(result.wait_s)
            world.clock.tick(result.wait_s)
    assert waits[:5] == [5, 8, 12, 15, 15]
    stopping = world.session(session_id)
    assert (stopping.state, stopping.end_reason) == (State.STOPPING, EndReason.SSH_TIMEOUT)
    assert 120 <= (world.clock.at - stopping.created_at).total_seconds() < 140
    torn_down(world, session_id)
    assert world.session(session_id).state is State.FAILED


def test_an_instance_that_fails_on_two_polls_fails_the_attempt(world: World) -> None:
    """BUG-011: one poll is not enough, the second is."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    dead = replace(world.vast.instances["5001"], health=Health.FAILED, status="exited")
    world.vast.instances["5001"] = dead
    assert look(world.deps, session_id, 1).outcome == "look"
    assert world.session(session_id).state is State.PROVISIONING
    look(world.deps, session_id, 1)
    assert world.session(session_id).end_reason is EndReason.INSTANCE_STOPPED


def test_provider_errors_while_looking_only_wait(world: World) -> None:
    """N-19: an error says nothing about the machine."""
    session_id = world.create().session.id
    launch(world.deps, session_id, 1)
    world.vast.errors["find"] = [ProviderUnavailable("down")]
    for _ in range(5):
        assert look(world.deps, session_id, 1).outcome == "look"
    assert world.session(session_id).state is State.PROVISIONING


def test_a_teardown_never_gives_up_while_the_provider_is_down(world: World) -> None:
    """M-103, N-21: an hour of errors, one alarm's worth of failure, then proof."""
    session_id = running(world)
    stop(world, session_id)
    for method in ("terminate", "find", "list_instances"):
        world.vast.errors[method] = [ProviderUnavailable("down")]
    started = world.clock.at
    while (world.clock.at - started).total_seconds() < 3_600:
        result = ask(world.deps, session_id, 1)
        assert result.wait_s <= 50
        world.clock.tick(result.wait_s)
        assert prove(world.deps, session_id, 1).outcome == "ask"
    assert world.operations().count("destroy_failing") == 1
    assert world.session(session_id).state is State.STOPPING
    world.vast.errors.clear()
    torn_down(world, session_id)
    assert world.session(session_id).state is State.STOPPED


def test_evidence_younger_than_a_minute_after_launch_does_not_count(world: World) -> None:
    """2.11: listings lag; the same evidence counts at 60 s."""
    session_id = running(world)
    stop(world, session_id)
    ask(world.deps, session_id, 1)
    world.clock.tick(59)
    assert prove(world.deps, session_id, 1).outcome == "ask"
    world.clock.tick(1)
    assert prove(world.deps, session_id, 1).outcome == "done"


def test_a_terminate_that_is_accepted_and_ignored_is_asked_again(world: World) -> None:
    """2.11: accepted is not gone."""
    session_id = running(world)
    stop(world, session_id)
    world.vast.ignores_terminate = True
    world.clock.tick(60)
    for _ in range(3):
        world.clock.tick(ask(world.deps, session_id, 1).wait_s)
        assert prove(world.deps, session_id, 1).outcome == "ask"
    world.vast.ignores_terminate = False
    torn_down(world, session_id)
    assert world.vast.count("terminate") == 4


def test_stopping_twice_is_one_stop(world: World) -> None:
    """M-6: one teardown, one audit event."""
    session_id = running(world)
    stop(world, session_id)
    stop(world, session_id)
    assert world.operations().count("session_stopping") == 1
    assert world.machines.names() == ["provision-r0", "teardown-r0"]


def test_an_ended_session_refuses_done_and_shows_itself_to_delete(world: World) -> None:
    """M-27: nothing more happens to it."""
    session_id = world.create().session.id
    stop(world, session_id)
    torn_down(world, session_id)
    with pytest.raises(IllegalTransition):
        stop(world, session_id)
    assert sessions.destroy(world.deps, ALICE, session_id).state is State.STOPPED


def test_a_consumer_holds_an_offer_once_until_its_session_stops(world: World) -> None:
    """M-47: also after our own rental took the offer off the list."""
    first = world.create().session
    with pytest.raises(DuplicateSession) as refused:
        world.create()
    assert refused.value.extra["session_id"] == first.id
    launch(world.deps, first.id, 1)
    with pytest.raises(DuplicateSession):
        world.create()
    with pytest.raises(StaleInventory):
        world.create(BOB)
    stop(world, first.id)
    world.clock.tick(1)
    world.publish()
    assert world.create().session.id != first.id


def test_an_offer_is_refused_by_age_by_absence_and_by_price(world: World) -> None:
    """M-110, N-77: and nothing is left behind."""
    with pytest.raises(OfferNotFound):
        world.create(offer_id="vastai-9")
    with pytest.raises(PriceAboveMax):
        world.create(max_price_microusd_per_hour=399_999)
    world.create(max_price_microusd_per_hour=400_000)
    world.clock.tick(601)
    with pytest.raises(ProviderNotUsable):
        world.create(BOB)


def test_an_offer_that_became_dearer_is_not_launched(world: World) -> None:
    """N-77: the newest snapshot decides before the call."""
    session_id = world.create(max_price_microusd_per_hour=400_000).session.id
    world.clock.tick(10)
    world.publish([an_offer(price_microusd_per_hour=400_001)])
    assert launch(world.deps, session_id, 1) == DONE
    assert world.session(session_id).end_reason is EndReason.PRICE_ABOVE_MAX
    assert world.vast.calls == []


def test_extensions_stop_at_twelve_hours_in_all(world: World) -> None:
    """M-7, X-7: 2 + 10 passes, one more does not, however young the session is."""
    session_id = running(world)
    longer = sessions.extend(world.deps, ALICE, session_id, 10)
    assert longer.reservation_hours == 12
    assert (longer.expires_at - longer.created_at).total_seconds() == 12 * 3_600
    with pytest.raises(HardMaxExceeded):
        sessions.extend(world.deps, ALICE, session_id, 1)


def test_an_extension_needs_a_running_session_that_has_not_expired(world: World) -> None:
    """M-18: at expires_at it is too late, one second before it is not."""
    session_id = running(world)
    world.clock.tick(7_199)
    sessions.extend(world.deps, ALICE, session_id, 1)
    world.clock.tick(3_601)
    with pytest.raises(IllegalTransition):
        sessions.extend(world.deps, ALICE, session_id, 1)


def test_somebody_elses_session_does_not_exist(world: World) -> None:
    """M-1: reading, stopping and extending alike."""
    session_id = running(world)
    for act in (sessions.get, sessions.request_stop, sessions.destroy):
        with pytest.raises(SessionNotFound):
            act(world.deps, BOB, session_id)
    with pytest.raises(SessionNotFound):
        sessions.extend(world.deps, BOB, session_id, 1)
