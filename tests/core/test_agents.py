"""What follows from heartbeats, and what does not."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from gpu_shopper.core.agents import (
    ROOM_CHARS,
    AgentStatus,
    Beat,
    due_at,
    end_of,
    install_command,
    is_our_fault,
    status_of,
)
from gpu_shopper.core.instances import HostKey
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.session import Session
from gpu_shopper.core.ssh_keys import bare_key
from gpu_shopper.core.states import Event, State
from gpu_shopper.providers.host_keys import install
from gpu_shopper.ssh.keys import new_pair
from tests.builders import NOON, SESSION_ID, SETTINGS, a_session, an_attempt, later

TOKEN = "t" * 43


def watched(threshold_min: int = 30, **changes: object) -> Session:
    session = a_session(**changes)
    return replace(
        session, wish=replace(session.wish, agent=True, idle_threshold_min=threshold_min)
    )


def a_beat(idle_s: int | None = None, **changes: object) -> Beat:
    beat = Beat(session_id=SESSION_ID, attempt=1, at=NOON, idle_s=idle_s)
    return replace(beat, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("idle_s", "threshold_min", "event"),
    [
        (1_800, 30, None),
        (1_801, 30, Event.IDLE),
        (10**6, 0, None),
        (None, 30, None),
        (0, 30, None),
        (61, 1, Event.IDLE),
        (43_200, 720, None),
        (43_201, 720, Event.IDLE),
    ],
)
def test_idle_is_strictly_longer_than_the_threshold_and_never_unknown(
    idle_s: int | None, threshold_min: int, event: Event | None
) -> None:
    """N-63, X-17: threshold 0 is never."""
    assert end_of(watched(threshold_min), a_beat(idle_s), later(1), SETTINGS) is event


@pytest.mark.parametrize(
    ("age_s", "event"),
    [
        (0, Event.IDLE),
        (90, Event.IDLE),
        (90.001, None),
        (300, None),
        (300.001, Event.HEARTBEAT_TIMEOUT),
    ],
)
def test_an_old_heartbeat_says_nothing_of_idleness_and_then_is_silence(
    age_s: float, event: Event | None
) -> None:
    """N-63: idle needs a heartbeat of at most 90 s, silence is more than 5 minutes."""
    assert end_of(watched(), a_beat(10_000), later(age_s), SETTINGS) is event


@pytest.mark.parametrize("state", [one for one in State if one is not State.RUNNING])
def test_only_a_running_session_ends_by_its_agent(state: State) -> None:
    for at in (later(1), later(1_000)):
        assert end_of(watched(state=state), a_beat(10_000), at, SETTINGS) is None


def test_the_heartbeats_of_an_earlier_attempt_say_nothing_of_this_one() -> None:
    attempts = (an_attempt(), an_attempt(number=2))
    for at in (later(1), later(1_000)):
        assert end_of(watched(attempts=attempts), a_beat(10_000), at, SETTINGS) is None


@pytest.mark.parametrize(
    ("beat", "age_s", "status"),
    [
        (None, 0, AgentStatus.WAITING),
        (a_beat(), 90, AgentStatus.REPORTING),
        (a_beat(), 90.001, AgentStatus.SILENT),
    ],
)
def test_the_agent_waits_reports_or_is_silent(
    beat: Beat | None, age_s: float, status: AgentStatus
) -> None:
    assert status_of(beat, later(age_s), SETTINGS) is status


def test_a_heartbeat_is_looked_at_when_it_becomes_silence_or_at_once_when_idle() -> None:
    assert due_at(a_beat(1_800), 30, SETTINGS) == later(300)
    assert due_at(a_beat(1_801), 30, SETTINGS) == NOON
    assert due_at(a_beat(10**6), 0, SETTINGS) == later(300)


def agents(*last_s: float) -> list[Beat]:
    """Agents whose last heartbeats came so many seconds after noon."""
    return [a_beat(session_id=str(n), at=later(at)) for n, at in enumerate(last_s)]


@pytest.mark.parametrize(
    ("last_s", "ours"),
    [
        ([0, 0], True),
        ([0, 15, 29], True),
        ([0], False),
        ([0, 300], False),
        ([0, 0, 300, 300], False),
        ([0, 0, 300], True),
        ([0, -600, -700], False),
        ([0, -299], True),
    ],
)
def test_silence_of_more_than_half_and_at_least_two_at_a_time_is_our_fault(
    last_s: list[float], ours: bool
) -> None:
    """2.12: looked at 301 s after noon, when those of noon have fallen silent."""
    known = agents(*last_s)
    assert is_our_fault(known[0], known, later(301), SETTINGS) is ours


def test_the_first_to_be_judged_in_an_outage_is_not_alone() -> None:
    """Its heartbeat was only the first of those that nobody took."""
    known = agents(0, *range(1, 30))
    assert is_our_fault(known[0], known, later(301), SETTINGS) is True


def test_the_command_fits_into_the_room_that_is_kept_for_it() -> None:
    """Also with a long address, so that a start-up command has the rest."""
    command = install_command(a_session(), TOKEN, "https://" + "a" * 130 + ".example")
    assert len(command) <= ROOM_CHARS


def test_the_agent_and_a_host_key_fit_at_every_provider() -> None:
    """2.10: with the address that AWS gives an API."""
    url = "https://abcdefghij.execute-api.ap-southeast-2.amazonaws.com/prod"
    pair = new_pair("gpu-shopper-host")
    key = HostKey(public=bare_key(pair.public_line), private_pem=pair.private_pem)
    lines = [*install(key), install_command(a_session(), TOKEN, url)]
    room = min(facts.start_up_chars for facts in FACTS.values())
    assert len("\n".join(lines)) <= room


def test_the_command_is_one_line_that_a_shell_reads_as_meant() -> None:
    command = install_command(a_session(), TOKEN, "https://api.example/prod?a='b c'")
    assert "\n" not in command
    words = shlex.split(command)
    assert any(word.endswith(f"SHOPPER_SESSION_ID={SESSION_ID}") for word in words)
    assert f"SHOPPER_AGENT_TOKEN={TOKEN}" in words
    assert "SHOPPER_EXPIRES_AT=2026-02-07T14:00:00.000Z" in words
    assert "SHOPPER_URL=https://api.example/prod?a='b c'" in words
