"""Request bodies and queries: the one schema that validates, documents and explains."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gpu_shopper.core.disk import MAX_DISK_GB
from gpu_shopper.core.reservations import LEAST_OVERRIDE_HOURS, MOST_HOURS, MOST_OVERRIDE_HOURS
from gpu_shopper.edge.fields import (
    MOST_COUNTED,
    ConsumerId,
    Cursor,
    DateText,
    InstantText,
    Limit,
    Operation,
    Ports,
    PriceUsd,
    PublicKey,
    Quantization,
    QueryBool,
    QueryInt,
    QueryNumber,
    Reason,
    TemplateHash,
    Text,
    Uuid,
    WebhookUrl,
    WorkloadType,
)


class Query(BaseModel):
    """Query parameters: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


class RequestBody(BaseModel):
    """A JSON body: unknown fields and values of another type are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


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
    cursor: Cursor | None = None


class SessionsQuery(Query):
    """Which sessions to list; `status` takes several words separated by commas."""

    consumer_id: ConsumerId | None = None
    status: Text | None = None
    provider: Text | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


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
    session_id: Uuid | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


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
    cursor: Cursor | None = None


class CreateSessionBody(RequestBody):
    """What a caller may ask for when it rents."""

    consumer_id: ConsumerId | None = None
    offer_id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    workload_type: WorkloadType
    reservation_hours: Annotated[int, Field(ge=1, le=MOST_HOURS)]
    ssh_public_key: PublicKey | None = None
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
    exposed_ports: Ports = []
    health_path: Annotated[str, StringConstraints(max_length=256, pattern=r"^/[!-~]*$")] = "/"
    storage_policy: Literal["destroy", "preserve"] = "destroy"
    drain_minutes: Annotated[int, Field(ge=1, le=30)] | None = None
    idle_threshold_minutes: Annotated[int, Field(ge=0, le=720)] = 0
    agent: bool | None = None


class ExtendBody(RequestBody):
    """How many hours more; above 12 only when an operator has overridden the hard max."""

    additional_hours: Annotated[int, Field(ge=1, le=MOST_OVERRIDE_HOURS)]


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
    expires_at: InstantText | None = None


class KeysQuery(Query):
    """Which keys to list."""

    consumer_id: ConsumerId | None = None
    role: Literal["consumer", "operator"] | None = None
    include_revoked: QueryBool = False
    limit: Limit = 50
    cursor: Cursor | None = None


class OrphansQuery(Query):
    """Which orphans to list; those that are still there unless `status` says otherwise."""

    provider: Text | None = None
    status: Literal["open", "destroying", "destroyed", "adopted"] | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class AuditQuery(Query):
    """Which events to show; those that have all that is named."""

    session_id: Uuid | None = None
    consumer_id: ConsumerId | None = None
    provider: Text | None = None
    operation: Operation | None = None
    start: InstantText | None = None
    end: InstantText | None = None
    order: Literal["asc", "desc"] | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class OrphanActBody(RequestBody):
    """Why an operator wants it; kept in the audit log."""

    reason: Reason | None = None
