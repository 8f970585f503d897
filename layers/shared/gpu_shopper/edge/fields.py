"""Types of the fields that callers send: what each may hold, and what is said when it does not."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from gpu_shopper.core.audit import OPERATIONS
from gpu_shopper.core.instants import from_text
from gpu_shopper.core.ssh_keys import checked_public_key
from gpu_shopper.core.templates import HASH_ID
from gpu_shopper.core.webhooks import MAX_URL_CHARS

MAX_LISTED = 200
SSH_PORT = 22
LEAST_USD = 0.000001
MOST_COUNTED = 10**12
"""Seconds and MB beyond this are no measurement."""

_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?")
_DATE = re.compile(r"2\d{3}-\d\d-\d\d", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,20}")


def _decimal_text(value: Any) -> Any:
    """Query numbers are text: only decimal notation, so `1_000`, ` 5` and `0x1` are refused."""
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        raise ValueError("must be a number")
    return value


def _whole_text(value: Any) -> Any:
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise ValueError("must be a whole number")
    return value


def _true_or_false(value: Any) -> Any:
    if value not in ("true", "false", True, False):
        raise ValueError("must be true or false")
    return value


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must not contain control characters")
    return value


def _some_money(value: float) -> float:
    """Less would be no money at all, once it is counted in micro-dollars."""
    if value < LEAST_USD:
        raise ValueError(f"must be at least {LEAST_USD:f}")
    return value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _ports(value: list[int]) -> list[int]:
    if SSH_PORT in value:
        raise ValueError(f"must not contain {SSH_PORT}, which is SSH's own")
    if len(set(value)) != len(value):
        raise ValueError("must not name a port twice")
    return value


def _instant(value: str) -> str:
    try:
        from_text(value)
    except ValueError as exc:
        raise ValueError("must be an RFC 3339 instant such as 2026-02-07T12:00:00Z") from exc
    return value


def _date(value: str) -> str:
    """A day of this millennium: nothing was billed before, and no later one has a bill."""
    try:
        if _DATE.fullmatch(value) and date.fromisoformat(value):
            return value
    except ValueError:
        pass
    raise ValueError("must be a date such as 2026-02-07")


def _uuid(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError as exc:
        raise ValueError("must be a UUID") from exc


def _operation(value: str) -> str:
    if value not in OPERATIONS:
        raise ValueError(f"must be one of {', '.join(OPERATIONS)}")
    return value


QueryInt = Annotated[int, BeforeValidator(_whole_text)]
QueryNumber = Annotated[float, BeforeValidator(_decimal_text), Field(allow_inf_nan=False)]
QueryBool = Annotated[bool, BeforeValidator(_true_or_false)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=256), AfterValidator(_printable)]
DateText = Annotated[str, AfterValidator(_date)]
ConsumerId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,128}$")]
TemplateHash = Annotated[str, StringConstraints(pattern=rf"^{HASH_ID}$")]
Limit = Annotated[QueryInt, Field(ge=1, le=MAX_LISTED)]
PriceUsd = Annotated[
    float, Field(gt=0, le=1_000_000, allow_inf_nan=False), AfterValidator(_some_money)
]
WebhookUrl = Annotated[str, StringConstraints(min_length=1, max_length=MAX_URL_CHARS)]
WorkloadType = Literal[
    "llm",
    "llm_vllm",
    "llm_tgi",
    "training",
    "batch",
    "interactive",
    "inference",
    "ssh",
    "benchmark",
]
Quantization = Annotated[
    Literal["FP32", "FP16", "BF16", "FP8", "INT8", "INT4", "AWQ", "GPTQ", "GGUF-Q4"],
    BeforeValidator(_upper),
]
Port = Annotated[int, Field(ge=1, le=65_535)]
Ports = Annotated[list[Port], Field(max_length=16), AfterValidator(_ports)]
PublicKey = Annotated[str, AfterValidator(checked_public_key)]
Cursor = Annotated[str, StringConstraints(max_length=2_000)]
InstantText = Annotated[str, AfterValidator(_instant)]
Uuid = Annotated[str, AfterValidator(_uuid)]
Operation = Annotated[str, AfterValidator(_operation)]
Reason = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, strip_whitespace=True),
    AfterValidator(_printable),
]


def microusd(usd: float) -> int:
    """Micro-dollars of a validated JSON number, through its decimal text."""
    return int((Decimal(str(usd)) * 1_000_000).to_integral_value())
