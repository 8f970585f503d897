"""Orphans."""

from __future__ import annotations

from gpu_shopper.core.instants import to_text
from gpu_shopper.edge.answers.values import Shown, instant, usd
from gpu_shopper.store.orphans import OrphanRecord


class OrphanBody(Shown):
    """A machine of ours that no live attempt owned when it was seen."""

    provider: str
    instance_id: str
    label: str
    session_id: str
    attempt: int
    cause: str
    gpu_type: str | None
    price_per_hour: float | None
    first_seen_at: str
    last_seen_at: str
    status: str
    destroy_tries: int
    destroyed_at: str | None
    last_error: str | None

    @classmethod
    def of(cls, record: OrphanRecord) -> OrphanBody:
        """The record as operators see it."""
        return cls(
            provider=record.provider,
            instance_id=record.instance_id,
            label=record.label,
            session_id=record.session_id,
            attempt=record.attempt,
            cause=record.cause,
            gpu_type=record.gpu_type,
            price_per_hour=usd(record.price_microusd_per_hour),
            first_seen_at=to_text(record.first_seen_at),
            last_seen_at=to_text(record.last_seen_at),
            status=record.status.value,
            destroy_tries=record.destroy_tries,
            destroyed_at=instant(record.destroyed_at),
            last_error=record.last_error,
        )


class OrphansBody(Shown):
    """One page of orphans, by provider and id."""

    orphans: list[OrphanBody]
    count: int
    dry_run: bool
    next_cursor: str | None = None


class OrphanDestroyBody(Shown):
    """What was asked for; the reconciler goes on until the machine is proven gone."""

    message: str
    provider: str
    instance_id: str
    status: str


class OrphanAdoptedBody(Shown):
    """The attempt that has the machine now."""

    session_id: str
    attempt: int
