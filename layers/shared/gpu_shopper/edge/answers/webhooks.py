"""Webhooks and their deliveries."""

from __future__ import annotations

from gpu_shopper.core.instants import to_text
from gpu_shopper.core.webhooks import Delivery, Posted, Webhook
from gpu_shopper.edge.answers.values import Shown, instant


class WebhookBody(Shown):
    """A webhook without its secret."""

    id: str
    url: str
    events: list[str]
    consumer_id: str | None
    description: str | None
    enabled: bool
    disabled_reason: str | None
    created_at: str
    last_success_at: str | None
    last_failure_at: str | None
    consecutive_failures: int

    @classmethod
    def of(cls, hook: Webhook) -> WebhookBody:
        """The webhook as its owner sees it."""
        return cls(
            id=hook.id,
            url=hook.url,
            events=list(hook.events),
            consumer_id=hook.consumer_id,
            description=hook.description,
            enabled=hook.enabled,
            disabled_reason=hook.disabled_reason,
            created_at=to_text(hook.created_at),
            last_success_at=instant(hook.last_success_at),
            last_failure_at=instant(hook.last_failure_at),
            consecutive_failures=hook.consecutive_failures,
        )


class DeliveryBody(Shown):
    """One message and how it stands."""

    delivery_id: str
    event: str
    at: str
    tries: int
    status_code: int | None
    outcome: str
    error: str | None

    @classmethod
    def of(cls, delivery: Delivery) -> DeliveryBody:
        """The delivery as the webhook's owner sees it."""
        return cls(
            delivery_id=delivery.delivery_id,
            event=delivery.event,
            at=to_text(delivery.at),
            tries=delivery.tries,
            status_code=delivery.status_code,
            outcome=delivery.outcome.value,
            error=delivery.error,
        )


class WebhookWithDeliveriesBody(WebhookBody):
    """A webhook with its last deliveries."""

    deliveries: list[DeliveryBody]

    @classmethod
    def with_deliveries(
        cls, hook: Webhook, deliveries: list[Delivery]
    ) -> WebhookWithDeliveriesBody:
        """The webhook and what became of its last messages, newest first."""
        shown = WebhookBody.of(hook).model_dump()
        return cls.model_construct(
            **{name: shown.get(name) for name in WebhookBody.model_fields},
            deliveries=[DeliveryBody.of(one) for one in deliveries],
        )


class NewWebhookBody(Shown):
    """A new webhook; its secret is in this answer and in no other."""

    webhook: WebhookBody
    secret: str


class WebhooksBody(Shown):
    """One page of webhooks."""

    webhooks: list[WebhookBody]
    count: int
    next_cursor: str | None = None


class WebhookDeletedBody(Shown):
    """A webhook that hears nothing any more."""

    message: str = "webhook deleted"
    id: str


class WebhookTestedBody(Shown):
    """What came of one test message."""

    delivered: bool
    status_code: int | None
    duration_ms: int
    error: str | None

    @classmethod
    def of(cls, posted: Posted) -> WebhookTestedBody:
        """The request and its answer."""
        return cls(
            delivered=posted.delivered,
            status_code=posted.status_code,
            duration_ms=posted.duration_ms,
            error=posted.error,
        )
