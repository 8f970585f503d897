"""How a provider's adapter reaches its provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gpu_shopper.core.pacing import Pace

type Credentials = Callable[[bool], str]
"""The API key; called with True it must be read again from where it is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where a provider answers, what opens its door, and whom each call waits for first.

    `billing_url`, where the account is told elsewhere, is "" when nobody wants to know;
    `field` reads another field of the provider's secret, "" when it has none of that name.
    """

    base_url: str
    credentials: Credentials
    pace: Pace
    billing_url: str = ""
    field: Callable[[str], str] = lambda _name: ""
