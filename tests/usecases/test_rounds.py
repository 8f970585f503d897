"""What a step answers to a round of provisioning: go on, or end in time for the next."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gpu_shopper.usecases.deps import StepResult
from gpu_shopper.usecases.rounds import within_round
from tests.world import World

LOOK = StepResult("look", 60)


@pytest.mark.parametrize(
    ("age_s", "said", "answer"),
    [
        (89, LOOK, LOOK),
        (90, LOOK, StepResult("rest", 60)),
        (239, LOOK, StepResult("rest", 51)),
        (299, LOOK, StepResult("rest", 0)),
        (299, StepResult("done"), StepResult("done")),
    ],
)
def test_a_round_goes_on_or_rests_until_its_end_and_done_is_done(
    world: World, age_s: int, said: StepResult, answer: StepResult
) -> None:
    """M-21: no step begins in a round that AWS would end under it, and none waits so long."""
    assert within_round(world.deps, world.clock.at - timedelta(seconds=age_s), said) == answer


def test_a_step_outside_of_rounds_says_what_it_says(world: World) -> None:
    assert within_round(world.deps, None, LOOK) == LOOK
