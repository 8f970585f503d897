"""Fields that are one of a few words, and formats of texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gpu_shopper.core.api_keys import Role
from gpu_shopper.core.audit import ActorType
from gpu_shopper.core.entrypoint import LaunchMode
from gpu_shopper.core.inventory import Usability
from gpu_shopper.core.price_rows import Period
from gpu_shopper.core.reconciling import Cause
from gpu_shopper.core.session import Outcome, RetryScope, StoragePolicy
from gpu_shopper.core.states import EndReason, State
from gpu_shopper.core.webhooks import Outcome as DeliveryOutcome
from gpu_shopper.store.orphans import OrphanStatus

WORDS: Mapping[str, Iterable[str]] = {
    "SessionBody.status": State,
    "StopBody.status": State,
    "SessionBody.end_reason": EndReason,
    "SessionBody.retry_scope": RetryScope,
    "SessionBody.storage_policy": StoragePolicy,
    "SessionBody.ssh_key_source": ("client", "generated"),
    "SessionBody.price_source": ("offer", "provider"),
    "SessionBody.host_key_source": ("injected", "first_use"),
    "SessionBody.launch_mode": LaunchMode,
    "DiagnosticsBody.launch_mode": LaunchMode,
    "HostKeyBody.source": ("injected", "first_use"),
    "AttemptBody.outcome": Outcome,
    "AttemptBody.reason": EndReason,
    "ProviderBody.status": Usability,
    "KeyBody.role": Role,
    "OrphanBody.status": OrphanStatus,
    "OrphanBody.cause": Cause,
    "OrphanDestroyBody.status": ("destroying", "destroyed"),
    "PricesBody.period": Period,
    "HealthBody.status": ("ok", "unavailable"),
    "DeliveryBody.outcome": DeliveryOutcome,
    "WebhookBody.disabled_reason": ("gone", "failing"),
    "WebhookWithDeliveriesBody.disabled_reason": ("gone", "failing"),
    "ActorBody.type": ActorType,
}
"""Fields that are one of a few words; enumerations of the core where there is one."""

FORMATS: Mapping[str, str] = {
    "timestamp": "date-time",
    "cost_through": "date-time",
    "period_start": "date-time",
    "period_end": "date-time",
    "accrued_through": "date-time",
    "drain_until": "date-time",
    "from": "date-time",
    "to": "date-time",
}
"""Formats of fields whose names do not end in `_at`."""
