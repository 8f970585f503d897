"""How a provider's adapter reaches its provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

type Credentials = Callable[[bool], str]
"""The API key; called with True it must be read again from where it is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where a provider answers, and what opens its door.

    `billing_url`, where the account is told elsewhere, is "" when nobody wants to know;
    `field` reads another field of the provider's secret, "" when it has none of that name.
    """

    base_url: str
    credentials: Credentials
    billing_url: str = ""
    field: Callable[[str], str] = lambda _name: ""
