"""What an adapter of a provider may raise, and nothing else: each says what it means for money."""

from __future__ import annotations

from gpu_shopper.errors import ShopperError


class ProviderError(ShopperError):
    """A provider said no, or nothing sensible."""

    code = "provider_error"


class OfferGone(ProviderError):
    """The offer is not for rent any more; nothing was rented."""

    code = "stale_inventory"


class NoCapacity(ProviderError):
    """The provider has no machine for this offer now; nothing was rented."""

    code = "no_capacity"


class LaunchRejected(ProviderError):
    """The provider calls the launch request invalid; nothing was rented."""

    code = "launch_rejected"


class ProviderAuth(ProviderError):
    """The provider does not accept our credentials; says nothing about offer or instance."""

    code = "provider_auth"


class RateLimited(ProviderError):
    """Too many calls; this one was not executed. `retry_after_s` is the provider's wish, if any."""

    code = "provider_rate_limited"
    retryable = True

    def __init__(self, message: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooSoon(ProviderError):
    """Our own spacing of calls has no turn for this one now; nothing was sent.

    `retry_after_s` is when it may have one.
    """

    code = "provider_paced"
    retryable = True

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CircuitOpen(ProviderError):
    """The provider failed too often lately; nothing was sent."""

    code = "circuit_open"
    retryable = True


class LaunchUncertain(ProviderError):
    """The launch may or may not have happened; look the label up before asking again."""

    code = "launch_uncertain"


class RentedDespiteError(ProviderError):
    """The provider reports a failure, and names an instance that exists all the same."""

    code = "rented_despite_error"

    def __init__(self, message: str, *, instance_id: str) -> None:
        super().__init__(message)
        self.instance_id = instance_id


class ProviderUnavailable(ProviderError):
    """No answer, or 5xx: nothing is known, and nothing may be concluded."""

    code = "provider_unavailable"
    retryable = True


class BadProviderReply(ProviderUnavailable):
    """An answer that cannot be read: HTML, broken JSON, wrong types, too large, half a page."""

    code = "bad_provider_reply"
