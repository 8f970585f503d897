"""What the rules must know of each provider beyond the five methods of its adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gpu_shopper.core.offer_ids import tensordock_location
from gpu_shopper.core.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFacts:
    """One provider's ways.

    `rented_once`: an offer is one machine, gone from the market while somebody has it.
    `takes_image`: machines are containers of an image that the caller may choose.
    `has_templates`: it keeps recipes that a launch can name instead of an image.
    `ssh_delay_s`: seconds after an accepted launch during which a login cannot succeed yet.
    `start_up_chars`: the longest text of start-up commands that it runs; 0 where it runs none.
    `credential`: the field of the provider's secret that holds the API key.
    `location_of`: the location in the provider's part of an offer id, where launches are counted
    per location because the list of offers is stale. Raises ValueError.
    """

    disk_min_gb: int
    rented_once: bool
    takes_image: bool
    has_templates: bool
    ssh_delay_s: Callable[[Settings], int]
    start_up_chars: int
    credential: str
    location_of: Callable[[str], str] | None = None


FACTS: Mapping[str, ProviderFacts] = {
    "vastai": ProviderFacts(
        disk_min_gb=8,
        rented_once=True,
        takes_image=True,
        has_templates=True,
        ssh_delay_s=lambda _settings: 0,
        start_up_chars=4_000,
        credential="api_key",
    ),
    "tensordock": ProviderFacts(
        disk_min_gb=100,
        rented_once=False,
        takes_image=False,
        has_templates=False,
        ssh_delay_s=lambda settings: settings.tensordock_ssh_delay_s,
        start_up_chars=16_000,
        credential="api_token",
        location_of=tensordock_location,
    ),
}
