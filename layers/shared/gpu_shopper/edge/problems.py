"""Errors to answers: the one table of error → status, and the one shape of an error body."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from gpu_shopper import errors
from gpu_shopper.core.money import to_usd
from gpu_shopper.errors import ShopperError, ValidationFailed
from gpu_shopper.errors.provider import ProviderError

STATUS: Mapping[type[ShopperError], int] = {
    ShopperError: 500,
    errors.RequestError: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.BudgetExceeded: 403,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.NotAcceptable: 406,
    errors.IllegalTransition: 409,
    errors.DuplicateSession: 409,
    errors.PriceAboveMax: 409,
    errors.OfferSuppressed: 409,
    errors.Conflict: 409,
    errors.PayloadTooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.IdempotencyMismatch: 422,
    errors.TooManyRequests: 429,
    errors.StaleInventory: 503,
    errors.ProviderNotUsable: 503,
    errors.StoreUnavailable: 503,
    ProviderError: 503,
}
INTERNAL_TEXT = "internal error"
MAX_REFLECTED_BYTES = 128


def status_of(error: ShopperError) -> int:
    """The HTTP status of `error`: its own, or that of its nearest ancestor in the table."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def body_of(error: ShopperError, request_id: str) -> dict[str, Any]:
    """The error body: error, error_type, request_id and what the error carries."""
    if status_of(error) == STATUS[ShopperError]:
        return internal_body(request_id)
    body: dict[str, Any] = {
        "error": error.message,
        "error_type": error.code,
        "request_id": request_id,
    }
    if isinstance(error, ValidationFailed):
        body["details"] = [{"field": name, "message": text} for name, text in error.details]
    return body | _shown(error.extra)


def internal_body(request_id: str) -> dict[str, Any]:
    """What is said of an unexpected error: nothing but where to find it in the log."""
    return {"error": INTERNAL_TEXT, "error_type": ShopperError.code, "request_id": request_id}


def headers_of(error: ShopperError) -> dict[str, str]:
    """Headers that belong to this error."""
    headers = {}
    if "retry_after_seconds" in error.extra:
        headers["Retry-After"] = str(error.extra["retry_after_seconds"])
    if "allow" in error.extra:
        headers["Allow"] = ", ".join(error.extra["allow"])
    if isinstance(error, errors.Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def _shown(extra: Mapping[str, Any]) -> dict[str, Any]:
    """An error's fields as callers see them: prices in dollars, header values left out."""
    shown: dict[str, Any] = {}
    for name, value in extra.items():
        if name == "price_microusd":
            shown["price_per_hour"] = to_usd(value)
        elif name == "max_price_microusd":
            shown["max_price"] = to_usd(value)
        elif name != "allow":
            shown[name] = _number(value)
    return shown


def _number(value: Any) -> Any:
    """Exact decimals as JSON numbers, also inside of an object; everything else as it is."""
    if isinstance(value, dict):
        return {name: _number(one) for name, one in value.items()}
    return float(value) if isinstance(value, Decimal) else value


def reflected(text: str) -> str:
    """A caller's text as it may appear in a message: short, printable, without < and >."""
    kept = "".join(c for c in text if c.isprintable() and c not in "<>")
    return kept.encode("utf-8", "ignore")[:MAX_REFLECTED_BYTES].decode("utf-8", "ignore")
