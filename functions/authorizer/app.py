"""Who is it: an API key to a caller, or the gateway's 401."""

from __future__ import annotations

from typing import Any

from gpu_shopper.edge.logs import Refused, logged, logger
from gpu_shopper.edge.requests import count_refusal, given_request_id
from gpu_shopper.edge.wiring import bootstrap_secret, deps
from gpu_shopper.errors import Unauthorized
from gpu_shopper.usecases.keys import authenticate


@logged
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Allow the whole API for a valid key, and tell the functions whose it is."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    request_id = given_request_id(headers)
    if request_id is not None:
        logger.append_keys(request_id=request_id)
    try:
        caller = authenticate(deps(), headers.get("authorization"), bootstrap_secret)
    except Unauthorized as exc:
        count_refusal(deps().note, "401")
        # The gateway turns exactly this text into its 401 answer.
        raise Refused("Unauthorized") from exc
    logger.info("key accepted", key_id=caller.key_id, role=caller.role.value)
    context = {"key_id": caller.key_id, "role": caller.role.value}
    if caller.consumer_id:
        context["consumer_id"] = caller.consumer_id
    return {
        "principalId": caller.key_id,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    "Resource": _whole_api(event["methodArn"]),
                }
            ],
        },
        "context": context,
    }


def _whole_api(method_arn: str) -> str:
    """The ARN of every method of this stage: the answer is cached for all of them."""
    api, stage = method_arn.split("/")[:2]
    return f"{api}/{stage}/*"
