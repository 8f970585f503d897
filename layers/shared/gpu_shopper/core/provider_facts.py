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
    `intervals_ms`: each endpoint that its adapter names, and the least time between two calls.
    """

    disk_min_gb: int
    rented_once: bool
    takes_image: bool
    has_templates: bool
    ssh_delay_s: Callable[[Settings], int]
    start_up_chars: int
    credential: str
    intervals_ms: Callable[[Settings], Mapping[str, int]]
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
        intervals_ms=lambda settings: {
            "create": settings.vastai_create_interval_ms,
            "destroy": settings.vastai_destroy_interval_ms,
            "find": settings.vastai_find_interval_ms,
            "list": settings.vastai_list_interval_ms,
            "attach": settings.vastai_attach_interval_ms,
            "charges": settings.vastai_charges_interval_ms,
            "templates": settings.vastai_templates_interval_ms,
            "search": settings.vastai_search_interval_ms,
            # No interval is documented of what is asked for once an hour, or once a machine.
            "account": 0,
            "logs": 0,
        },
    ),
    "tensordock": ProviderFacts(
        disk_min_gb=100,
        rented_once=False,
        takes_image=False,
        has_templates=False,
        ssh_delay_s=lambda settings: settings.tensordock_ssh_delay_s,
        start_up_chars=16_000,
        credential="api_token",
        # Its limit is the organisation's, whatever is called.
        intervals_ms=lambda settings: {"any": settings.tensordock_interval_ms},
        location_of=tensordock_location,
    ),
}
