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
    "operator_api/create_key": 201,
    "operator_api/list_keys": 200,
    "operator_api/revoke_key": 404,
}
STEPS = ("provision_step", "verify_ssh", "teardown_step")
SWEEPS = ("refresh_inventory", "expire_sessions", "reconcile", "publish_gauges")


def of(*functions: str) -> list[str]:
    return [case for case in cases() if case.split("/")[0] in functions]


@pytest.mark.parametrize("case", of("inventory_api", "sessions_api", "operator_api"))
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


def test_every_sample_is_sent() -> None:
    assert {*of(*STEPS), *of(*SWEEPS), *of("authorizer"), *of("hard_stop"), *STATUS} == set(cases())
