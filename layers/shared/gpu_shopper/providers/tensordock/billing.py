"""What is left to spend, as TensorDock's older API tells it: v2 knows no money.

It is another host, and wants another key beside the token; both go into a form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gpu_shopper.core.normalise import signed_microusd
from gpu_shopper.core.settings import Settings
from gpu_shopper.errors.provider import (
    BadProviderReply,
    ProviderAuth,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from gpu_shopper.providers.access import Access
from gpu_shopper.providers.http import Call, HttpClient, Reply

KEY_FIELD = "api_key"
"""The field of the secret that holds the older API's key; without it no balance is told."""
_BALANCE = Call(method="POST", path="/api/v0/billing/balance", endpoint="any")


class Billing:
    """The older API, as far as it is needed. `key` may be "": then it is not asked."""

    def __init__(self, http: HttpClient, key: Callable[[], str]) -> None:
        self._http = http
        self._key = key

    @classmethod
    def over(cls, access: Access, settings: Settings) -> Billing:
        """Over the network."""

        def key() -> str:
            return access.field(KEY_FIELD)

        http = HttpClient(
            base_url=access.billing_url,
            credentials=access.credentials,
            pace=access.pace,
            refusal=refusal,
            connect_timeout_s=settings.provider_connect_timeout_s,
            read_timeout_s=settings.provider_read_timeout_s,
            sign=signed(key),
        )
        return cls(http, key)

    def balance(self) -> int | None:
        """See `TellsBalance.balance`."""
        if not self._key():
            return None
        body = self._http.read(_BALANCE).json(frozenset(("success", "balance")))
        if not isinstance(body, dict) or body.get("success") is not True:
            raise BadProviderReply("an answer without a balance")
        left = signed_microusd(body.get("balance"))
        if left is None:
            raise BadProviderReply("a balance that cannot be read")
        return left


def signed(key: Callable[[], str]) -> Callable[[str], Mapping[str, Any]]:
    """Both keys as a form."""
    return lambda token: {"data": {"api_key": key(), "api_token": token}}


def refusal(reply: Reply) -> ProviderError | None:
    """Answers that mean no. Their text is not kept: it may repeat what was sent."""
    if reply.status in (401, 403):
        return ProviderAuth("the older API does not accept the keys")
    if reply.status == 429:
        return RateLimited("too many calls", retry_after_s=reply.retry_after_s)
    if reply.status >= 500:
        return ProviderUnavailable(f"status {reply.status}")
    return None if reply.status == 200 else BadProviderReply(f"status {reply.status}")
