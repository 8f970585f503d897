"""Parts of the product as they would be without a safety rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from gpu_shopper.core import deadlines, evidence, labels, life
from gpu_shopper.core.evidence import Absence, Listing, Proof
from gpu_shopper.core.instances import Health
from gpu_shopper.core.labels import Label
from gpu_shopper.core.session import LaunchState
from gpu_shopper.core.states import Event
from gpu_shopper.errors import LaunchUncertain, ProviderError
from gpu_shopper.store import sessions as store
from gpu_shopper.store.transactions import Delete, Put, write_all
from gpu_shopper.usecases import attempts, look, provision, reconcile, sessions, teardown
from gpu_shopper.usecases.agents import AgentSetup
from gpu_shopper.usecases.attempts import is_current
from gpu_shopper.usecases.deps import StepResult
from gpu_shopper.usecases.retrying import try_again
from gpu_shopper.usecases.writing import change


def anybodys(text: str | None, _deployment_id: str) -> Label | None:
    """Every label that looks like ours is taken for ours."""
    match = labels._LABEL.fullmatch(text or "")
    return Label(match["deployment"], match["session"], int(match["attempt"])) if match else None


def prove_by_listing(deps: Any, session: Any, instance_id: str, asked_at: Any) -> Absence | None:
    listing = look.listed(deps, session.attempt.provider)
    if listing is None or listing.holds(instance_id, session.attempt.label):
        return None
    return Absence(Proof.GONE, listing.at)


def prove_by_lookup(deps: Any, session: Any, instance_id: str, asked_at: Any) -> Absence | None:
    try:
        found = deps.provider(session.attempt.provider).find(instance_id)
    except ProviderError:
        return None
    return Absence(Proof.GONE, deps.now()) if found is None else None


def prove_despite_errors(deps: Any, session: Any, instance_id: str, asked_at: Any) -> Any:
    try:
        if deps.provider(session.attempt.provider).find(instance_id) is not None:
            return None
    except ProviderError:
        pass
    return prove_by_listing(deps, session, instance_id, asked_at)


def prove_by_status(deps: Any, session: Any, instance_id: str, asked_at: Any) -> Any:
    try:
        found = deps.provider(session.attempt.provider).find(instance_id)
    except ProviderError:
        return None
    if found is not None and found.health is Health.FAILED:
        return Absence(Proof.GONE, deps.now())
    return _EVIDENCE(deps, session, instance_id, asked_at)


def prove_young(deps: Any, session: Any, instance_id: str, asked_at: Any) -> Absence | None:
    settings = replace(deps.settings, absence_min_age_s=0)
    return _EVIDENCE(replace(deps, settings=settings), session, instance_id, asked_at)


_EVIDENCE = teardown._evidence


def first_listing_is_enough(
    label: str, call_ended_at: Any, first: Any, second: Listing, settings: Any
) -> Absence | None:
    if second.labelled(label):
        return None
    least = call_ended_at + timedelta(seconds=settings.never_rented_first_look_s)
    return Absence(Proof.NEVER_RENTED, second.at) if second.at >= least else None


def without_grace(
    label: str, call_ended_at: Any, first: Any, second: Listing, settings: Any
) -> Absence | None:
    return None if second.labelled(label) else Absence(Proof.NEVER_RENTED, second.at)


def save_over_anything(table: Any, before: Any, after: Any, due_at: Any) -> None:
    actions: list[Any] = [Put(store._to_item(after, due_at))]
    if before.state in store._HOLDING and after.state not in store._HOLDING:
        actions.append(Delete(store._guard_of(after)))
    write_all(table, actions)


def create_over_anything(table: Any, session: Any, due_at: Any) -> None:
    guard = store._guard_of(session) | {"session_id": session.id}
    write_all(table, [Put(store._to_item(session, due_at)), Put(guard)])


def launch_again(deps: Any, session_id: str, attempt: int) -> Any:
    """An unclear launch is simply sent again."""
    session = provision._loaded(deps, session_id)
    unclear = session is not None and session.attempt.launch is LaunchState.CALLED
    if session is not None and unclear and is_current(session, attempt):
        return provision._call(
            deps, session, provision._still_wanted(deps, session), None, AgentSetup()
        )
    return _LAUNCH(deps, session_id, attempt)


_LAUNCH = provision.launch


def refused_anyway(error: ProviderError, now: Any) -> Absence | None:
    """A launch without an answer counts as refused."""
    if isinstance(error, LaunchUncertain):
        return Absence(Proof.REFUSED, now)
    return _REFUSED(error, now)


_REFUSED = evidence.refused
_AGENDA = deadlines._agenda


def agenda_without(kind: type[Any], event: Event | None = None) -> Callable[..., Any]:
    def agenda(session: Any, settings: Any) -> list[Any]:
        kept = [
            (at, act)
            for at, act in _AGENDA(session, settings)
            if not (
                isinstance(act, kind) and (event is None or getattr(act, "event", None) is event)
            )
        ]
        far = session.created_at + timedelta(days=400)
        return kept or [(far, deadlines.Restart())]

    return agenda


def listed_anyhow(deps: Any, provider: str) -> Listing | None:
    """A listing that failed counts as an empty one."""
    listing = _LISTED(deps, provider)
    return listing if listing is not None else Listing(deps.now(), ())


_LISTED = look.listed


class _Hasty:
    """A provider whose failed listings read as empty."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def list_instances(self) -> Any:
        try:
            return self._inner.list_instances()
        except ProviderError:
            return []


_RECONCILE = reconcile.reconcile


def reconcile_hastily(deps: Any, provider: str) -> Any:
    return _RECONCILE(replace(deps, provider=lambda name: _Hasty(deps.provider(name))), provider)


def ghost_of_one_listing(deps: Any, session: Any, listing: Listing) -> bool:
    try:
        found = deps.provider(session.attempt.provider).find(session.attempt.instance_id)
    except ProviderError:
        return False
    if found is None:
        reconcile._lose(deps, session, Absence(Proof.GONE, listing.at))
    return found is None


def ghost_without_lookup(instance_id: str, label: str, **given: Any) -> Absence | None:
    given = given | {"lookup": evidence.Lookup(given["lookup"].at, None)}
    return _GHOST(instance_id, label, **given)


_GHOST = evidence.ghost


def missing_at_any_age(deps: Any, session: Any, listing: Listing) -> bool:
    return reconcile._missing(deps, session, listing)


def terminate_once(deps: Any, session: Any, instance_id: str) -> Any:
    """Later rounds only look."""
    if session.teardown_rounds:
        return StepResult("prove", 5)
    return _TERMINATE(deps, session, instance_id)


_TERMINATE = teardown._terminate


def give_up(deps: Any, session_id: str, attempt: int) -> Any:
    """After three rounds a session counts as ended."""
    session = teardown._tearing_down(deps, session_id, attempt)
    if session is not None and session.teardown_rounds >= 3:
        return teardown._confirm(deps, session, Absence(Proof.GONE, deps.now()))
    return _ASK(deps, session_id, attempt)


_ASK = teardown.ask
_ACCEPTED = provision.accepted


def accepted_unless_adopted(
    deps: Any, session: Any, launched: Any, operation: str, *who: Any
) -> bool:
    if operation == "instance_adopted":
        return False
    return _ACCEPTED(deps, session, launched, operation, *who)


def extend_for_ever(deps: Any, caller: Any, session_id: str, hours: int) -> Any:
    return change(
        deps,
        lambda: sessions.get(deps, caller, session_id),
        lambda session: (life.extended(session, hours, deps.now()), []),
    )[0]


class _Early:
    """A provider that makes the reconciler read its sessions before it lists the machines."""

    def __init__(self, inner: Any, deps: Any) -> None:
        self._inner, self._deps = inner, deps
        self.sessions: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def list_instances(self) -> Any:
        self.sessions = store.get_many(self._deps.sessions, store.live(self._deps.sessions))
        return self._inner.list_instances()


def reconcile_reading_first(deps: Any, provider: str) -> Any:
    early = _Early(deps.provider(provider), deps)
    return _RECONCILE(replace(deps, provider=lambda _name: early), provider)


def sessions_read_first(deps: Any, _listing: Listing) -> Any:
    return deps.provider("").sessions


def nothing(*_given: Any) -> None:
    return None


def no(*_given: Any) -> bool:
    return False


def try_at_once(deps: Any, judged: Any, reason: Any, error: str, *, final: bool = False) -> Any:
    """The next attempt does not wait for the end of the machine before it."""

    def proof_of(session: Any) -> Absence | None:
        current = is_current(session, judged.attempt.number)
        return Absence(Proof.GONE, deps.now()) if current else None

    if not final and try_again(deps, judged, reason, proof_of, rented=True).started:
        return StepResult("done")
    return _FAIL_ATTEMPT(deps, judged, reason, error, final=final)


_FAIL_ATTEMPT = attempts.fail_attempt
