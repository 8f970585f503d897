"""Orphans, as an operator of the deployed world sees and ends them."""

from __future__ import annotations

import uuid

from tests.e2e import provider
from tests.e2e.deployed import DEPLOYMENT_ID, Deployed, wait_for
from tests.e2e.renting import Row

PATH = "/api/v1/orphans"


def test_an_operator_has_an_orphan_destroyed_by_a_function_that_may(live: Deployed) -> None:
    """N-27, N-62: the operators' function itself can reach no provider."""
    label = f"shopper-{DEPLOYMENT_ID}-{uuid.uuid4()}-1"
    instance_id = provider.plant(live, label)
    path = f"{PATH}/vastai/{instance_id}"
    answer = live.operator.send("POST", f"{path}/destroy", json={"reason": "a test's"})
    assert answer.status_code in (200, 202)
    wait_for(lambda: not provider.machine(live, instance_id)["alive"], 20)
    (orphan,) = wait_for(lambda: _destroyed(live, instance_id), 60)
    assert (orphan["label"], orphan["cause"]) == (label, "session_unknown")
    assert live.operator.send("POST", f"{path}/destroy").status_code == 200


def _destroyed(live: Deployed, instance_id: str) -> list[Row]:
    """Its record, once a pass has closed it."""
    live.sweep("ReconcileFunction")
    listed = live.operator.get(PATH, provider="vastai", status="destroyed", limit=200)
    assert listed["dry_run"] is False
    return [one for one in listed["orphans"] if one["instance_id"] == instance_id]


def test_what_is_not_ours_is_neither_shown_nor_touched(live: Deployed) -> None:
    """N-27, N-18."""
    instance_id = provider.plant(live, "somebody's own")
    for act in ("destroy", "adopt"):
        answer = live.operator.send("POST", f"{PATH}/vastai/{instance_id}/{act}")
        assert (answer.status_code, answer.json()["error_type"]) == (404, "instance_not_found")
    assert provider.machine(live, instance_id)["alive"]
