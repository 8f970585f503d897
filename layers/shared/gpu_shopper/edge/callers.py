"""Who sent a request, as the authorizer told the gateway, and whether it may go on."""

from __future__ import annotations

from typing import Any

from gpu_shopper.core.api_keys import Caller, Role
from gpu_shopper.core.rate_limit import Bucket
from gpu_shopper.core.settings import Settings
from gpu_shopper.errors import Forbidden, Unauthorized
from gpu_shopper.store import access
from gpu_shopper.usecases.deps import Deps


def caller_of(event: dict[str, Any]) -> Caller:
    """The caller in the authorizer's context. Raises Unauthorized when there is none."""
    context = event.get("requestContext", {}).get("authorizer") or {}
    try:
        role = Role(context["role"])
        return Caller(context["key_id"], role, context.get("consumer_id") or None)
    except (KeyError, ValueError) as exc:
        raise Unauthorized("a valid API key is required") from exc


def operator_of(event: dict[str, Any]) -> Caller:
    """The caller, if it is an operator. Raises Forbidden."""
    caller = caller_of(event)
    if caller.role is not Role.OPERATOR:
        raise Forbidden("this needs an operator key")
    return caller


def admit(deps: Deps, event: dict[str, Any]) -> None:
    """Take one token of the caller's bucket. Raises TooManyRequests, Unauthorized."""
    caller = caller_of(event)
    access.take_token(deps.access, caller.key_id, bucket_of(caller, deps.settings), deps.now())


def bucket_of(caller: Caller, settings: Settings) -> Bucket:
    """The bucket of this caller's role."""
    if caller.role is Role.OPERATOR:
        return Bucket(
            settings.operator_rate_per_s, settings.operator_burst, settings.operator_daily_quota
        )
    return Bucket(
        settings.consumer_rate_per_s, settings.consumer_burst, settings.consumer_daily_quota
    )
