"""What the simulation leaves out: the computing of an AWS client, and the start of a function."""

from __future__ import annotations

import time
from collections.abc import Mapping

from bench.cost.handlers import HANDLERS
from bench.imports import import_s
from bench.inventory import MotoClock
from gpu_shopper.store import sessions as store
from tests.aws import SESSION
from tests.world import a_world

CALLS = 200


def call_cpu_s() -> float:
    """What one call to DynamoDB takes of a core, without what moto takes to play it."""
    clock = MotoClock()
    with a_world() as world:
        world.publish()
        session = world.create().session
        table = SESSION.resource("dynamodb").Table("SessionsTable")
        store.get(table, session.id)
        began_s, moto_s = time.process_time(), clock.seconds
        for _ in range(CALLS):
            store.get(table, session.id)
        return (time.process_time() - began_s - (clock.seconds - moto_s)) / CALLS


def starts_s() -> Mapping[str, float]:
    """Function → seconds that importing it takes, alone."""
    return {
        function: import_s(f"import functions.{folder}.app")
        for function, folder in HANDLERS.items()
    }
