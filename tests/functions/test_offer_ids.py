"""Offer ids in requests: of which provider, and what is said of one that is none."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.functions.calls import Client, Reply
from tests.providers.tensordock_shapes import GPU, PLACE_ID
from tests.world import World


def post(client: Client, offer_id: str) -> Reply:
    body = {"offer_id": offer_id, "workload_type": "ssh", "reservation_hours": 1}
    return client("POST", "/api/v1/sessions", body=body)


def nothing_was_written(world: World) -> bool:
    return world.deps.sessions.scan()["Count"] == 0


@pytest.mark.parametrize(
    "offer_id",
    [PLACE_ID, f"{PLACE_ID}-{GPU}", f"tensordock-{PLACE_ID}", f"tensordock-{GPU}"],
)
def test_a_tensordock_id_without_its_prefix_or_gpu_is_explained(
    sessions: Client, wired: World, offer_id: str
) -> None:
    """M-61: 400 with the format, before any record exists."""
    wired.deps = replace(wired.deps, enabled_providers=("vastai", "tensordock"))
    reply = post(sessions, offer_id)
    assert (reply.status, reply.json["error_type"]) == (400, "validation_error")
    assert re.search(f"tensordock-.*-{GPU} .*location's UUID", reply.json["error"])
    assert nothing_was_written(wired)


def test_a_tensordock_id_is_refused_while_that_provider_is_not_enabled(
    sessions: Client, wired: World
) -> None:
    reply = post(sessions, f"tensordock-{PLACE_ID}-{GPU}")
    assert (reply.status, reply.json["error_type"]) == (400, "validation_error")
    assert nothing_was_written(wired)
