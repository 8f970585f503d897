"""The only list of providers: name → how its adapter is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gpu_shopper.core.settings import Settings
from gpu_shopper.errors import MissingSetting
from gpu_shopper.providers import tensordock, vastai
from gpu_shopper.providers.port import Provider

type Credentials = Callable[[bool], str]
"""The API key; called with True it must be read again from where it is kept."""

PROVIDERS: Mapping[str, Callable[[str, Credentials, Settings], Provider]] = {
    "vastai": vastai.build,
    "tensordock": tensordock.build,
}


def build(name: str, *, base_url: str, credentials: Credentials, settings: Settings) -> Provider:
    """The adapter called `name`. Raises MissingSetting for a name that nobody registered."""
    if name not in PROVIDERS:
        raise MissingSetting(f"no provider is called {name}")
    return PROVIDERS[name](base_url, credentials, settings)
