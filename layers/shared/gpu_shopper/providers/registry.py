"""The only list of providers: name → how its adapter is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gpu_shopper.core.settings import Settings
from gpu_shopper.errors import MissingSetting
from gpu_shopper.providers import tensordock, vastai
from gpu_shopper.providers.access import Access
from gpu_shopper.providers.port import Provider

PROVIDERS: Mapping[str, Callable[[Access, Settings], Provider]] = {
    "vastai": vastai.build,
    "tensordock": tensordock.build,
}


def build(name: str, access: Access, settings: Settings) -> Provider:
    """The adapter called `name`. Raises MissingSetting for a name that nobody registered."""
    if name not in PROVIDERS:
        raise MissingSetting(f"no provider is called {name}")
    return PROVIDERS[name](access, settings)
