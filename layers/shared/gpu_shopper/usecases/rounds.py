"""Rounds of provisioning: an execution that AWS ends after minutes gives over in time."""

from __future__ import annotations

from datetime import datetime

from gpu_shopper.core.polling import round_is_over
from gpu_shopper.usecases.deps import Deps, StepResult
from gpu_shopper.usecases.provision import DONE


def within_round(deps: Deps, began_at: datetime | None, result: StepResult) -> StepResult:
    """`result` for a round that began then, or `rest`: wait as long, and end for the next one.

    None stands for a step outside of any round, whose time nobody counts.
    """
    if began_at is None or result == DONE:
        return result
    if not round_is_over(began_at, deps.now(), result.wait_s, deps.settings):
        return result
    return StepResult("rest", result.wait_s)
