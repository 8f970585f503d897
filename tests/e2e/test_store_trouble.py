"""What callers are told while the store refuses the functions: it is ours, not theirs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from local import aws, stack
from local.api import Api
from tests.e2e.deployed import Deployed
from tests.e2e.renting import Renting, wish

OFFER = {"id": "vastai-999999999", "provider": "vastai"}


@contextmanager
def denied(live: Deployed, role: str, *actions: str) -> Iterator[None]:
    """The functions of `role` are refused these actions while the block lasts."""
    url = live.endpoints.emulator_url
    iam, policy = aws.client("iam", url), {"RoleName": stack.physical_ids(url)[role]}
    statement = {"Effect": "Deny", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(**policy, PolicyName="trouble", PolicyDocument=document)
    try:
        yield
    finally:
        iam.delete_role_policy(**policy, PolicyName="trouble")


def _read(caller: Api) -> tuple[int, str]:
    answer = caller.send("GET", f"/api/v1/inventory/{OFFER['id']}")
    return answer.status_code, answer.json()["error_type"]


def _rent(caller: Api) -> tuple[int, str]:
    answer = caller.send("POST", "/api/v1/sessions", json=wish(OFFER))
    return answer.status_code, answer.json()["error_type"]


@pytest.mark.parametrize(("role", "ask"), [("InventoryApiRole", _read), ("SessionsApiRole", _rent)])
def test_an_offer_that_cannot_be_looked_up_is_not_called_unknown(
    rough_renting: Renting, role: str, ask: Callable[[Api], tuple[int, str]]
) -> None:
    """X-23: 503 while the store is in trouble; 404 when it proves that there is none."""
    live, caller = rough_renting.live, rough_renting.consumer()
    with denied(live, role, "dynamodb:GetItem", "dynamodb:Query"):
        assert ask(caller) == (503, "service_unavailable")
    assert ask(caller) == (404, "offer_not_found")
