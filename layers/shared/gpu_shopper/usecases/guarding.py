"""A provider behind its circuit breaker: calls that cannot succeed fail at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from gpu_shopper.core import breaker as rules
from gpu_shopper.core.breaker import Breaker, Gate
from gpu_shopper.core.instances import Instance, Launched, LaunchRequest
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.settings import Settings
from gpu_shopper.errors.provider import CircuitOpen, ProviderError, TooSoon
from gpu_shopper.providers.port import (
    AttachesKeys,
    ListsTemplates,
    Provider,
    ShowsLogs,
    TellsBalance,
    TellsCharges,
)
from gpu_shopper.store import breakers as store
from gpu_shopper.store.transactions import Put
from gpu_shopper.usecases.deps import Fact
from gpu_shopper.usecases.measuring import Meter

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

TRIES = 3
"""Writes of a breaker before a lost race is left to the winner: it has seen as much."""


class GuardedProvider:
    """The five methods of `inner`, refused while its circuit is open, and what it can besides.

    Terminate always goes through: a machine that costs money is worth a vain call. Raises what
    `inner` raises, and CircuitOpen. `audit` gives what is stored of a fact; the circuit's change
    and its event are one write, so that each is told once.
    """

    def __init__(
        self,
        inner: Provider,
        table: Table,
        now: Callable[[], datetime],
        settings: Settings,
        meter: Meter,
        audit: Callable[[Fact], Sequence[Put]],
    ) -> None:
        self.name = inner.name
        self._inner = inner
        self._table = table
        self._now = now
        self._settings = settings
        self._meter = meter
        self._audit = audit
        # Only what `inner` can: whoever asks for a capability must find exactly those.
        if isinstance(inner, TellsBalance):
            self.balance = self._guarded("balance", inner.balance)
        if isinstance(inner, TellsCharges):
            self.charges = self._guarded("charges", inner.charges)
        if isinstance(inner, ShowsLogs):
            self.logs = self._guarded("logs", inner.logs)
        if isinstance(inner, ListsTemplates):
            self.list_templates = self._guarded("list_templates", inner.list_templates)

    def list_offers(self) -> list[Offer]:
        """See `Provider.list_offers`."""
        return self._through("list_offers", self._inner.list_offers)

    def launch(self, request: LaunchRequest) -> Launched:
        """See `Provider.launch`; CircuitOpen means that nothing was sent."""
        return self._through("launch", lambda: self._inner.launch(request))

    def find(self, instance_id: str) -> Instance | None:
        """See `Provider.find`."""
        found = self._through("find", lambda: self._inner.find(instance_id))
        self._meter.saw([found])
        return found

    def list_instances(self) -> list[Instance]:
        """See `Provider.list_instances`."""
        found = self._through("list_instances", self._inner.list_instances)
        self._meter.saw(found)
        return found

    def terminate(self, instance_id: str) -> None:
        """See `Provider.terminate`; never refused."""
        self._watched("terminate", lambda: self._inner.terminate(instance_id))

    def attach_ssh_keys(self, instance_id: str, keys: Iterable[str]) -> str | None:
        """See `AttachesKeys`; a provider that attaches none has put them there at launch."""
        if not isinstance(self._inner, AttachesKeys):
            return None
        error = self._inner.attach_ssh_keys(instance_id, keys)
        self._meter.answered("attach_ssh_keys", well=error is None)
        return error

    def _guarded[**P, T](self, operation: str, method: Callable[P, T]) -> Callable[P, T]:
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            return self._through(operation, lambda: method(*args, **kwargs))

        return guarded

    def _through[T](self, operation: str, call: Callable[[], T]) -> T:
        seen = store.read(self._table, self.name)
        gate = rules.gate(seen, self._now(), self._settings)
        if gate is Gate.PROBE:
            taken = self._write(seen, rules.probing(seen, self._now()))
            gate = Gate.OPEN if taken else Gate.REFUSE
        if gate is Gate.REFUSE:
            self._meter.refused(operation)
            raise CircuitOpen(f"{self.name} does not answer; it is asked again soon")
        return self._watched(operation, call)

    def _watched[T](self, operation: str, call: Callable[[], T]) -> T:
        try:
            answer = self._meter.call(operation, call)
        except TooSoon:
            # The provider was not asked: that says nothing of it, neither good nor bad.
            raise
        except ProviderError as exc:
            self._failed(exc) if rules.counts(exc) else self._answered()
            raise
        self._answered()
        return answer

    def _answered(self) -> None:
        seen = store.read(self._table, self.name)
        closed = rules.after_answer(seen)
        if closed is not None:
            self._write(seen, closed)

    def _failed(self, error: ProviderError) -> None:
        for _ in range(TRIES):
            seen = store.read(self._table, self.name)
            after = rules.after_failure(seen, self._now(), self._settings)
            if self._write(seen, after, error.code):
                return

    def _write(self, before: Breaker, after: Breaker, reason: str | None = None) -> bool:
        """Write the next version, and tell it when the circuit changes by it."""
        change = self._meter.change(before, after, reason)
        also = self._audit(change) if change else ()
        written = store.write(self._table, self.name, after, also)
        if written and change:
            self._meter.tell(change)
        return written
