"""What Vast.ai's answers mean. Errors come in at least six shapes, and 404 is not always "gone".

{success: false, error, msg} · only msg · {message, code} · {detail} · plain text · HTML
"""

from __future__ import annotations

import re
from typing import Any

from gpu_shopper.errors.provider import (
    BadProviderReply,
    LaunchRejected,
    LaunchUncertain,
    NoCapacity,
    OfferGone,
    ProviderAuth,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RentedDespiteError,
)
from gpu_shopper.providers.http import BODY_BYTES, Reply

QUOTA_PAUSE_S = 300.0
"""The search quota is renewed once a day: asking again soon is of no use."""

NOT_FOUND = ("no_such_instance", "not_found")
DECISIVE = frozenset(
    [
        *("success", "error", "instances", "new_contract", "total_instances", "next_token"),
        *("id", "label", "actual_status"),
    ]
)
_ERROR_KEYS = ("error", "msg", "message", "detail", "code")
_AUTH_ERRORS = ("auth_error", "unauthorized", "invalid_api_key")
_NOT_OURS_TO_RENT = re.compile(r"error 403/3586")
_NO_SUCH_ASK = re.compile(r"no[\W_]*such[\W_]*ask", re.IGNORECASE)
_NO_CAPACITY = re.compile(r"\b(no|insufficient|not[\W_]+enough)[\W_]*capacity", re.IGNORECASE)
_QUEUED = re.compile(r"\bqueued\b", re.IGNORECASE)
"""What cannot start now may start, and cost, later: no refusal."""
_TAKEN = re.compile(
    r"(instance type|offer|ask|machine|gpu|resource)s?\b.*"
    r"\b(unavailable|not available|no longer|already rented)",
    re.IGNORECASE,
)
_INTERVAL = re.compile(r"threshold ?= ?([0-9]{1,3}(?:\.[0-9]{1,3})?)")
_DEFINITE_STATUS = frozenset((400, 402, 403, 404, 405, 406, 409, 410, 413, 415, 422))
_DEFINITE_ERRORS = (
    *("invalid_args", "invalid_price", "invalid_request", "bad_request"),
    *("insufficient_credit", "no_ssh_key_for_vm"),
)


def body_of(reply: Reply) -> dict[str, Any]:
    """The JSON object in `reply`. Raises BadProviderReply for anything else."""
    body = reply.json(DECISIVE)
    if not isinstance(body, dict):
        raise BadProviderReply("an answer that is no JSON object")
    return body


def error_text(reply: Reply) -> str:
    """The provider's explanation: cleaned, at most 1,000 characters, and no HTML."""
    parts = _explanation(_object(reply))
    if not parts and not reply.body.lstrip().startswith((b"<", b"{", b"[")):
        parts = [reply.text()]
    return reply.kept(f"status {reply.status}: {': '.join(parts) or 'no explanation'}")


def refusal(reply: Reply) -> ProviderError | None:
    """Answers that mean no whatever was asked; None leaves the answer to the caller."""
    if _is_auth(reply):
        return ProviderAuth(error_text(reply))
    if reply.status == 429 or _object(reply).get("error") == "rate_limit_exceeded":
        return RateLimited(error_text(reply), retry_after_s=_wished_pause_s(reply))
    if reply.status >= 500:
        return ProviderUnavailable(error_text(reply))
    if reply.status < 200 or 300 <= reply.status < 400:
        return BadProviderReply(f"status {reply.status}: is the base URL right?")
    return None


def says_not_found(reply: Reply) -> bool:
    """True when the body itself says that the instance does not exist; a bare 404 does not."""
    body = _object(reply)
    return body.get("success") is False and body.get("error") in NOT_FOUND


def says_yes(reply: Reply) -> bool:
    """True for a success that its body confirms."""
    return reply.status == 200 and _object(reply).get("success") is True


def rented_id(reply: Reply) -> str | None:
    """The instance that an answer to a launch names, whatever else it says."""
    found = _object(reply).get("new_contract")
    usable = type(found) in (int, str) and re.fullmatch(r"[1-9][0-9]{0,17}", str(found), re.ASCII)
    return str(found) if usable else None


def launch_failure(reply: Reply) -> ProviderError | None:
    """What a launch's answer without full success means; None is success.

    Only an answer that can be read, says no in a known way, and names no instance is a refusal.
    """
    body, instance_id, text = _object(reply), rented_id(reply), error_text(reply)
    if instance_id is not None:
        good = reply.status == 200 and body.get("success", True) is True
        return None if good else RentedDespiteError(text, instance_id=instance_id)
    if b"new_contract" in reply.body and body.get("new_contract", "") is not None:
        return LaunchUncertain(f"an instance is named, but cannot be read: {text}")
    general = refusal(reply)
    if isinstance(general, ProviderAuth | RateLimited):
        return general
    return _judged(reply, body, text)


def _judged(reply: Reply, body: dict[str, Any], text: str) -> ProviderError:
    says_no = body.get("success") is not True and bool(_explanation(body))
    if _QUEUED.search(text):
        return LaunchUncertain(text)
    if says_no and _NO_SUCH_ASK.search(text):
        return OfferGone(text)
    definite = reply.status in _DEFINITE_STATUS
    if says_no and (definite or reply.status == 200) and _NO_CAPACITY.search(text):
        return NoCapacity(text)
    if says_no and definite and _TAKEN.search(text):
        return OfferGone(text)
    if says_no and (definite or (reply.status == 200 and body.get("error") in _DEFINITE_ERRORS)):
        return LaunchRejected(text)
    return LaunchUncertain(text)


def _explanation(body: dict[str, Any]) -> list[str]:
    return [
        str(body[key]) for key in _ERROR_KEYS if body.get(key) and isinstance(body[key], str | int)
    ]


def _object(reply: Reply) -> dict[str, Any]:
    """The JSON object of a small answer, or {}."""
    if len(reply.body) > BODY_BYTES:
        return {}
    try:
        return body_of(reply)
    except BadProviderReply:
        return {}


def _is_auth(reply: Reply) -> bool:
    if reply.status >= 500 or b"new_contract" in reply.body:
        return False
    text = error_text(reply) if reply.status != 200 else ""
    if _NOT_OURS_TO_RENT.search(text):
        return False
    return reply.status in (401, 403) or _object(reply).get("error") in _AUTH_ERRORS


def _wished_pause_s(reply: Reply) -> float | None:
    if reply.retry_after_s is not None:
        return reply.retry_after_s
    text = reply.text()
    if "search_quota_exceeded" in text:
        return QUOTA_PAUSE_S
    interval = _INTERVAL.search(text)
    return float(interval[1]) if interval else None
