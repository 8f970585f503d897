"""A provider behind its circuit breaker: calls that cannot succeed fail at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from gpu_shopper.core import breaker as rules
from gpu_shopper.core.breaker import Gate
from gpu_shopper.core.instances import Instance, Launched, LaunchRequest
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.settings import Settings
from gpu_shopper.errors import CircuitOpen, ProviderError, TooSoon
from gpu_shopper.providers.port import (
    AttachesKeys,
    ListsTemplates,
    Provider,
    ShowsLogs,
    TellsBalance,
    TellsCharges,
)
from gpu_shopper.store import breakers as store

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

TRIES = 3
"""Writes of a breaker before a lost race is left to the winner: it has seen as much."""


class GuardedProvider:
    """The five methods of `inner`, refused while its circuit is open, and what it can besides.

    Terminate always goes through: a machine that costs money is worth a vain call. Raises what
    `inner` raises, and CircuitOpen.
    """

    def __init__(
        self, inner: Provider, table: Table, now: Callable[[], datetime], settings: Settings
    ) -> None:
        self.name = inner.name
        self._inner = inner
        self._table = table
        self._now = now
        self._settings = settings
        # Only what `inner` can: whoever asks for a capability must find exactly those.
        if isinstance(inner, TellsBalance):
            self.balance = self._guarded(inner.balance)
        if isinstance(inner, TellsCharges):
            self.charges = self._guarded(inner.charges)
        if isinstance(inner, ShowsLogs):
            self.logs = self._guarded(inner.logs)
        if isinstance(inner, ListsTemplates):
            self.list_templates = self._guarded(inner.list_templates)

    def list_offers(self) -> list[Offer]:
        """See `Provider.list_offers`."""
        return self._through(self._inner.list_offers)

    def launch(self, request: LaunchRequest) -> Launched:
        """See `Provider.launch`; CircuitOpen means that nothing was sent."""
        return self._through(lambda: self._inner.launch(request))

    def find(self, instance_id: str) -> Instance | None:
        """See `Provider.find`."""
        return self._through(lambda: self._inner.find(instance_id))

    def list_instances(self) -> list[Instance]:
        """See `Provider.list_instances`."""
        return self._through(self._inner.list_instances)

    def terminate(self, instance_id: str) -> None:
        """See `Provider.terminate`; never refused."""
        self._watched(lambda: self._inner.terminate(instance_id))

    def attach_ssh_keys(self, instance_id: str, keys: Iterable[str]) -> str | None:
        """See `AttachesKeys`; a provider that attaches none has put them there at launch."""
        if not isinstance(self._inner, AttachesKeys):
            return None
        return self._inner.attach_ssh_keys(instance_id, keys)

    def _guarded[**P, T](self, method: Callable[P, T]) -> Callable[P, T]:
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            return self._through(lambda: method(*args, **kwargs))

        return guarded

    def _through[T](self, call: Callable[[], T]) -> T:
        seen = store.read(self._table, self.name)
        gate = rules.gate(seen, self._now(), self._settings)
        if gate is Gate.PROBE:
            taken = store.write(self._table, self.name, rules.probing(seen, self._now()))
            gate = Gate.OPEN if taken else Gate.REFUSE
        if gate is Gate.REFUSE:
            raise CircuitOpen(f"{self.name} does not answer; it is asked again soon")
        return self._watched(call)

    def _watched[T](self, call: Callable[[], T]) -> T:
        try:
            answer = call()
        except TooSoon:
            # The provider was not asked: that says nothing of it, neither good nor bad.
            raise
        except ProviderError as exc:
            self._failed() if rules.counts(exc) else self._answered()
            raise
        self._answered()
        return answer

    def _answered(self) -> None:
        closed = rules.after_answer(store.read(self._table, self.name))
        if closed is not None:
            store.write(self._table, self.name, closed)

    def _failed(self) -> None:
        for _ in range(TRIES):
            seen = store.read(self._table, self.name)
            after = rules.after_failure(seen, self._now(), self._settings)
            if store.write(self._table, self.name, after):
                return
