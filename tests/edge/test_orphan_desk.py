"""Wishes of operators on their way to the function that has the providers' keys, and back."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from botocore.exceptions import ReadTimeoutError

from gpu_shopper.edge import wiring
from gpu_shopper.edge.aws import LambdaOrphanDesk
from gpu_shopper.edge.steps import OrphanEvent
from gpu_shopper.usecases.deps import OrphanAct, OrphanOutcome, OrphanTold, OrphanWish

WISH = OrphanWish(OrphanAct.ADOPT, "vastai", "5001", "operator", "a reason")
TOLD = OrphanTold(OrphanOutcome.ADOPTED, session_id="a session", attempt=2)


class FakeLambda:
    """Answers once, and keeps what it was asked."""

    def __init__(self, answer: Any, *, failed: bool = False) -> None:
        self.asked: list[dict[str, Any]] = []
        self._answer = answer
        self._failed = {"FunctionError": "Unhandled"} if failed else {}

    def invoke(self, **call: Any) -> dict[str, Any]:
        self.asked.append(call)
        if isinstance(self._answer, Exception):
            raise self._answer
        return {"Payload": io.BytesIO(json.dumps(self._answer).encode()), **self._failed}


def desk(client: Any) -> LambdaOrphanDesk:
    logger = Logger(service=wiring.new_id(), stream=io.StringIO())
    return LambdaOrphanDesk(client, "reconcile", logger)


def test_a_wish_and_its_outcome_arrive_as_they_were_sent() -> None:
    """0014: both ends agree on the event."""
    client = FakeLambda(asdict(TOLD))
    assert desk(client)(WISH) == TOLD
    (call,) = client.asked
    assert call["FunctionName"] == "reconcile"
    assert OrphanEvent.model_validate(json.loads(call["Payload"])).wish() == WISH


@pytest.mark.parametrize(
    "client",
    [
        FakeLambda(ReadTimeoutError(endpoint_url="https://lambda")),
        FakeLambda({"errorMessage": "Task timed out"}, failed=True),
    ],
    ids=["no answer", "a failure"],
)
def test_no_usable_answer_is_one_that_may_be_asked_for_again(client: FakeLambda) -> None:
    """1.7: never taken for a refusal."""
    assert desk(client)(WISH).outcome is OrphanOutcome.UNAVAILABLE
