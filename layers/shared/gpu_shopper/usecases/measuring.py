"""Numbers of which nobody has to read in the audit: calls, requests, runs of sweeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from gpu_shopper.core.breaker import Breaker, level
from gpu_shopper.core.instances import Health, Instance
from gpu_shopper.errors.provider import (
    BadProviderReply,
    NoCapacity,
    OfferGone,
    ProviderAuth,
    ProviderUnavailable,
    RateLimited,
    TooSoon,
)
from gpu_shopper.usecases.deps import Deps, Fact

type Note = Callable[[Fact], None]

_ERROR_TYPES: tuple[tuple[type[Exception], str], ...] = (
    (ProviderAuth, "auth"),
    (RateLimited, "rate_limited"),
    (TooSoon, "rate_limited"),
    (OfferGone, "offer_gone"),
    (NoCapacity, "offer_gone"),
    (BadProviderReply, "bad_reply"),
    (ProviderUnavailable, "unavailable"),
)


def measured(metrics: Mapping[str, float], provider: str | None = None, **dimensions: str) -> Fact:
    """Metrics and nothing else."""
    return Fact("", provider=provider, metrics=metrics, dimensions=dimensions)


@contextmanager
def timed(deps: Deps, sweep: str, provider: str | None = None) -> Iterator[None]:
    """Tell how long a run of `sweep` took, however it ends."""
    began = deps.now()
    try:
        yield
    finally:
        took_ms = (deps.now() - began).total_seconds() * 1_000
        deps.note(measured({"SweepDuration": took_ms}, provider, Sweep=sweep))


def error_type(error: Exception) -> str:
    """The word for a failed call to a provider."""
    if getattr(error, "extra", {}).get("timed_out"):
        return "timeout"
    return next((word for kind, word in _ERROR_TYPES if isinstance(error, kind)), "other")


class Meter:
    """Counts the calls to one provider, and takes their time.

    `clock_s` are seconds that never jump, and that stand still while a call waits for its turn.
    """

    def __init__(self, provider: str, note: Note, clock_s: Callable[[], float]) -> None:
        self._provider = provider
        self._note = note
        self._clock_s = clock_s

    def call[T](self, operation: str, call: Callable[[], T]) -> T:
        """What `call` gives or raises."""
        began_s = self._clock_s()
        try:
            answer = call()
        except TooSoon as exc:
            self._tell({}, operation, exc)
            raise
        except Exception as exc:
            self._tell(self._latency(began_s), operation, exc)
            raise
        self._tell(self._latency(began_s), operation, None)
        return answer

    def answered(self, operation: str, *, well: bool) -> None:
        """A call is over that tells of its failure in words; the kind is not known."""
        words = {"Result": "success"} if well else {"Result": "error", "ErrorType": "other"}
        failed = {} if well else {"ProviderErrors": 1.0}
        self._count({"ProviderCalls": 1.0, **failed}, Operation=operation, **words)

    def refused(self, operation: str) -> None:
        """A call was not even tried, because the circuit is open."""
        self._count({"ProviderCalls": 1}, Operation=operation, Result="circuit_open")

    def change(self, before: Breaker, after: Breaker, reason: str | None) -> Fact | None:
        """What it means that the circuit changes so; None when it stays as it is.

        From the first opening to the closing is one outage, however often it is probed meanwhile.
        """
        if level(after) == level(before):
            return None
        told = measured({"CircuitState": level(after)}, self._provider)
        if level(before) == 0:
            failures = {"failures": after.failures}
            return replace(told, operation="provider_unavailable", reason=reason, details=failures)
        if level(after) == 0:
            return replace(told, operation="provider_recovered")
        return told

    def tell(self, fact: Fact) -> None:
        """It has become so."""
        self._note(fact)

    def saw(self, instances: Iterable[Instance | None]) -> None:
        """An answer showed these machines; their status words should have a meaning."""
        unknown = sum(1 for one in instances if one and one.health is Health.UNKNOWN)
        if unknown:
            self._count({"UnknownProviderStatus": unknown})

    def _latency(self, began_s: float) -> dict[str, float]:
        return {"ProviderLatency": round((self._clock_s() - began_s) * 1_000, 1)}

    def _tell(self, latency: Mapping[str, float], operation: str, error: Exception | None) -> None:
        if error is None:
            self._count({"ProviderCalls": 1, **latency}, Operation=operation, Result="success")
            return
        words = {"Operation": operation, "Result": "error", "ErrorType": error_type(error)}
        self._count({"ProviderCalls": 1, "ProviderErrors": 1, **latency}, **words)

    def _count(self, metrics: Mapping[str, float], **dimensions: str) -> None:
        self._note(measured(metrics, self._provider, **dimensions))
