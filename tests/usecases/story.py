"""Parts of a session's life that many tests begin with."""

from __future__ import annotations

from typing import Any

from gpu_shopper.core.instances import Launched
from gpu_shopper.core.states import State
from gpu_shopper.usecases import sessions
from gpu_shopper.usecases.deps import StepResult
from gpu_shopper.usecases.look import look
from gpu_shopper.usecases.provision import accepted, launch
from gpu_shopper.usecases.teardown import ask, prove
from gpu_shopper.usecases.verify import verify
from tests.builders import an_instance
from tests.fakes import FakeProbe
from tests.world import ALICE, World

LOOK, VERIFY, DONE = StepResult("look"), StepResult("verify"), StepResult("done")


def running(world: World, **wish: Any) -> str:
    """A session brought to running; its id."""
    session_id = world.create(**wish).session.id
    launch(world.deps, session_id, 1)
    look(world.deps, session_id, 1)
    verify(world.deps, FakeProbe(), session_id, 1)
    assert world.session(session_id).state is State.RUNNING
    return session_id


def torn_down(world: World, session_id: str) -> None:
    """Run teardown rounds until the session has ended."""
    for _ in range(40):
        result = ask(world.deps, session_id, 1)
        world.clock.tick(result.wait_s)
        if result.outcome == "prove":
            result = prove(world.deps, session_id, 1)
        if result.outcome == "done":
            return
    raise AssertionError("never torn down")


def stop(world: World, session_id: str) -> None:
    sessions.request_stop(world.deps, ALICE, session_id)


def adopted_during(world: World, method: str, session_id: str) -> None:
    """While the provider answers `method`, another function finds the machine by its label."""

    def adopt() -> None:
        world.vast.instances["5001"] = an_instance(label=world.session(session_id).attempt.label)
        session = world.session(session_id)
        accepted(world.deps, session, Launched(instance_id="5001"), "instance_adopted")

    world.vast.before[method] = adopt
