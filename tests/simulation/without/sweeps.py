"""Sweeps that overlook, or see what is not there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from gpu_shopper.core import deadlines, labels
from gpu_shopper.core.evidence import Listing
from gpu_shopper.core.labels import Label
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import Event, State
from gpu_shopper.errors.provider import ProviderError
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases import reconcile


def anybodys(text: str | None, _deployment_id: str) -> Label | None:
    """Every label that looks like ours is taken for ours."""
    match = labels._LABEL.fullmatch(text or "")
    return Label(match["deployment"], match["session"], int(match["attempt"])) if match else None


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


def is_tearing_down_or_drains(session: Any) -> bool:
    """A session that is stopping has no need of its machine."""
    return session.state is State.STOPPING or _IS_TEARING_DOWN(session)


_IS_TEARING_DOWN = Session.is_tearing_down.fget  # type: ignore[attr-defined]


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


def nobody(*_given: Any) -> tuple[str, ...]:
    return ()


def reconcile_hastily(deps: Any, provider: str) -> Any:
    return _RECONCILE(replace(deps, provider=lambda name: _Hasty(deps.provider(name))), provider)


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
