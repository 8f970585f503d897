"""Offers, and how fresh each provider is."""

from __future__ import annotations

from typing import ClassVar

from gpu_shopper.core.instants import to_text
from gpu_shopper.core.inventory import Shown as ShownOffer
from gpu_shopper.core.money import to_usd
from gpu_shopper.edge.answers.values import Shown, usd


class OfferBody(Shown):
    """One offer."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset(
        {
            "vram_gb",
            "country",
            "reliability",
            "cuda_version",
            "machine_id",
            "price_percentile_7d",
        }
    )

    id: str
    provider: str
    provider_id: str
    gpu_type: str
    gpu_name_raw: str
    gpu_count: int
    vram_gb: int | None
    price_per_hour: float
    location: str
    country: str | None
    reliability: float | None
    available: bool = True
    max_duration_hours: int
    fetched_at: str
    availability_confidence: float
    cuda_version: float | None
    machine_id: str | None
    interruptible: bool = False
    price_percentile_7d: int | None
    inet_up_usd_per_gb: float | None = None
    inet_down_usd_per_gb: float | None = None

    @classmethod
    def of(cls, shown: ShownOffer) -> OfferBody:
        """The offer at the instant for which its confidence was computed."""
        offer = shown.offer
        return cls(
            id=offer.id,
            provider=offer.provider,
            provider_id=offer.provider_id,
            gpu_type=offer.gpu_type,
            gpu_name_raw=offer.gpu_name_raw,
            gpu_count=offer.gpu_count,
            vram_gb=offer.vram_gb,
            price_per_hour=to_usd(offer.price_microusd_per_hour),
            location=offer.location,
            country=offer.country,
            reliability=offer.reliability,
            max_duration_hours=offer.max_duration_hours,
            fetched_at=to_text(shown.fetched_at),
            availability_confidence=round(shown.confidence, 6),
            cuda_version=offer.cuda_version,
            machine_id=offer.machine_id,
            price_percentile_7d=shown.price_percentile,
            inet_up_usd_per_gb=usd(offer.inet_up_microusd_per_gb),
            inet_down_usd_per_gb=usd(offer.inet_down_microusd_per_gb),
        )


class ProviderBody(Shown):
    """How fresh one provider's part of an answer is."""

    fetched_at: str | None = None
    status: str
    error: str | None = None


class InventoryBody(Shown):
    """One page of offers."""

    offers: list[OfferBody]
    count: int
    total: int
    limit: int
    offset: int
    providers: dict[str, ProviderBody]
