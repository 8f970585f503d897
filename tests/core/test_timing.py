"""Waits, deadlines and what the sweep does when, without a clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gpu_shopper.core.deadlines import (
    End,
    NoteDelay,
    Restart,
    TellExpiry,
    due_action,
    due_at,
    ready_within_min,
)
from gpu_shopper.core.inventory import staleness_factor
from gpu_shopper.core.life import apply
from gpu_shopper.core.polling import (
    SshResult,
    SshTry,
    after_try,
    login_is_refused,
    lookup_wait_s,
    poll_wait_s,
    round_is_over,
    round_rest_s,
    teardown_wait_s,
    throttled_wait_s,
)
from gpu_shopper.core.session import LaunchState, Session, Verification
from gpu_shopper.core.states import Actor, EndReason, Event, State
from tests.builders import NOON, SETTINGS, a_session, an_attempt, later


@pytest.mark.parametrize(
    ("age_s", "factor"),
    [
        (-5, 1),
        (0, 1),
        (119, 1),
        (120, 1),
        (165, 0.875),
        (210, 0.75),
        (255, 0.625),
        (299, 0.50278),
        (300, 0.5),
        (600, 0.5),
    ],
)
def test_how_far_an_offer_of_an_age_is_trusted(age_s: float, factor: float) -> None:
    """M-52: the contract's table."""
    assert staleness_factor(age_s, SETTINGS) == pytest.approx(factor, abs=1e-5)


@pytest.mark.parametrize(
    ("age_s", "wait_s", "over"),
    [(0, 0, False), (134.999, 15, False), (135, 15, True), (149.999, 0, False), (150, 0, True)],
)
def test_a_round_is_over_when_its_next_step_would_begin_too_late(
    age_s: float, wait_s: int, over: bool
) -> None:
    assert round_is_over(NOON, later(seconds=age_s), wait_s, SETTINGS) is over


@pytest.mark.parametrize(
    ("age_s", "wait_s", "rest_s"),
    [(150, 15, 15), (240, 50, 50), (240, 51, 50), (240.5, 50, 49), (290, 15, 0), (400, 15, 0)],
)
def test_a_round_that_is_over_waits_no_longer_than_aws_leaves_it(
    age_s: float, wait_s: int, rest_s: int
) -> None:
    """A lookup that took a minute would wait another one, and the round be cut off in it."""
    assert round_rest_s(NOON, later(seconds=age_s), wait_s) == rest_s


def test_the_waits_of_each_loop() -> None:
    """M-21, N-32, M-4: 5, 7.5, 11.25, 15 rounded up; 5 per round to 50; 5 doubled to 60."""
    assert [poll_wait_s(n, SETTINGS) for n in range(6)] == [5, 8, 12, 15, 15, 15]
    assert [teardown_wait_s(n, SETTINGS) for n in (1, 2, 10, 11, 400)] == [5, 10, 50, 50, 50]
    assert sum(teardown_wait_s(n, SETTINGS) for n in range(1, 11)) == 275
    assert [lookup_wait_s(n, SETTINGS) for n in range(6)] == [5, 10, 20, 40, 60, 60]
    assert [throttled_wait_s(n, None, SETTINGS) for n in (1, 2, 3)] == [5, 10, 20]
    assert throttled_wait_s(1, 7.2, SETTINGS) == 8


@pytest.mark.parametrize("times", [1_000, 10**9])
def test_waits_never_overflow(times: int) -> None:
    """QA-H4: the cap, however often."""
    assert poll_wait_s(times, SETTINGS) == SETTINGS.ssh_poll_cap_s
    assert lookup_wait_s(times, SETTINGS) == SETTINGS.launch_lookup_wait_cap_s
    assert teardown_wait_s(times, SETTINGS) == SETTINGS.teardown_wait_cap_s
    assert 0 < throttled_wait_s(times, None, SETTINGS) < 1_000


def tried(*results: tuple[SshResult, float]) -> Verification:
    seen = Verification()
    for result, seconds in results:
        seen = after_try(seen, SshTry(result), later(seconds), SETTINGS)
    return seen


REFUSED, CLOSED = SshResult.AUTH_FAILED, SshResult.CONNECTION_CLOSED


@pytest.mark.parametrize(
    ("tries", "ends"),
    [
        ([(REFUSED, 0), (REFUSED, 60), (REFUSED, 75), (REFUSED, 90)], True),
        ([(REFUSED, n * 15) for n in range(6)], False),
        ([(REFUSED, 0), (CLOSED, 30), (REFUSED, 60), (REFUSED, 75), (REFUSED, 90)], True),
        ([(REFUSED, 0), (CLOSED, 30), (REFUSED, 59), (REFUSED, 75), (REFUSED, 90)], False),
        ([(REFUSED, 0), (CLOSED, 30), (REFUSED, 60), (REFUSED, 75)], False),
        ([(REFUSED, 0), (REFUSED, 60), (CLOSED, 70), (REFUSED, 75), (REFUSED, 90)], False),
        ([(CLOSED, 0), (REFUSED, 60), (REFUSED, 75), (REFUSED, 90)], False),
        ([(CLOSED, n * 15) for n in range(20)], False),
    ],
)
def test_when_refused_logins_end_an_attempt(
    tries: list[tuple[SshResult, float]], ends: bool
) -> None:
    """N-34, X-13: three in a row, the first 60 s after the first try that reached a server."""
    assert login_is_refused(tried(*tries), SETTINGS) is ends


def due(session: Session, seconds: float) -> object:
    return due_action(session, later(seconds), SETTINGS)


def test_a_pending_session_is_restarted_and_then_refused() -> None:
    """M-8: 60 s, 120 s."""
    pending = a_session(state=State.PENDING, attempts=(an_attempt(launch=LaunchState.PLANNED),))
    assert due(pending, 59) is None
    assert due(pending, 60) == Restart()
    assert due(pending, 120) == End(Event.REFUSE_LAUNCH, EndReason.PROVISION_TIMEOUT)


def test_a_provisioning_session_without_id_has_five_minutes() -> None:
    """M-105: from the launch call on."""
    attempt = an_attempt(launch=LaunchState.CALLED, instance_id=None, launched_at=None)
    session = a_session(state=State.PROVISIONING, attempts=(attempt,), next_step_at=later(1_000))
    assert due(session, 299) is None
    assert due(session, 300) == End(Event.FAIL_PROVISIONING, EndReason.PROVISION_TIMEOUT)


def test_a_provisioning_session_has_its_own_deadline() -> None:
    """BUG-005, X-8: 20 minutes are 20 minutes, plus a minute of grace."""
    wish = replace(a_session().wish, ssh_timeout_min=20)
    session = a_session(state=State.PROVISIONING, wish=wish, next_step_at=later(5_000))
    assert due(session, 1_259) is None
    assert due(session, 1_260) == End(Event.FAIL_PROVISIONING, EndReason.SSH_TIMEOUT)


def test_the_hard_max_comes_before_the_expiry() -> None:
    """2.15: the first matching row wins."""
    at = later(100)
    session = a_session(expires_at=at, hard_max_at=at, expiry_told=at)
    assert due(session, 99) is None
    assert due(session, 100) == End(Event.HARD_MAX)


def test_an_expiry_is_told_half_an_hour_before_it_and_once() -> None:
    """N-76."""
    session = a_session(next_check_at=later(9_000))
    notice_s = 7_200 - 30 * 60
    assert due(session, notice_s - 1) is None
    assert due(session, notice_s) == TellExpiry()
    assert due(replace(session, expiry_told=session.expires_at), notice_s) is None
    longer = replace(session, expiry_told=session.expires_at, expires_at=later(10_800))
    assert due(longer, notice_s + 3_599) is None
    assert due(longer, notice_s + 3_600) == TellExpiry()


def test_a_stopping_session_is_never_given_up() -> None:
    """N-21: told once after five minutes, restarted whenever its execution died, for ever."""
    session = a_session(state=State.STOPPING, stopping_at=NOON, next_step_at=later(10))
    assert due(session, 69) is None
    assert due(session, 70) == Restart()
    assert due(session, 300) == NoteDelay()
    noted = replace(session, stop_delay_noted=True)
    assert due(noted, 10**7) == Restart()


def test_a_stop_in_the_middle_of_a_launch_is_looked_at_after_a_minute() -> None:
    """2.14: its teardown may never have started; the launch call's own time does not matter."""
    launching = a_session(state=State.PROVISIONING, next_step_at=later(90))
    stopping = apply(launching, Event.REQUEST_STOP, Actor.API, later(5))
    assert due(stopping, 64) is None
    assert due(stopping, 65) == Restart()


@pytest.mark.parametrize("state", list(State))
def test_exactly_live_sessions_have_an_instant_to_be_looked_at(state: State) -> None:
    """I6."""
    session = a_session(state=state)
    assert (due_at(session, SETTINGS) is not None) is session.is_live


def test_due_at_is_the_first_instant_at_which_something_is_due() -> None:
    """I6: not a second before."""
    for state in (State.PENDING, State.PROVISIONING, State.RUNNING, State.STOPPING):
        session = a_session(state=state)
        at = due_at(session, SETTINGS)
        assert at is not None
        assert due_action(session, at, SETTINGS) is not None
        assert due_action(session, at - timedelta(seconds=1), SETTINGS) is None


@pytest.mark.parametrize(
    ("image", "minutes"),
    [
        (None, 10),
        ("nvidia/cuda:12.6.3-runtime-ubuntu22.04", 10),
        ("vllm/vllm-openai:latest", 15),
        ("nvcr.io/NVIDIA/NeMo:24.07", 15),
        ("org/Megatron-LM", 15),
        ("ghcr.io/huggingface/text-generation-inference:latest", 12),
        ("me/tgi", 12),
        ("nvcr.io/nvidia/tensorrt", 12),
        ("deepspeed/deepspeed", 12),
        ("ollama/ollama", 12),
        ("nvcr.io/nvidia/tritonserver:24.08-py3", 12),
        ("nvcr.io/nvidia/tritonserver:24.08-vllm-python-py3", 15),
    ],
)
def test_the_image_s_name_decides_how_long_an_attempt_may_take(
    image: str | None, minutes: int
) -> None:
    """BUG-005: part of the name, in any case; the longest that fits."""
    assert ready_within_min(image, SETTINGS) == minutes
