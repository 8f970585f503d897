"""What is remembered of offers that failed."""

from __future__ import annotations

from gpu_shopper.core.failures import DEGRADED_TYPE, OfferHealth
from gpu_shopper.core.instants import to_text
from gpu_shopper.edge.answers.values import Shown


class FailedOfferBody(Shown):
    """One offer with failures that still count."""

    offer_id: str
    provider: str
    gpu_type: str
    recent_failures: int
    is_suppressed: bool
    suppressed_at: str | None
    suppressed_until: str | None
    confidence_multiplier: float
    last_failure: str
    last_failure_type: str
    last_failure_reason: str | None

    @classmethod
    def of(cls, health: OfferHealth) -> FailedOfferBody:
        """The offer as it is judged now."""
        latest, suppression = health.latest, health.suppression
        return cls(
            offer_id=latest.offer_id,
            provider=latest.provider,
            gpu_type=latest.gpu_type,
            recent_failures=health.recent_failures,
            is_suppressed=suppression is not None,
            suppressed_at=to_text(suppression.at) if suppression else None,
            suppressed_until=to_text(suppression.until) if suppression else None,
            confidence_multiplier=round(health.multiplier, 6),
            last_failure=to_text(latest.at),
            last_failure_type=latest.type.value,
            last_failure_reason=latest.reason,
        )


class FailedTypeBody(Shown):
    """One GPU type of one provider with failed offers."""

    gpu_type_key: str
    failed_offer_count: int
    is_degraded: bool
    degradation_applied: float | None

    @classmethod
    def of(cls, provider: str, gpu_type: str, failed: int, limit: int) -> FailedTypeBody:
        """The type, degraded from `limit` failed offers on."""
        degraded = failed >= limit
        return cls(
            gpu_type_key=f"{provider}:{gpu_type}",
            failed_offer_count=failed,
            is_degraded=degraded,
            degradation_applied=DEGRADED_TYPE if degraded else None,
        )


class OfferHealthBody(Shown):
    """All offers and GPU types whose failures still count."""

    offers: list[FailedOfferBody]
    gpu_types: list[FailedTypeBody]
    count: int
