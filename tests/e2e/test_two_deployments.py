"""Two deployments on one provider account: each ends its own strays, and nothing of the other's."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from local import aws, paths, stack
from local.api import Api
from local.build import build
from local.functions import Functions
from local.parameters import local_stage
from tests.e2e import provider
from tests.e2e.conftest import ROUGH
from tests.e2e.deployed import DEPLOYMENT_ID, Deployed, wait_for
from tests.e2e.renting import Renting, Row, wish

DRY_RUN = {"ReconcileDryRun": "1"}
NAME, OTHER_ID = "gpu-shopper-other", "0ther000"
SECRETS = ("VastaiSecret", "TensordockSecret")


@dataclass(frozen=True)
class Other:
    """A second stack on the same account of the same simulator."""

    functions: Functions
    consumer: Api
    operator: Api
    parameters: dict[str, str]

    def sweep(self) -> Any:
        """Both sweeps that could end a machine; what the second one found."""
        self.functions.invoke("ExpireSessionsFunction", {})
        return self.functions.invoke("ReconcileFunction", {"provider": "vastai"})


@pytest.fixture
def rough(rough_renting: Renting) -> Renting:
    """The rough world: both deployments sweep its market as a whole."""
    return rough_renting


@pytest.fixture
def other(rough: Renting) -> Iterator[Other]:
    """It stands as long as the test."""
    live, url = rough.live, rough.live.endpoints.emulator_url
    parameters = local_stage(paths.SAMCONFIG) | {
        "DeploymentId": OTHER_ID,
        "VastaiBaseUrl": live.endpoints.vastai_url,
        "TensordockBaseUrl": live.endpoints.tensordock_url,
        "TensordockBillingUrl": live.endpoints.tensordock_url,
    }
    parameters |= ROUGH
    stack.deploy(url, build(), parameters, name=NAME)
    yield _whole(live, stack.physical_ids(url, name=NAME), parameters)
    aws.client("cloudformation", url).delete_stack(StackName=NAME)


def _whole(live: Deployed, ids: dict[str, str], parameters: dict[str, str]) -> Other:
    """With the same credentials, a first look at the market, and a consumer."""
    url = live.endpoints.emulator_url
    manager, mine = aws.client("secretsmanager", url), stack.physical_ids(url)
    for name in SECRETS:
        value = manager.get_secret_value(SecretId=mine[name])["SecretString"]
        manager.put_secret_value(SecretId=ids[name], SecretString=value)
    functions = Functions(url, ids)
    functions.invoke("ExpireSessionsFunction", {})
    functions.invoke("RefreshInventoryFunction", {"provider": "vastai"})
    key = json.loads(manager.get_secret_value(SecretId=ids["OperatorKeySecret"])["SecretString"])
    api, stage = stack.api_and_stage(url, name=NAME)
    address = f"{url}/_aws/execute-api/{api}/{stage}"
    operator = Api(address, f"gsk_{key['key_id']}_{key['secret']}")
    made = operator.post("/api/v1/keys", {"role": "consumer", "consumer_id": "neighbour"})
    return Other(functions, Api(address, made["api_key"]), operator, parameters)


def test_two_deployments_on_one_account_leave_each_other_alone(
    rough: Renting, other: Other
) -> None:
    """N-18, QA-H10, N-26: both with a running session and an orphan, and sweeps of both.

    Then one of them only looks: its next orphan stays, and its session ends as ever.
    """
    live = rough.live
    mine, running = rough.running()
    theirs = other.consumer.post("/api/v1/sessions", wish(rough.offer()))["session"]
    path = f"/api/v1/sessions/{theirs['id']}"
    wait_for(lambda: other.operator.get(path)["status"] == "running", 90)
    lost = str(uuid.uuid4())
    my_orphan = provider.plant(live, f"shopper-{DEPLOYMENT_ID}-{lost}-1")
    their_orphan = provider.plant(live, f"shopper-{OTHER_ID}-{lost}-1")
    wait_for(lambda: live.sweep("ReconcileFunction") and _is_gone(live, my_orphan), 60)
    wait_for(lambda: other.sweep() and _is_gone(live, their_orphan), 60)
    assert mine.now()["status"] == other.operator.get(path)["status"] == "running"
    for session_id in (mine.id, theirs["id"]):
        assert [one["alive"] for one in provider.machines(live, session_id)] == [True]
    assert _orphans(live.operator) & {my_orphan, their_orphan} == {my_orphan}
    assert _orphans(other.operator) == {their_orphan}
    assert live.operator.send("GET", path).status_code == 404

    parameters = other.parameters | DRY_RUN
    stack.deploy(live.endpoints.emulator_url, build(), parameters, name=NAME)
    left = provider.plant(live, f"shopper-{OTHER_ID}-{uuid.uuid4()}-1")
    other.sweep()
    other.sweep()
    assert left in _orphans(other.operator)
    assert provider.destroys(live, left) == []
    other.consumer.delete(path)
    wait_for(lambda: other.operator.get(path)["status"] == "stopped", 90)
    assert mine.now()["provider_instance_id"] == running["provider_instance_id"]
    mine.end()


def _is_gone(live: Deployed, instance_id: str) -> bool:
    return not provider.machine(live, instance_id)["alive"]


def _orphans(operator: Api) -> set[str]:
    listed: list[Row] = operator.get("/api/v1/orphans", provider="vastai", limit=200)["orphans"]
    return {one["instance_id"] for one in listed}
