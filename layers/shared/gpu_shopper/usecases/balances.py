"""What is left to spend at a provider: a metric, a warning when it is little.

A launch is refused only when what is left surely does not pay for the machine's first hours.
"""

from __future__ import annotations

from datetime import timedelta

from gpu_shopper.core.balances import Balance, Funds, funds_for, is_low
from gpu_shopper.core.money import to_usd
from gpu_shopper.errors import ProviderNotUsable
from gpu_shopper.errors.provider import ProviderError
from gpu_shopper.providers.port import TellsBalance
from gpu_shopper.store import operations
from gpu_shopper.usecases.deps import Deps, Fact

TOO_LITTLE = "too little is left on the account at {provider} to pay for this machine"


def watch_balance(deps: Deps, provider: str) -> None:
    """Look at the balance of `provider`, once an hour however many runs come by."""
    adapter, every = deps.provider(provider), timedelta(seconds=deps.settings.balance_every_s)
    if not isinstance(adapter, TellsBalance):
        return
    if not operations.take_balance_look(deps.operations, provider, deps.now(), every):
        return
    read = _read(deps, provider, adapter)
    if read is not None:
        deps.note(_told(deps, provider, read.left_microusd))


def require_funds(deps: Deps, provider: str, microusd_per_hour: int) -> None:
    """Raises ProviderNotUsable when the account surely does not pay for such a machine.

    The provider is asked only when little was left, and once in `balance_fresh_s` by all together.
    """
    adapter = deps.provider(provider)
    if not isinstance(adapter, TellsBalance):
        return
    known = operations.last_balance(deps.operations, provider)
    funds = funds_for(known, microusd_per_hour, deps.now(), deps.settings)
    if funds is Funds.UNSURE:
        known = _asked_again(deps, provider, adapter)
        funds = funds_for(known, microusd_per_hour, deps.now(), deps.settings)
    if known is not None and funds is Funds.TOO_LITTLE:
        left, price = to_usd(known.left_microusd), to_usd(microusd_per_hour)
        details = {"left_usd": left, "price_per_hour": price}
        deps.note(Fact("balance_too_low", provider=provider, details=details))
        # Callers are not told how much the operator has.
        raise ProviderNotUsable(TOO_LITTLE.format(provider=provider), provider=provider)


def _asked_again(deps: Deps, provider: str, adapter: TellsBalance) -> Balance | None:
    """A new reading; None when there is none, or somebody else is just making it."""
    every = timedelta(seconds=deps.settings.balance_fresh_s)
    table, now = deps.operations, deps.now()
    if not operations.take_balance_look(table, provider, now, every, before_launches=True):
        return None
    return _read(deps, provider, adapter)


def _read(deps: Deps, provider: str, adapter: TellsBalance) -> Balance | None:
    """What the provider says now, remembered; None when it says nothing."""
    try:
        left = adapter.balance()
    except ProviderError as exc:
        deps.note(Fact("balance_unread", provider=provider, reason=exc.code))
        return None
    if left is None:
        return None
    read = Balance(left_microusd=left, read_at=deps.now())
    operations.remember_balance(deps.operations, provider, read)
    return read


def _told(deps: Deps, provider: str, left: int) -> Fact:
    operation = "balance_low" if is_low(left, deps.settings) else "balance_read"
    return Fact(operation, provider=provider, metrics={"ProviderBalance": to_usd(left)})
