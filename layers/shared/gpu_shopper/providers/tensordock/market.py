"""The whole market: every GPU type at every location, from one answer."""

from __future__ import annotations

import logging
from typing import Any

from gpu_shopper.core.offers import Offer
from gpu_shopper.core.pacing import Turn
from gpu_shopper.errors.provider import BadProviderReply
from gpu_shopper.providers.http import LISTING_BYTES, Call, HttpClient
from gpu_shopper.providers.tensordock.offers import PROVIDER, Unreadable, offers_of
from gpu_shopper.providers.tensordock.replies import accepted

MAX_UNREADABLE_PERCENT = 20

_logger = logging.getLogger(__name__)


def whole_market(http: HttpClient) -> list[Offer]:
    """Every offer, each once. Raises BadProviderReply when the list, or too many rows, are bad."""
    call = Call(
        method="GET",
        path="/api/v2/locations",
        endpoint="any",
        turn=Turn.REFRESH,
        limit_bytes=LISTING_BYTES,
    )
    return read(accepted(http.read(call)))


def read(body: dict[str, Any]) -> list[Offer]:
    """The offers in the answer of `/locations`. Raises BadProviderReply."""
    rows = [(place, row) for place in _locations(body) for row in _gpus(place)]
    found, unreadable = dict[str, Offer](), 0
    for place, row in rows:
        try:
            offers = offers_of(place, row)
        except Unreadable:
            unreadable += 1
            continue
        for offer in offers:
            found.setdefault(offer.id, offer)
    if unreadable * 100 > len(rows) * MAX_UNREADABLE_PERCENT:
        raise BadProviderReply(f"{unreadable} of {len(rows)} offers cannot be read")
    if unreadable:
        told = {"provider": PROVIDER, "operation": "list_offers", "unreadable": unreadable}
        _logger.warning("skipped offers that cannot be read", extra=told)
    return list(found.values())


def _locations(body: dict[str, Any]) -> list[Any]:
    data = body.get("data")
    found = data.get("locations") if isinstance(data, dict) else None
    if not isinstance(found, list):
        raise BadProviderReply("an answer without a list of locations")
    return found


def _gpus(location: Any) -> list[Any]:
    """Its rows; a location that cannot be read counts as one bad row."""
    gpus = location.get("gpus") if isinstance(location, dict) else None
    return gpus if isinstance(gpus, list) else [None]
