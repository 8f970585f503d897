"""apply, conclude and extended: the table as functions."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from gpu_shopper.core.evidence import Absence, Proof
from gpu_shopper.core.labels import Label
from gpu_shopper.core.life import (
    apply,
    conclude,
    evolve,
    fail_attempt,
    planned_attempt,
    try_next,
)
from gpu_shopper.core.reservations import extended
from gpu_shopper.core.session import Attempt, LaunchState, Outcome, Session
from gpu_shopper.core.states import TERMINAL, Actor, EndReason, Event, State, row_for
from gpu_shopper.errors import IllegalTransition
from tests.builders import (
    ADDRESS,
    DEPLOYMENT,
    SESSION_ID,
    a_session,
    an_attempt,
    an_offer,
    later,
)

GONE = Absence(Proof.GONE, later(100))


@pytest.mark.parametrize(("state", "event", "actor"), list(product(State, Event, Actor)))
def test_what_is_not_in_the_table_is_refused(state: State, event: Event, actor: Actor) -> None:
    """N-20: every (state, event, actor), by both functions."""
    row = row_for(state, event)
    session = a_session(state=state)
    if row is not None and actor in row.actors:
        return
    with pytest.raises(IllegalTransition):
        apply(session, event, actor, later(1))
    with pytest.raises(IllegalTransition):
        conclude(session, event, actor, later(1), GONE)
    if event is Event.RETRY_LAUNCH:
        with pytest.raises(IllegalTransition):
            try_next(session, second(), actor, later(1), GONE, EndReason.GHOST)


def second() -> Attempt:
    """A second attempt, planned at another offer."""
    offer = an_offer(id="vastai-1002", provider_id="1002")
    return planned_attempt(offer, Label(DEPLOYMENT, SESSION_ID, 2), 410_000, later(100))


def tried_next(session: Session, absence: Absence, reason: EndReason) -> Session:
    return try_next(session, second(), Actor.LIFECYCLE, later(100), absence, reason)


def test_apply_refuses_another_attempt_without_evidence() -> None:
    """N-16: the function that starts one asks for an Absence."""
    session = a_session(state=State.PROVISIONING)
    with pytest.raises(TypeError, match="evidence"):
        apply(session, Event.RETRY_LAUNCH, Actor.LIFECYCLE, later(1))


def test_another_attempt_closes_the_one_before_and_starts_from_pending() -> None:
    """N-15, X-5: same session, keys and expiry; nothing of the old machine is left in it."""
    worn = a_session(
        state=State.PROVISIONING,
        attempts=(an_attempt(ssh=ADDRESS),),
        probe_key_sealed="sealed",
        restarts=2,
        teardown_rounds=4,
        terminate_asked_at=later(50),
        stop_delay_noted=True,
    )
    after = tried_next(worn, Absence(Proof.REFUSED, later(99)), EndReason.NO_CAPACITY)
    first, planned = after.attempts
    assert (after.state, after.state_entered_at) == (State.PENDING, later(100))
    assert (after.id, after.expires_at, after.wish) == (worn.id, worn.expires_at, worn.wish)
    assert after.probe_key_sealed == "sealed"
    assert (first.outcome, first.reason) == (Outcome.REFUSED, EndReason.NO_CAPACITY)
    assert (first.ended_at, first.ssh) == (later(99), None)
    assert (planned.number, planned.label) == (2, f"shopper-{DEPLOYMENT}-{SESSION_ID}-2")
    assert (planned.launch, planned.instance_id) == (LaunchState.PLANNED, None)
    assert planned.accepted_price == 410_000
    fresh = (after.restarts, after.teardown_rounds, after.terminate_asked_at)
    assert fresh == (0, 0, None)
    assert (after.stop_delay_noted, after.end_reason, after.stopped_at) == (False, None, None)


def test_an_attempt_is_closed_as_what_it_was() -> None:
    """N-15: failed earlier, lost without our asking, or never rented."""
    session = a_session(state=State.PROVISIONING)
    lost = tried_next(session, GONE, EndReason.GHOST).attempts[0]
    assert (lost.outcome, lost.reason) == (Outcome.LOST, EndReason.GHOST)
    failing = fail_attempt(session, later(50), EndReason.SSH_TIMEOUT, "no SSH")
    failed = tried_next(failing, GONE, EndReason.SSH_TIMEOUT).attempts[0]
    assert (failed.outcome, failed.reason) == (Outcome.FAILED, EndReason.SSH_TIMEOUT)
    assert failed.ended_at == GONE.at


def test_a_failed_attempt_keeps_its_session_where_it_is_without_an_address() -> None:
    """N-16: provisioning goes on, and so does the machine's cost."""
    session = a_session(state=State.PROVISIONING, attempts=(an_attempt(ssh=ADDRESS),))
    failing = fail_attempt(session, later(50), EndReason.SSH_TIMEOUT, "no SSH")
    assert (failing.state, failing.end_reason) == (State.PROVISIONING, None)
    assert (failing.attempt.ssh, failing.attempt.ended_at) == (None, None)
    assert failing.attempt.instance_id == "5001"
    assert failing.is_tearing_down
    assert not session.is_tearing_down


@pytest.mark.parametrize(
    ("event", "actor", "reason"),
    [
        (Event.REQUEST_STOP, Actor.API, EndReason.USER_REQUESTED),
        (Event.FAIL_PROVISIONING, Actor.LIFECYCLE, EndReason.PROVISION_TIMEOUT),
    ],
)
def test_the_end_of_a_session_does_not_rename_what_its_attempt_failed_of(
    event: Event, actor: Actor, reason: EndReason
) -> None:
    """N-15: outcome and reason of the attempt stand."""
    session = a_session(state=State.PROVISIONING)
    failing = fail_attempt(session, later(50), EndReason.SSH_TIMEOUT, "no SSH")
    stopping = apply(failing, event, actor, later(60), reason=reason)
    ended = conclude(stopping, Event.CONFIRM_GONE, Actor.LIFECYCLE, later(100), GONE)
    assert ended.end_reason is reason
    assert (ended.attempt.outcome, ended.attempt.reason) == (
        Outcome.FAILED,
        EndReason.SSH_TIMEOUT,
    )


def test_apply_refuses_to_end_a_session_without_evidence() -> None:
    """N-20: the type system asks for an Absence, and so does the function."""
    session = a_session(state=State.PROVISIONING)
    with pytest.raises(TypeError, match="evidence"):
        apply(session, Event.REFUSE_LAUNCH, Actor.LIFECYCLE, later(1))


def test_a_stop_names_its_reason_and_leaves_the_machine_in_the_record() -> None:
    """X-11: the id stays until absence is proven."""
    stopping = apply(a_session(), Event.REQUEST_STOP, Actor.API, later(5))
    assert stopping.state is State.STOPPING
    assert stopping.end_reason is EndReason.USER_REQUESTED
    assert (stopping.stopping_at, stopping.stopped_at) == (later(5), None)
    assert stopping.attempt.instance_id == "5001"
    assert stopping.version == a_session().version + 1


def test_the_first_reason_is_never_overwritten() -> None:
    """N-21, X-19: a later event, and the proof, keep it."""
    expired = apply(a_session(), Event.EXPIRE, Actor.LIFECYCLE, later(5))
    ended = conclude(expired, Event.CONFIRM_GONE, Actor.LIFECYCLE, later(100), GONE)
    assert (ended.state, ended.end_reason) == (State.STOPPED, EndReason.EXPIRED)


def test_a_failed_attempt_ends_as_failed_and_an_orderly_stop_as_stopped() -> None:
    """N-21: one row, the target is decided by the recorded cause."""
    provisioning = a_session(state=State.PROVISIONING)
    failing = apply(
        provisioning,
        Event.FAIL_PROVISIONING,
        Actor.LIFECYCLE,
        later(5),
        reason=EndReason.SSH_TIMEOUT,
        error="no SSH",
    )
    failed = conclude(failing, Event.CONFIRM_GONE, Actor.LIFECYCLE, later(100), GONE)
    assert (failed.state, failed.error) == (State.FAILED, "no SSH")
    assert (failed.attempt.outcome, failed.attempt.reason) == (
        Outcome.FAILED,
        EndReason.SSH_TIMEOUT,
    )


def test_a_row_with_several_reasons_takes_only_its_own() -> None:
    """2.9: ssh_timeout does not refuse a launch."""
    session = a_session(state=State.PENDING)
    with pytest.raises(ValueError, match="does not end"):
        conclude(
            session,
            Event.REFUSE_LAUNCH,
            Actor.LIFECYCLE,
            later(1),
            GONE,
            reason=EndReason.SSH_TIMEOUT,
        )


def test_an_end_forgets_the_probe_key_and_the_address() -> None:
    """N-37: in the very write that makes the session terminal."""
    stopping = a_session(
        state=State.STOPPING, end_reason=EndReason.EXPIRED, probe_key_sealed="sealed"
    )
    ended = conclude(stopping, Event.CONFIRM_GONE, Actor.RECONCILER, later(100), GONE)
    assert ended.state in TERMINAL
    assert ended.probe_key_sealed is None
    assert (ended.attempt.ssh, ended.attempt.ended_at) == (None, GONE.at)
    assert ended.stopped_at == later(100)


def test_an_extension_adds_hours_and_moves_the_end_by_as_much() -> None:
    """E2E-2: together, in one value."""
    longer = extended(a_session(), 3, later(60))
    assert longer.reservation_hours == 5
    assert longer.expires_at == later(5 * 3_600)
    assert longer.state is State.RUNNING


def test_an_extension_at_the_expiry_is_too_late() -> None:
    """2.15: one second before it is not."""
    extended(a_session(), 1, later(7_199))
    with pytest.raises(IllegalTransition):
        extended(a_session(), 1, later(7_200))


def test_every_change_counts_one_version() -> None:
    """M-32: a write names the version it derives from."""
    session = a_session()
    for after in (
        evolve(session, later(1)),
        extended(session, 1, later(1)),
        apply(session, Event.EXPIRE, Actor.LIFECYCLE, later(1)),
        conclude(session, Event.LOSE_INSTANCE, Actor.RECONCILER, later(1), GONE),
        fail_attempt(session, later(1), EndReason.SSH_TIMEOUT, "no SSH"),
        try_next(
            replace(session, state=State.PROVISIONING),
            second(),
            Actor.LIFECYCLE,
            later(1),
            GONE,
            EndReason.GHOST,
        ),
    ):
        assert after.version == session.version + 1
        assert after.updated_at == later(1)


def test_a_lost_machine_closes_its_attempt_as_lost() -> None:
    """2.13: in provisioning the session fails, in running it is stopped."""
    for state, end in ((State.RUNNING, State.STOPPED), (State.PROVISIONING, State.FAILED)):
        session = a_session(state=state)
        ended = conclude(session, Event.LOSE_INSTANCE, Actor.RECONCILER, later(1), GONE)
        assert (ended.state, ended.attempt.outcome) == (end, Outcome.LOST)


def test_an_ended_attempt_is_not_ended_twice() -> None:
    """X-11: the instant of the proof stands."""
    done = an_attempt(ended_at=later(1), outcome=Outcome.FAILED)
    session = a_session(state=State.STOPPING, end_reason=EndReason.EXPIRED, attempts=(done,))
    ended = conclude(session, Event.CONFIRM_GONE, Actor.LIFECYCLE, later(100), GONE)
    assert ended.attempt == done
    assert replace(ended.attempt, ended_at=later(1)) == done
