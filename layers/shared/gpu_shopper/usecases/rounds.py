"""Rounds of provisioning: an execution that AWS ends after minutes gives over in time."""

from __future__ import annotations

from datetime import datetime

from gpu_shopper.core.polling import round_is_over, round_rest_s
from gpu_shopper.usecases.deps import Deps, StepResult
from gpu_shopper.usecases.provision import DONE


def within_round(deps: Deps, began_at: datetime | None, result: StepResult) -> StepResult:
    """`result` for a round that began then, or `rest`: wait as long, and end for the next one.

    A step that took long may leave its round less time than that: then the next one begins sooner.
    None stands for a step outside of any round, whose time nobody counts.
    """
    if began_at is None or result == DONE:
        return result
    now = deps.now()
    if not round_is_over(began_at, now, result.wait_s, deps.settings):
        return result
    return StepResult("rest", round_rest_s(began_at, now, result.wait_s))
