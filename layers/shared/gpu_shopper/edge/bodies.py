"""Request bodies and queries: the one schema that validates, documents and explains."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_serializer,
)

from gpu_shopper.core.audit import OPERATIONS
from gpu_shopper.core.disk import MAX_DISK_GB
from gpu_shopper.core.instants import from_text
from gpu_shopper.core.reservations import LEAST_OVERRIDE_HOURS, MOST_HOURS, MOST_OVERRIDE_HOURS
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


def _public_key(value: str) -> str:
    return checked_public_key(value)


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


class Query(BaseModel):
    """Query parameters: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


class RequestBody(BaseModel):
    """A JSON body: unknown fields and values of another type are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class Shown(BaseModel):
    """An answer: fields without a value are left out, except those in `nullable`."""

    model_config = ConfigDict(defer_build=True)

    @model_serializer(mode="wrap")
    def _without_absent(self, handler: Any) -> dict[str, Any]:
        nullable = self.nullable()
        return {
            name: value
            for name, value in handler(self).items()
            if value is not None or name in nullable
        }

    def nullable(self) -> frozenset[str]:
        """The fields that are shown as null when their value is unknown."""
        return getattr(self, "NULLABLE", frozenset())


class InventoryQuery(Query):
    """What to list; see the API description for each meaning."""

    provider: Text | None = None
    gpu_type: Text | None = None
    location: Text | None = None
    min_vram: Annotated[QueryInt, Field(ge=0)] = 0
    max_price: Annotated[QueryNumber, Field(gt=0)] | None = None
    min_gpu_count: Annotated[QueryInt, Field(ge=0)] | None = None
    gpu_count: Annotated[QueryInt, Field(ge=0)] | None = None
    min_reliability: Annotated[QueryNumber, Field(ge=0, le=1)] = 0.0
    min_availability_confidence: Annotated[QueryNumber, Field(ge=0, le=1)] = 0.0
    min_cuda: Annotated[QueryNumber, Field(ge=0)] = 0.0
    template_hash_id: TemplateHash | None = None
    sort: Literal["price", "-price", "confidence", "reliability", "vram"] = "price"
    limit: Annotated[QueryInt, Field(ge=1, le=1000)] = 100
    offset: Annotated[QueryInt, Field(ge=0)] = 0


class TemplatesQuery(Query):
    """Which templates to show; texts are parts of names, in any case."""

    recommended: QueryBool | None = None
    use_ssh: QueryBool | None = None
    name: Text | None = None
    image: Text | None = None


class OfferHealthQuery(Query):
    """Which failures to show; both are matched as in the inventory."""

    provider: Text | None = None
    gpu_type: Text | None = None


class PricesQuery(Query):
    """Which price history to show; `gpu_type` is matched as in the inventory."""

    gpu_type: Text | None = None
    gpu_count: Annotated[QueryInt, Field(ge=1)] | None = None
    provider: Text | None = None
    period: Literal["hourly", "daily"] = "daily"
    days: Annotated[QueryInt, Field(ge=1, le=90)] = 7
    limit: Limit = 50
    cursor: Annotated[str, StringConstraints(max_length=2_000)] | None = None


class SessionsQuery(Query):
    """Which sessions to list; `status` takes several words separated by commas."""

    consumer_id: ConsumerId | None = None
    status: Text | None = None
    provider: Text | None = None
    limit: Limit = 50
    cursor: Annotated[str, StringConstraints(max_length=2_000)] | None = None


class PeriodQuery(Query):
    """UTC days, both ends included; without any, those of the current month."""

    start_date: DateText | None = None
    end_date: DateText | None = None
    period: Literal["daily", "monthly"] | None = None


class CostsQuery(PeriodQuery):
    """Which costs to show: one session's, or those of UTC days, both ends included."""

    session_id: Text | None = None
    consumer_id: ConsumerId | None = None


class ReconciliationQuery(PeriodQuery):
    """Which comparisons to show, by UTC days, both ends included."""

    provider: Text | None = None
    session_id: Annotated[str, AfterValidator(_uuid)] | None = None
    limit: Limit = 50
    cursor: Annotated[str, StringConstraints(max_length=2_000)] | None = None


class CostsSummaryQuery(Query):
    """Whose costs of the current month to show."""

    consumer_id: ConsumerId | None = None


class BudgetBody(RequestBody):
    """What a consumer may spend in a calendar month."""

    monthly_limit_usd: PriceUsd
    enforce: bool = False
    webhook_url: WebhookUrl | None = None


class BudgetsQuery(Query):
    """Which budgets to list."""

    limit: Limit = 50
    cursor: Annotated[str, StringConstraints(max_length=2_000)] | None = None


class CreateSessionBody(RequestBody):
    """What a caller may ask for when it rents."""

    consumer_id: ConsumerId | None = None
    offer_id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    workload_type: WorkloadType
    reservation_hours: Annotated[int, Field(ge=1, le=MOST_HOURS)]
    ssh_public_key: Annotated[str, AfterValidator(_public_key)] | None = None
    max_price: PriceUsd | None = None
    auto_retry: bool = False
    max_retries: Annotated[int, Field(ge=0)] | None = None
    retry_scope: Literal["same_gpu", "same_vram", "any"] = "same_gpu"
    disk_gb: Annotated[int, Field(ge=1, le=MAX_DISK_GB)] | None = None
    ssh_timeout_minutes: Annotated[int, Field(ge=1, le=30)] | None = None
    docker_image: (
        Annotated[
            str, StringConstraints(max_length=255, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$")
        ]
        | None
    ) = None
    template_hash_id: TemplateHash | None = None
    on_start_cmd: Annotated[str, StringConstraints(min_length=1, max_length=4_000)] | None = None
    model_id: (
        Annotated[
            str, StringConstraints(max_length=200, pattern=r"^[A-Za-z0-9._~/][A-Za-z0-9._~/:@+-]*$")
        ]
        | None
    ) = None
    quantization: Quantization | None = None
    launch_mode: Literal["ssh", "entrypoint"] = "ssh"
    exposed_ports: Annotated[list[Port], Field(max_length=16), AfterValidator(_ports)] = []
    health_path: Annotated[str, StringConstraints(max_length=256, pattern=r"^/[!-~]*$")] = "/"
    storage_policy: Literal["destroy", "preserve"] = "destroy"
    drain_minutes: Annotated[int, Field(ge=1, le=30)] | None = None
    idle_threshold_minutes: Annotated[int, Field(ge=0, le=720)] = 0
    agent: bool | None = None


class ExtendBody(RequestBody):
    """How many hours more; above 12 only when an operator has overridden the hard max."""

    additional_hours: Annotated[int, Field(ge=1, le=MOST_OVERRIDE_HOURS)]


Reason = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500, strip_whitespace=True),
    AfterValidator(_printable),
]


class OverrideBody(RequestBody):
    """A new hard max, and why."""

    max_hours: Annotated[int, Field(ge=LEAST_OVERRIDE_HOURS, le=MOST_OVERRIDE_HOURS)]
    reason: Reason


class HeartbeatBody(RequestBody):
    """What an agent tells; None means that it does not know."""

    session_id: Text | None = None
    status: Annotated[Text, StringConstraints(max_length=64)] | None = None
    idle_seconds: Annotated[int, Field(ge=0, le=MOST_COUNTED)] | None = None
    gpu_util_pct: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None
    memory_used_mb: Annotated[int, Field(ge=0, le=MOST_COUNTED)] | None = None


class NoBody(RequestBody):
    """A route that needs no body takes an empty object too."""


class CreateKeyBody(RequestBody):
    """A new API key: for one consumer, or for an operator."""

    role: Literal["consumer", "operator"]
    consumer_id: ConsumerId | None = None
    name: Annotated[Text, StringConstraints(max_length=128)] | None = None
    expires_at: Annotated[str, AfterValidator(_instant)] | None = None


class KeysQuery(Query):
    """Which keys to list."""

    consumer_id: ConsumerId | None = None
    role: Literal["consumer", "operator"] | None = None
    include_revoked: QueryBool = False
    limit: Limit = 50
    cursor: Annotated[str, StringConstraints(max_length=2_000)] | None = None


class OrphansQuery(Query):
    """Which orphans to list; those that are still there unless `status` says otherwise."""

    provider: Text | None = None
    status: Literal["open", "destroying", "destroyed", "adopted"] | None = None
    limit: Limit = 50
    cursor: Annotated[str, StringConstraints(max_length=2_000)] | None = None


class AuditQuery(Query):
    """Which events to show; those that have all that is named."""

    session_id: Annotated[str, AfterValidator(_uuid)] | None = None
    consumer_id: ConsumerId | None = None
    provider: Text | None = None
    operation: Annotated[str, AfterValidator(_operation)] | None = None
    start: Annotated[str, AfterValidator(_instant)] | None = None
    end: Annotated[str, AfterValidator(_instant)] | None = None
    order: Literal["asc", "desc"] | None = None
    limit: Limit = 50
    cursor: Annotated[str, StringConstraints(max_length=2_000)] | None = None


class OrphanActBody(RequestBody):
    """Why an operator wants it; kept in the audit log."""

    reason: Reason | None = None


def microusd(usd: float) -> int:
    """Micro-dollars of a validated JSON number, through its decimal text."""
    return int((Decimal(str(usd)) * 1_000_000).to_integral_value())
