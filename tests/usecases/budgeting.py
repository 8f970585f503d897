"""Budgets as operators set them in tests, and the account behind one."""

from __future__ import annotations

from gpu_shopper.core.budgets import Budget
from gpu_shopper.store import budgets as store
from gpu_shopper.usecases.hooks import Hooks
from gpu_shopper.usecases.setting_budgets import Wanted, set_budget
from tests.world import OPERATOR, World


def no_hooks() -> Hooks:
    raise AssertionError("a budget without a receiver needs no webhooks")


def limit(world: World, usd: float, *, enforce: bool = True, consumer: str = "alice") -> None:
    wanted = Wanted(limit_microusd=round(usd * 1_000_000), enforce=enforce)
    set_budget(world.deps, no_hooks, OPERATOR, consumer, wanted)


def account(world: World, consumer: str = "alice") -> Budget:
    return store.read(world.deps.costs, consumer, f"{world.clock.at:%Y-%m}")
