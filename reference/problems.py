"""The error part of the document: one body shape, and which words come with which status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gpu_shopper import errors
from gpu_shopper.edge.problems import STATUS
from gpu_shopper.errors import ShopperError
from gpu_shopper.errors.provider import ProviderError

type Schema = dict[str, Any]

# The gateway's own words, beside those it shares with the functions.
_GATEWAY = {502: "bad_gateway", 504: "gateway_timeout"}

_TEXTS: Mapping[int, str] = {
    400: "The request is malformed or impossible; nothing was done.",
    401: "No usable API key.",
    403: "A valid key without the right.",
    404: "There is no such thing, or it is somebody else's.",
    405: "The path exists, the method does not; no documented request gets this.",
    406: "The answer would be JSON, and the caller does not accept that.",
    409: "The request does not fit what is there now.",
    413: "The body is larger than 1 MiB.",
    415: "The body is not declared as application/json.",
    422: "The Idempotency-Key stands for a request with another body; nothing was done.",
    429: "Too many requests with this key.",
    500: "An error of ours; the log has more under this request id.",
    502: "The gateway got no usable answer from a function.",
    503: "Not available now; worth trying again.",
    504: "The gateway waited too long; what was begun is recorded or did not start.",
}
_HEADERS: Mapping[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}

_GB: Schema = {"type": "number"}
_BREAKDOWN: Mapping[str, Schema] = {
    "model_weight_gb": {**_GB, "description": "The model's weights."},
    "download_buffer_gb": {**_GB, "description": "Room for the download beside them."},
    "docker_image_gb": {**_GB, "description": "The image."},
    "system_overhead_gb": {**_GB, "description": "Everything else on the disk."},
    "minimum_gb": {"type": "integer", "description": "The sum, rounded up."},
    "recommended_gb": {"type": "integer", "description": "With a fifth more, rounded up to fives."},
    "template_floor_gb": {"type": "integer", "description": "What the template recommends."},
    "model_id": {"type": "string", "description": "The model asked for."},
    "quantization": {"type": "string", "description": "As given, or as the model's name says."},
    "param_count_b": {"type": "number", "description": "Billions of parameters."},
}

_FIELDS: Mapping[str, tuple[Schema, str]] = {
    "details": (
        {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {
                    "field": {"type": "string", "description": "Its JSON name."},
                    "message": {"type": "string", "description": "What is wrong with it."},
                },
            },
        },
        "Each field that is wrong.",
    ),
    "retry_after_seconds": ({"type": "integer", "minimum": 1}, "Seconds to wait."),
    "retry_suggested": ({"type": "boolean"}, "Whether the same request may work soon."),
    "limit_bytes": ({"type": "integer"}, "The largest body, in bytes."),
    "reservation_hours": ({"type": "integer"}, "Hours reserved so far."),
    "additional_hours": ({"type": "integer"}, "Hours asked for."),
    "max_hours": ({"type": "integer"}, "Hours that cannot be passed."),
    "requested_gb": ({"type": "integer"}, "GB of disk asked for."),
    "minimum_gb": ({"type": "integer"}, "GB of disk that the model needs at least."),
    "recommended_gb": ({"type": "integer"}, "GB of disk with room to work."),
    "breakdown": (
        {"type": "object", "properties": _BREAKDOWN},
        "What the estimate is made of.",
    ),
    "consumer_id": ({"type": "string"}, "Whose session it is."),
    "offer_id": ({"type": "string"}, "The offer."),
    "provider": ({"type": "string"}, "The provider."),
    "instance_id": ({"type": "string"}, "The provider's id of the machine."),
    "providers": (
        {"type": "array", "items": {"type": "string"}},
        "The providers that cannot be used.",
    ),
    "session_id": ({"type": "string"}, "The session."),
    "session_status": ({"type": "string"}, "The state of the live session."),
    "status": ({"type": "string"}, "The state now."),
    "allowed_events": (
        {"type": "array", "items": {"type": "string"}},
        "What may be asked for in this state.",
    ),
    "monthly_limit_usd": ({"type": "number"}, "USD that may be spent this month."),
    "spent_usd": ({"type": "number"}, "USD spent this month."),
    "reserved_usd": ({"type": "number"}, "USD that live sessions have reserved."),
    "requested_usd": ({"type": "number"}, "USD that the request would reserve."),
    "price_per_hour": ({"type": "number"}, "USD per hour of the offer."),
    "max_price": ({"type": "number"}, "USD per hour that were allowed."),
}


def error_schema() -> Schema:
    """The body of every error; fields beyond the first three belong to some errors only."""
    known: dict[str, tuple[Schema, str]] = {
        "error": ({"type": "string"}, "What is wrong, for people."),
        "error_type": ({"type": "string", "enum": every_word()}, "A stable word for programs."),
        "request_id": ({"type": "string"}, "Also in the header X-Request-ID and in the log."),
    }
    return {
        "type": "object",
        "description": "What every answer beyond 299 looks like.",
        "required": [*known],
        "properties": {
            name: {"description": text, **schema}
            for name, (schema, text) in {**known, **_FIELDS}.items()
        },
    }


def every_word() -> list[str]:
    """Every `error_type`, in order of status."""
    return [word for words in words_by_status().values() for word in words]


def words_by_status() -> dict[int, list[str]]:
    """Status → its words, from the tree of errors; what adapters raise stays inside."""
    found: dict[int, list[str]] = {500: [ShopperError.code]}
    for kind in _kinds(ShopperError):
        status = next(STATUS[each] for each in kind.__mro__ if each in STATUS)
        if status != STATUS[ShopperError] and kind is not errors.RequestError:
            found.setdefault(status, []).append(kind.code)
    for status, word in _GATEWAY.items():
        found.setdefault(status, []).append(word)
    return {status: sorted(set(words)) for status, words in sorted(found.items())}


def _kinds(base: type[ShopperError]) -> Iterator[type[ShopperError]]:
    for kind in base.__subclasses__():
        if kind is not ProviderError:
            yield kind
            yield from _kinds(kind)


def responses() -> dict[str, Schema]:
    """The reusable error responses, named after their status."""
    return {name(status): _response(status, words) for status, words in words_by_status().items()}


def name(status: int) -> str:
    """The component that describes errors of this status."""
    return f"Error{status}"


def _response(status: int, words: list[str]) -> Schema:
    narrowed = {
        "allOf": [
            {"$ref": "#/components/schemas/Error"},
            {"properties": {"error_type": {"enum": words}}},
        ]
    }
    headers = ("X-Request-ID", *_HEADERS.get(status, ()))
    return {
        "description": _TEXTS[status],
        "headers": {one: {"$ref": f"#/components/headers/{one}"} for one in headers},
        "content": {"application/json": {"schema": narrowed}},
    }
