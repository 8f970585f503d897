"""Attempts that are launched twice, unwritten, too soon or too dear."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gpu_shopper.core import evidence
from gpu_shopper.core.evidence import Absence, Proof
from gpu_shopper.core.requesting import launch_request
from gpu_shopper.core.session import LaunchState
from gpu_shopper.core.states import State
from gpu_shopper.errors.provider import LaunchUncertain, ProviderError
from gpu_shopper.usecases import attempts, provision, verify
from gpu_shopper.usecases.agents import AgentSetup
from gpu_shopper.usecases.attempts import is_current
from gpu_shopper.usecases.deps import StepResult
from gpu_shopper.usecases.retrying import try_again

_LAUNCH = provision.launch


def launch_again(deps: Any, session_id: str, attempt: int) -> Any:
    """An unclear launch is simply sent again."""
    session = provision._loaded(deps, session_id)
    unclear = session is not None and session.attempt.launch is LaunchState.CALLED
    if session is not None and unclear and is_current(session, attempt):
        return provision._call(
            deps, session, provision._still_wanted(deps, session), None, AgentSetup()
        )
    return _LAUNCH(deps, session_id, attempt)


_REFUSED = evidence.refused


def refused_anyway(error: ProviderError, now: Any) -> Absence | None:
    """A launch without an answer counts as refused."""
    if isinstance(error, LaunchUncertain):
        return Absence(Proof.REFUSED, now)
    return _REFUSED(error, now)


_FAIL_ATTEMPT = attempts.fail_attempt


def try_at_once(deps: Any, judged: Any, reason: Any, error: str, *, final: bool = False) -> Any:
    """The next attempt does not wait for the end of the machine before it."""

    def proof_of(session: Any) -> Absence | None:
        current = is_current(session, judged.attempt.number)
        return Absence(Proof.GONE, deps.now()) if current else None

    if not final and try_again(deps, judged, reason, proof_of, rented=True).started:
        return StepResult("done")
    return _FAIL_ATTEMPT(deps, judged, reason, error, final=final)


_ACCEPTED = provision.accepted


def accepted_unless_adopted(
    deps: Any, session: Any, launched: Any, operation: str, *who: Any
) -> bool:
    if operation == "instance_adopted":
        return False
    return _ACCEPTED(deps, session, launched, operation, *who)


class _Answered:
    """A provider that has been asked already."""

    def __init__(self, inner: Any, answer: Any) -> None:
        self._inner, self._answer = inner, answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def launch(self, _request: Any) -> Any:
        if isinstance(self._answer, ProviderError):
            raise self._answer
        return self._answer


def launch_before_writing(deps: Any, session_id: str, attempt: int) -> Any:
    """The provider is asked first, and the intention written when it has answered."""
    session = provision._loaded(deps, session_id)
    planned = (LaunchState.PLANNED, LaunchState.THROTTLED)
    if session is None or not is_current(session, attempt) or session.attempt.launch not in planned:
        return _LAUNCH(deps, session_id, attempt)
    shown = provision._still_wanted(deps, session)
    intended: Any = provision._intention(deps, session, attempt, {})
    provider = deps.provider(session.attempt.provider)
    try:
        answer = provider.launch(launch_request(intended[0], shown.offer, None))
    except ProviderError as exc:
        answer = exc
    asked = replace(deps, provider=lambda _name: _Answered(provider, answer))
    return _LAUNCH(asked, session_id, attempt)


def is_current_whatever_failed(session: Any, attempt: int) -> bool:
    return (
        session.state in (State.PENDING, State.PROVISIONING) and session.attempt.number == attempt
    )


def verify_any_machine(deps: Any, probe: Any, session_id: str, attempt: int) -> Any:
    """Whoever answers at the address is taken for the machine."""

    def trusting(address: Any, open_key: Any, _pinned: Any, settings: Any) -> Any:
        return probe(address, open_key, None, settings)

    return _VERIFY(deps, trusting, session_id, attempt)


_VERIFY = verify.verify
