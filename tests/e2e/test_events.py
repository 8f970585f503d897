"""The sample events, sent to the deployed functions as `sam local invoke` sends them."""

from __future__ import annotations

import json

import pytest

from local.functions import FunctionFailed
from tests.e2e.deployed import Deployed
from tests.events import cases, logical_id, sample

# The samples name an offer, a session and a key that this world does not have.
STATUS = {
    "inventory_api/list": 200,
    "inventory_api/offer_health": 200,
    "inventory_api/prices": 200,
    "inventory_api/health": 200,
    "inventory_api/ready": 200,
    "inventory_api/offer": 404,
    "inventory_api/compatible_templates": 404,
    "inventory_api/list_for_template": 200,
    "inventory_api/template": 200,
    "inventory_api/templates": 200,
    "sessions_api/create": 404,
    "sessions_api/list": 200,
    "sessions_api/get": 404,
    "sessions_api/diagnostics": 404,
    "sessions_api/done": 404,
    "sessions_api/extend": 404,
    "sessions_api/override": 404,
    "sessions_api/delete": 404,
    "costs_api/period": 200,
    "costs_api/session": 404,
    "costs_api/summary": 200,
    "costs_api/reconciliation": 200,
    "operator_api/get_budget": 404,
    "operator_api/list_budgets": 200,
    "operator_api/delete_budget": 404,
    "operator_api/put_budget": 201,
    "heartbeat_api/heartbeat": 401,
    "operator_api/create_key": 201,
    "operator_api/list_keys": 200,
    "operator_api/revoke_key": 404,
    "operator_api/list_orphans": 200,
    "operator_api/destroy_orphan": 404,
    "operator_api/adopt_orphan": 404,
    "operator_api/list_audit": 200,
    "webhooks_api/create": 400,
    "webhooks_api/list": 200,
    "webhooks_api/get": 404,
    "webhooks_api/test": 404,
    "webhooks_api/delete": 404,
}
STEPS = ("provision_step", "verify_ssh", "teardown_step")
SWEEPS = ("refresh_inventory", "expire_sessions", "reconcile", "accrue_costs", "publish_gauges")


def of(*functions: str) -> list[str]:
    return [case for case in cases() if case.split("/")[0] in functions]


@pytest.mark.parametrize(
    "case",
    of(
        "inventory_api",
        "sessions_api",
        "heartbeat_api",
        "costs_api",
        "operator_api",
        "webhooks_api",
    ),
)
def test_a_sample_request_gets_its_answer(live: Deployed, case: str) -> None:
    answer = live.functions.invoke(logical_id(case), sample(case))
    assert (answer["statusCode"], answer["headers"]["Content-Type"]) == (
        STATUS[case],
        "application/json",
    )
    assert isinstance(json.loads(answer["body"]), dict)


@pytest.mark.parametrize("case", of(*STEPS))
def test_a_step_of_a_session_that_is_not_there_is_done(live: Deployed, case: str) -> None:
    answer = live.functions.invoke(logical_id(case), sample(case))
    assert answer == {"outcome": "done", "wait_s": 0}


@pytest.mark.parametrize("case", of(*SWEEPS))
def test_a_sweep_reports_what_it_did(live: Deployed, case: str) -> None:
    assert isinstance(live.functions.invoke(logical_id(case), sample(case)), dict)


@pytest.mark.parametrize("case", of("hard_stop"))
def test_the_timer_of_a_session_that_is_not_there_does_nothing(live: Deployed, case: str) -> None:
    answer = live.functions.invoke(logical_id(case), sample(case))
    assert answer == {"live": False, "handled": False}


@pytest.mark.parametrize("case", of("authorizer"))
def test_a_key_that_was_never_made_is_refused(live: Deployed, case: str) -> None:
    with pytest.raises(FunctionFailed, match="Unauthorized"):
        live.functions.invoke(logical_id(case), sample(case))


@pytest.mark.parametrize("case", of("publish_events"))
def test_a_new_event_is_taken_by_the_bus(live: Deployed, case: str) -> None:
    answer = live.functions.invoke(logical_id(case), sample(case))
    assert answer == {"batchItemFailures": []}


@pytest.mark.parametrize("case", of("deliver_webhooks"))
def test_a_message_that_concerns_no_webhook_is_dropped(live: Deployed, case: str) -> None:
    assert live.functions.invoke(logical_id(case), sample(case)) is None


def test_every_sample_is_sent() -> None:
    apart = ("authorizer", "hard_stop", "publish_events", "deliver_webhooks")
    assert {*of(*STEPS, *SWEEPS, *apart), *STATUS} == set(cases())
