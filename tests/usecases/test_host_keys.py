"""The host key of a new machine: made here, sent once, pinned before the first connection."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_shopper.core.instances import HostKey
from gpu_shopper.core.polling import SshResult, SshTry
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.errors.provider import RateLimited
from gpu_shopper.providers.host_keys import install
from gpu_shopper.ssh.keys import new_pair
from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.provision import launch
from gpu_shopper.usecases.verify import verify
from tests.fakes import HOST_KEY, FakeProbe
from tests.usecases.story import running, torn_down
from tests.world import World

READY, CHANGED = SshResult.READY, SshResult.HOST_KEY_CHANGED
LONG = "x" * 4_000


def launched(world: World, **more: Any) -> str:
    """A session whose machine is up, before any login; its id."""
    session_id = world.create(**more).session.id
    launch(world.deps, session_id, 1)
    look(world.deps, session_id, 1)
    return session_id


def probed(world: World, session_id: str, *results: SshResult) -> Session:
    probe = FakeProbe([*results])
    for _ in results:
        verify(world.deps, probe, session_id, 1)
    return world.session(session_id)


def codes(session: Session) -> list[str]:
    return [one.code for one in session.warnings]


def test_the_first_connection_is_checked_against_the_key_that_was_sent(world: World) -> None:
    """N-35: injected, pinned, and no trust on first use."""
    session_id = launched(world)
    sent = world.vast.requests[0].host_key
    assert sent is not None
    pinned: list[str | None] = []

    class Watching(FakeProbe):
        def __call__(self, *args: Any) -> SshTry:
            pinned.append(args[2])
            return super().__call__(*args)

    verify(world.deps, Watching(), session_id, 1)
    attempt = world.session(session_id).attempt
    assert pinned == [sent.public]
    assert (attempt.host_key, attempt.host_key_source) == (sent.public, "injected")
    assert codes(world.session(session_id)) == []


def test_the_key_is_pinned_before_the_provider_is_asked(world: World) -> None:
    """N-35: a launch whose answer is lost has its key too."""
    session_id = world.create().session.id
    seen: list[str | None] = []
    world.vast.before["launch"] = lambda: seen.append(world.session(session_id).attempt.host_key)
    launch(world.deps, session_id, 1)
    assert seen == [world.session(session_id).attempt.host_key] != [None]


def test_the_private_part_is_in_the_launch_request_and_nowhere_else(world: World) -> None:
    """N-37, N-38: no item, no fact; not even encrypted, because nobody needs it again."""
    running(world)
    sent = world.vast.requests[0].host_key
    assert sent is not None
    assert sent.private_pem == "private gpu-shopper-host"
    stored = str(world.deps.sessions.scan()) + str(world.deps.operations.scan())
    assert sent.private_pem not in stored + str(world.facts)
    assert sent.private_pem not in repr(world.vast.requests)


def test_a_launch_that_is_sent_again_brings_a_key_of_its_own(world: World) -> None:
    """2.9: the refused one is worth nothing; the pinned one is the one that was sent last."""
    pairs = [new_pair("first"), new_pair("probe"), new_pair("second")]
    object.__setattr__(world.deps, "new_pair", lambda _: pairs.pop(0))
    session_id = world.create().session.id
    world.vast.errors["launch"] = [RateLimited("slow down"), None]
    launch(world.deps, session_id, 1)
    launch(world.deps, session_id, 1)
    first, second = (one.host_key for one in world.vast.requests)
    assert first is not None
    assert second is not None
    assert first.public != second.public
    assert world.session(session_id).attempt.host_key == second.public


@pytest.mark.parametrize("fits", [True, False])
def test_a_start_command_that_leaves_no_room_means_trust_on_first_use(
    world: World, fits: bool
) -> None:
    """N-35, M-33: Vast.ai takes 4,000 characters in all; one warning says what was trusted."""
    ours = HostKey(public="ssh-ed25519 AAAA", private_pem="private gpu-shopper-host")
    room = 4_000 - len("\n".join(install(ours))) - len("\n")
    session_id = launched(world, on_start_cmd="x" * (room if fits else room + 1))
    assert (world.vast.requests[0].host_key is not None) is fits
    session = probed(world, session_id, READY)
    assert session.state is State.RUNNING
    assert session.attempt.host_key_source == ("injected" if fits else "first_use")
    assert codes(session) == ([] if fits else ["host_key_first_use"])


def test_trust_on_first_use_pins_the_first_key_seen(world: World) -> None:
    """M-33."""
    session_id = launched(world, on_start_cmd=LONG)
    session = probed(world, session_id, SshResult.COMMAND_FAILED, SshResult.COMMAND_FAILED)
    assert session.attempt.host_key == HOST_KEY
    assert codes(session) == ["host_key_first_use"]


def told(world: World) -> int:
    return world.operations().count("host_key_changed")


def test_a_machine_may_answer_once_before_its_start_commands_have_run(world: World) -> None:
    """2.10: it gets no login, and nobody is alarmed; the next try finds the right key."""
    session_id = launched(world)
    session = probed(world, session_id, CHANGED, READY)
    assert session.state is State.RUNNING
    assert (session.attempt.host_key_changed, told(world)) == (False, 0)
    assert codes(session) == []


@pytest.mark.parametrize(
    ("results", "changed"),
    [
        ((CHANGED,), False),
        ((CHANGED, SshResult.TIMEOUT, CHANGED), False),
        ((CHANGED, CHANGED), True),
        ((CHANGED, CHANGED, CHANGED), True),
        ((SshResult.COMMAND_FAILED, CHANGED), True),
    ],
)
def test_another_key_is_told_when_it_stays_or_comes_after_the_right_one(
    world: World, results: tuple[SshResult, ...], changed: bool
) -> None:
    """N-36: warning, audit event and metric, once."""
    session = probed(world, launched(world), *results)
    assert session.attempt.host_key_changed is changed
    assert told(world) == changed
    assert codes(session) == ["host_key_changed"] * changed
    metrics = [fact.metrics for fact in world.facts if fact.operation == "host_key_changed"]
    assert metrics == [{"HostKeyChanges": 1}] * changed


def test_after_trust_on_first_use_another_key_is_told_at_once(world: World) -> None:
    """N-36, M-33."""
    session_id = launched(world, on_start_cmd=LONG)
    session = probed(world, session_id, SshResult.COMMAND_FAILED, CHANGED)
    assert session.attempt.host_key_changed
    assert told(world) == 1


def test_another_key_until_the_deadline_is_what_the_session_fails_with(world: World) -> None:
    """2.10: the tries go on until then."""
    session_id = launched(world, ssh_timeout_min=1)
    probe = FakeProbe([CHANGED])
    while world.session(session_id).state is State.PROVISIONING:
        world.clock.tick(verify(world.deps, probe, session_id, 1).wait_s)
    assert world.session(session_id).end_reason is EndReason.HOST_KEY_CHANGED
    torn_down(world, session_id)
    assert world.session(session_id).state is State.FAILED


def test_another_key_in_the_only_try_is_told_at_the_deadline(world: World) -> None:
    """N-36: whatever a session fails with is in its warnings."""
    session_id = launched(world, ssh_timeout_min=1)
    assert codes(probed(world, session_id, CHANGED)) == []
    world.clock.tick(60)
    look(world.deps, session_id, 1)
    session = world.session(session_id)
    assert (session.end_reason, told(world)) == (EndReason.HOST_KEY_CHANGED, 1)
    assert codes(session) == ["host_key_changed"]
