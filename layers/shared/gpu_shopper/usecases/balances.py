"""What is left to spend at a provider: a metric, a warning when it is little, never in the way."""

from __future__ import annotations

from datetime import timedelta

from gpu_shopper.core.money import MICROUSD, to_usd
from gpu_shopper.errors import ProviderError
from gpu_shopper.providers.port import TellsBalance
from gpu_shopper.store import operations
from gpu_shopper.usecases.deps import Deps, Fact


def watch_balance(deps: Deps, provider: str) -> None:
    """Look at the balance of `provider`, once an hour however many runs come by."""
    adapter, every = deps.provider(provider), timedelta(seconds=deps.settings.balance_every_s)
    if not isinstance(adapter, TellsBalance):
        return
    if not operations.take_balance_look(deps.operations, provider, deps.now(), every):
        return
    try:
        left = adapter.balance()
    except ProviderError as exc:
        deps.note(Fact("balance_unread", provider=provider, reason=exc.code))
        return
    if left is not None:
        deps.note(_told(provider, left, deps.settings.balance_low_usd))


def _told(provider: str, left: int, low_usd: int) -> Fact:
    operation = "balance_low" if left < low_usd * MICROUSD else "balance_read"
    return Fact(operation, provider=provider, metrics={"ProviderBalance": to_usd(left)})
