"""Everything that can go wrong, by name.

    ShopperError
    ├── RequestError                the caller can do something about it
    │   ├── ValidationFailed        fields are named in `details`
    │   ├── InvalidJson · MethodNotAllowed · NotAcceptable · PayloadTooLarge
    │   ├── UnsupportedMediaType
    │   ├── Unauthorized · Forbidden
    │   ├── NotFound ── SessionNotFound · OfferNotFound · TemplateNotFound · KeyNotFound
    │   │            └─ InstanceNotFound · WebhookNotFound · BudgetNotFound
    │   ├── InsufficientDisk · HardMaxExceeded · BudgetExceeded
    │   ├── IllegalTransition · DuplicateSession · PriceAboveMax · OfferSuppressed
    │   ├── IdempotencyMismatch
    │   └── TooManyRequests
    ├── Conflict                    somebody else wrote first: read again
    ├── StaleInventory · ProviderNotUsable
    ├── StoreUnavailable
    ├── MissingSetting
    └── provider.ProviderError      what an adapter may raise, and nothing else
        ├── OfferGone · NoCapacity · LaunchRejected     surely nothing rented
        ├── ProviderAuth · RateLimited · TooSoon · CircuitOpen    surely nothing happened
        ├── LaunchUncertain                             look the label up first
        ├── RentedDespiteError                          an instance exists: end it
        └── ProviderUnavailable
            └── BadProviderReply                        an answer nobody can read

No HTTP status lives here: `edge.problems` maps the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class ShopperError(Exception):
    """Base of all errors of this product; `code` is stable and meant for callers."""

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str = "", **extra: Any) -> None:
        super().__init__(message or self.code)
        self.message = message or self.code.replace("_", " ")
        self.extra: Mapping[str, Any] = extra


class RequestError(ShopperError):
    """The request cannot be carried out as it was sent."""

    code = "request_error"


class ValidationFailed(RequestError):
    """Fields are missing, malformed or impossible; `details` names each of them."""

    code = "validation_error"

    def __init__(self, details: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(message for _, message in details))
        self.details = details


class InvalidJson(RequestError):
    """The body is not a JSON object."""

    code = "invalid_json"


class HardMaxExceeded(RequestError):
    """More hours than a session may live."""

    code = "hard_max_exceeded"


class InsufficientDisk(RequestError):
    """Less disk was asked for than the model needs; the error carries the estimate."""

    code = "insufficient_disk"


class Unauthorized(RequestError):
    """No usable API key."""

    code = "unauthorized"


class Forbidden(RequestError):
    """A valid key without the right."""

    code = "forbidden"


class BudgetExceeded(RequestError):
    """An enforced budget does not allow it; the error carries what is spent and reserved."""

    code = "budget_exceeded"


class NotFound(RequestError):
    """The path or the named thing does not exist for this caller."""

    code = "not_found"


class SessionNotFound(NotFound):
    """No such session, or somebody else's."""

    code = "session_not_found"


class OfferNotFound(NotFound):
    """The offer is unknown, or gone for more than an hour."""

    code = "offer_not_found"


class TemplateNotFound(NotFound):
    """No recommended template of its provider has this hash; each edit gives it another."""

    code = "template_not_found"


class BudgetNotFound(NotFound):
    """This consumer has no budget: nothing is limited."""

    code = "budget_not_found"


class KeyNotFound(NotFound):
    """No API key with this id."""

    code = "key_not_found"


class InstanceNotFound(NotFound):
    """The provider has no machine of ours with this id."""

    code = "instance_not_found"


class WebhookNotFound(NotFound):
    """No webhook with this id, or somebody else's."""

    code = "webhook_not_found"


class MethodNotAllowed(RequestError):
    """The path exists, the method does not."""

    code = "method_not_allowed"


class NotAcceptable(RequestError):
    """The caller accepts no JSON."""

    code = "not_acceptable"


class PayloadTooLarge(RequestError):
    """The body is larger than the limit."""

    code = "payload_too_large"


class UnsupportedMediaType(RequestError):
    """The body is not declared as JSON."""

    code = "unsupported_media_type"


class IllegalTransition(RequestError):
    """The transition table has no row for this state, event and actor."""

    code = "invalid_state"


class DuplicateSession(RequestError):
    """The consumer already holds a session on this offer."""

    code = "duplicate_session"


class PriceAboveMax(RequestError):
    """The offer costs more than the caller's max_price."""

    code = "price_above_max"


class OfferSuppressed(RequestError):
    """The offer, or its machine, failed too often lately; it comes back by itself."""

    code = "offer_suppressed"


class IdempotencyMismatch(RequestError):
    """The consumer's Idempotency-Key already stands for a request with another body."""

    code = "idempotency_mismatch"


class TooManyRequests(RequestError):
    """The key's token bucket is empty."""

    code = "rate_limited"
    retryable = True


class Conflict(ShopperError):
    """The item changed since it was read; nothing was written."""

    code = "conflict"
    retryable = True


class StaleInventory(ShopperError):
    """The offer was seen lately but is not in the newest snapshot."""

    code = "stale_inventory"
    retryable = True


class ProviderNotUsable(ShopperError):
    """The provider has no snapshot young enough to be trusted."""

    code = "provider_unavailable"
    retryable = True


class StoreUnavailable(ShopperError):
    """Our own store, or another AWS service we need, did not answer."""

    code = "service_unavailable"
    retryable = True


class MissingSetting(ShopperError):
    """A setting is absent or unreadable; the message names it."""

    code = "missing_setting"
