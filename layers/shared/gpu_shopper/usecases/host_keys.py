"""The SSH host key of a machine: made here where its provider lets us bring one, and watched.

Its private part goes into the launch request and nowhere else. Nobody needs it later, so it is
not stored: see docs/decisions.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from gpu_shopper.core.instances import HostKey
from gpu_shopper.core.life import evolve
from gpu_shopper.core.polling import SshResult, SshTry
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.session import Attempt, Notice, Session
from gpu_shopper.core.ssh_keys import bare_key
from gpu_shopper.core.states import State
from gpu_shopper.providers.host_keys import install
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.deps import Deps, Fact
from gpu_shopper.usecases.facts import about
from gpu_shopper.usecases.writing import Decision, change

INJECTED = "injected"
FIRST_USE = "first_use"


def new_host_key(deps: Deps, session: Session, agent_cmd: str | None = None) -> HostKey | None:
    """A key for the machine of the current attempt; None where the first one seen is trusted.

    That is where the provider runs no start-up commands, or would not take as many beside the
    agent's and the session's own. Where nobody can log in there is no key either.
    """
    if session.wish.serves_http:
        return None
    others = "\n".join(filter(None, [agent_cmd, session.wish.start_up]))
    room = FACTS[session.attempt.provider].start_up_chars - len(others)
    if room <= 0:
        return None
    pair = deps.new_pair("gpu-shopper-host")
    key = HostKey(public=bare_key(pair.public_line), private_pem=pair.private_pem)
    return key if len("\n".join(install(key))) < room else None


def pinned(key: HostKey | None) -> dict[str, Any]:
    """What an attempt must know before its machine is asked for."""
    if key is None:
        return {"host_key": None, "host_key_source": None}
    return {"host_key": key.public, "host_key_source": INJECTED}


def with_shown_key(attempt: Attempt, tried: SshTry) -> Attempt:
    """`attempt` with the key that a try showed; it is pinned where none is."""
    shown = tried.host_key
    if shown is None:
        return attempt
    if attempt.host_key is None:
        attempt = replace(attempt, host_key=shown, host_key_source=FIRST_USE)
    return replace(attempt, host_key_seen=attempt.host_key_seen or shown == attempt.host_key)


def trust_notices(before: Session, attempt: Attempt, now: datetime) -> tuple[Notice, ...]:
    """The session's warnings, with one when its machine's key has just been trusted unseen."""
    if before.attempt.host_key or not attempt.host_key:
        return before.warnings
    message = "host key trusted on first use"
    return (*before.warnings, Notice(code="host_key_first_use", message=message, at=now))[-20:]


def shows_another(attempt: Attempt, tried: SshTry) -> bool:
    """Whether it must be told now that the machine shows another key than it did, or should.

    A machine may answer before its start-up commands have run: until it has shown the key that
    we made, another one is told when it is seen a second time in a row. Neither gets a login.
    """
    if tried.result is not SshResult.HOST_KEY_CHANGED or attempt.host_key_changed:
        return False
    again = attempt.verification.last_error == SshResult.HOST_KEY_CHANGED.value
    return again or attempt.host_key_seen or attempt.host_key_source != INJECTED


def told_of_change(session: Session, now: datetime) -> tuple[Session, Fact]:
    """`session` with the warning that its machine shows another key, and the fact of it."""
    message = "the machine shows another host key than the one that is pinned"
    changed = replace(session.attempt, host_key_changed=True)
    after = replace(
        session,
        attempts=(*session.attempts[:-1], changed),
        warnings=(*session.warnings, Notice(code="host_key_changed", message=message, at=now))[
            -20:
        ],
    )
    return after, about(after, "host_key_changed", metrics={"HostKeyChanges": 1})


def tell_of_change(deps: Deps, judged: Session) -> None:
    """Tell it, if it was not, at the deadline of an attempt whose last try showed another key."""

    def decide(session: Session) -> Decision:
        same = session.state is State.PROVISIONING and session.attempt == judged.attempt
        if not same or session.attempt.host_key_changed:
            return None
        now = deps.now()
        after, fact = told_of_change(evolve(session, now), now)
        return after, [fact]

    change(deps, lambda: store.get(deps.sessions, judged.id), decide)
