"""Metrics in tests: a meter that tells nobody, and whether a fact fits the table of metrics."""

from __future__ import annotations

from collections.abc import Callable

from gpu_shopper.core.metrics import METRICS
from gpu_shopper.store.transactions import Put
from gpu_shopper.usecases.auditing import audited
from gpu_shopper.usecases.deps import Deps, Fact
from gpu_shopper.usecases.measuring import Meter


def silent(provider: str) -> Meter:
    """A meter for tests of something else."""
    return Meter(provider, lambda _fact: None, lambda: 0.0)


def auditing(deps: Deps) -> Callable[[Fact], list[Put]]:
    """What is stored of a fact, as the functions wire it."""
    return lambda fact: audited(deps, [fact])


def unfit(fact: Fact) -> list[str]:
    """What is wrong with the metrics of a fact: unknown names, dimensions too many or too few."""
    known = {name for name in fact.metrics if name in METRICS}
    wrong = [f"{name} is no metric" for name in fact.metrics if name not in METRICS]
    given = set(fact.dimensions)
    given |= {"Provider"} if fact.provider else set()
    given |= {"Reason"} if fact.reason else set()
    for name in known:
        needed = set(METRICS[name].dimensions) - set(METRICS[name].optional)
        wrong += [f"{name} lacks {one}" for one in needed - given]
    used = {one for name in known for one in METRICS[name].dimensions}
    return wrong + [f"nothing has the dimension {one}" for one in set(fact.dimensions) - used]


def fitting(note: Callable[[Fact], None]) -> Callable[[Fact], None]:
    """`note`, which refuses what does not fit the table."""

    def checked(fact: Fact) -> None:
        assert unfit(fact) == [], fact
        note(fact)

    return checked
