"""Offers to measure with: the simulator's market, as Vast.ai would send it."""

from __future__ import annotations

import json
from typing import Any

from gpu_shopper.core.offers import Offer
from gpu_shopper.providers.http import Reply
from gpu_shopper.providers.vastai.market import whole_market
from gpu_shopper.providers.vastai.search import rows_of
from simulator.vastai import fields, market

NOW_S = 1_790_000_000.0
_SEED = 1
_DISK_GB = 50.0
_ASKS_PER_FREE_ONE = 2
_NOTHING = b'{"success": true, "offers": []}'


def rows(count: int) -> list[dict[str, Any]]:
    """The first `count` offers that are free, with all their columns."""
    asks = market.generate(_ASKS_PER_FREE_ONE * count, _SEED).asks
    free = [ask for ask in asks if ask.rentable][:count]
    return [fields.render(ask, _DISK_GB, NOW_S, NOW_S + 60) for ask in free]


def body(count: int) -> bytes:
    """The same as one answer to a search."""
    return json.dumps({"success": True, "offers": rows(count)}).encode()


def read(answer: bytes) -> list[Offer]:
    """What the adapter makes of one answer; a second search finds nothing more."""
    answers = iter([answer, _NOTHING])
    return whole_market(lambda _query: rows_of(Reply(200, next(answers))))


def offers(count: int) -> list[Offer]:
    """The same in our units."""
    return read(body(count))
