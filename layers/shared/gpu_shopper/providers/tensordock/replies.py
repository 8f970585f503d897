"""What TensorDock's answers mean. Errors hide in HTTP 200, and 404 is not always "gone".

{error} · {status, error} within HTTP 200 · [{code, message, path}, …] · {statusCode, error,
message} of the router · {detail} · HTML
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
from gpu_shopper.providers.addresses import is_path_id
from gpu_shopper.providers.http import BODY_BYTES, Reply

DECISIVE = frozenset(
    [
        *("status", "error", "success", "data", "instances", "attributes", "locations"),
        *("id", "name"),
    ]
)
_ERROR_KEYS = ("error", "message", "detail", "msg")
_PLACE = r"(?:data ?cent(?:er|re)|location|region|site)"
_IS = r"(?:'s| is| are|) ?(?:currently|temporarily|)"
_NO_CAPACITY = re.compile(
    r"no available nodes?|no nodes? available|nodes?(?: is| are)? unavailable"
    r"|insufficient capacity|not enough capacity|no capacity|capacity limit|at capacity"
    r"|resources?(?: is| are)? unavailable|out of stock|sold out|fully allocated|high demand"
    rf"|gpus?(?: type| model|){_IS} ?(?:unavailable|not available)"
    r"|no gpus? available|no matching gpus?"
    rf"|{_PLACE}{_IS} ?unavailable|temporarily unavailable|under maintenance"
    r"|cannot allocate|allocation failed|no available public ips?",
    re.IGNORECASE,
)
_OTHER_CAUSE = re.compile(
    r"internal (?:server )?error|rate.?limit|too many requests|unauthori[sz]ed|authenticat"
    r"|invalid (?:api|token|key|image|credential)|\bvalidation\b|\bbalance\b|insufficient fund"
    r"|at least \$",
    re.IGNORECASE,
)
_MISSING = r"(?:not (?:be )?found|does ?n[o']t exist|no longer exists?)"
_NO_SUCH_INSTANCE = re.compile(
    rf"\b(?:instance|virtual ?machine|vm)\b[^.;]{{0,80}}\b{_MISSING}"
    r"|\bno such (?:instance|virtual ?machine|vm)\b",
    re.IGNORECASE,
)
_NO_SUCH_PLACE = re.compile(
    rf"\b(?:{_PLACE}|host ?node|gpu)s?\b[^.;]{{0,80}}\b{_MISSING}", re.IGNORECASE
)
_ROUTER = re.compile(r"\b(?:route|endpoint|path|url|page)\b", re.IGNORECASE)
_GOOD_STATUS = frozenset((200, 201, 202))
_DEFINITE_STATUS = frozenset((400, 402, 404, 405, 406, 409, 410, 413, 415, 422))


def body_of(reply: Reply) -> dict[str, Any]:
    """The JSON object in `reply`. Raises BadProviderReply for anything else."""
    body = reply.json(DECISIVE)
    if not isinstance(body, dict):
        raise BadProviderReply("an answer that is no JSON object")
    return body


def status_of(reply: Reply) -> int:
    """The status that counts: the one in the body when HTTP says 200 and the body knows better."""
    if not 200 <= reply.status < 300:
        return reply.status
    return _inner_status(_object(reply)) or reply.status


def says_error(reply: Reply) -> bool:
    """True when a small answer is a failure, whatever HTTP says of it."""
    return status_of(reply) >= 300 or _denies(_object(reply)) or bool(_problems(reply))


def _inner_status(body: dict[str, Any]) -> int | None:
    """The error status in a body; there an instance's `status` is a word."""
    inner = body.get("status")
    if isinstance(inner, str) and re.fullmatch("[1-5][0-9]{2}", inner, re.ASCII):
        inner = int(inner)
    return inner if type(inner) is int and 400 <= inner < 600 else None


def _denies(body: dict[str, Any]) -> bool:
    errors = body.get("error") or body.get("errors") or _inner_status(body)
    return body.get("success", True) is not True or bool(errors)


def error_text(reply: Reply) -> str:
    """The provider's explanation: cleaned, at most 1,000 characters, and no HTML."""
    parts = _explanation(reply)
    if not parts and not reply.body.lstrip().startswith((b"<", b"{", b"[")):
        parts = [reply.text()]
    return reply.kept(f"status {status_of(reply)}: {': '.join(parts) or 'no explanation'}")


def refusal(reply: Reply) -> ProviderError | None:
    """Answers that mean no whatever was asked; None leaves the answer to the caller."""
    status = status_of(reply)
    if status in (401, 403) and rented_id(reply) is None and not _is_sold_out(reply):
        return ProviderAuth(error_text(reply))
    if status == 429:
        return RateLimited(error_text(reply), retry_after_s=reply.retry_after_s)
    if status >= 500:
        return ProviderUnavailable(error_text(reply))
    if status < 200 or 300 <= status < 400:
        return BadProviderReply(f"status {status}: is the base URL right?")
    return None


def accepted(reply: Reply) -> dict[str, Any]:
    """The body, of any size, of an answer that reports no error. Raises BadProviderReply."""
    if reply.status != 200 or _problems(reply):
        raise BadProviderReply(error_text(reply))
    body = body_of(reply)
    if _denies(body):
        raise BadProviderReply(error_text(reply))
    return body


def says_not_found(reply: Reply) -> bool:
    """True when the body itself says that the instance does not exist; a bare 404 does not."""
    text = " ".join(_explanation(reply))
    return status_of(reply) == 404 and bool(_NO_SUCH_INSTANCE.search(text)) and not _routed(text)


def rented_id(reply: Reply) -> str | None:
    """The instance that an answer to a launch names: in `data`, or bare where nothing failed."""
    body = _object(reply)
    data = body.get("data")
    if not data and not says_error(reply):
        data = body
    found = data.get("id") if isinstance(data, dict) else None
    return str(found) if is_path_id(found) else None


def launch_failure(reply: Reply) -> ProviderError | None:
    """What a launch's answer without full success means; None is success.

    Only an answer that can be read, says no in a known way, and names no instance is a refusal.
    """
    text, instance_id = error_text(reply), rented_id(reply)
    good = reply.status in _GOOD_STATUS and not says_error(reply)
    if instance_id is not None:
        return None if good else RentedDespiteError(text, instance_id=instance_id)
    if good or b'"id"' in reply.body:
        return LaunchUncertain(f"an instance may exist, but none can be read: {text}")
    if _is_sold_out(reply):
        return NoCapacity(text)
    general = refusal(reply)
    if isinstance(general, ProviderAuth | RateLimited):
        return general
    return _judged(reply, text)


def _judged(reply: Reply, text: str) -> ProviderError:
    explained = " ".join(_explanation(reply))
    definite = status_of(reply) in _DEFINITE_STATUS or bool(_problems(reply))
    if not explained or not definite:
        return LaunchUncertain(text)
    if _NO_SUCH_PLACE.search(explained) and not _routed(explained):
        return OfferGone(text)
    return LaunchRejected(text)


def _is_sold_out(reply: Reply) -> bool:
    explained = " ".join(_explanation(reply))
    return bool(_NO_CAPACITY.search(explained)) and not _OTHER_CAUSE.search(explained)


def _routed(text: str) -> bool:
    return bool(_ROUTER.search(text))


def _problems(reply: Reply) -> list[str]:
    """The messages of an array of validation errors; [] for anything else."""
    rows = _parsed(reply)
    if not isinstance(rows, list):
        return []
    texts = [row.get("message") or row.get("code") for row in rows if isinstance(row, dict)]
    return [text for text in texts if isinstance(text, str)] if len(texts) == len(rows) else []


def _explanation(reply: Reply) -> list[str]:
    body = _object(reply)
    said = (body.get(key) for key in _ERROR_KEYS)
    return [text for text in said if isinstance(text, str) and text] or _problems(reply)


def _object(reply: Reply) -> dict[str, Any]:
    body = _parsed(reply)
    return body if isinstance(body, dict) else {}


def _parsed(reply: Reply) -> Any:
    """The JSON of a small answer, or None."""
    if len(reply.body) > BODY_BYTES:
        return None
    try:
        return reply.json(DECISIVE)
    except BadProviderReply:
        return None
