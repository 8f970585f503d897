"""Reading and listing offers against gpuhunt, in one process; runs in the environment `bench`.

Both sides take turns, and CPU time is measured: a busy machine slows them alike. gpuhunt keeps
its market as a catalogue of one of its offline providers: the only kind that it searches without
a network.
"""

from __future__ import annotations

import io
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import gpuhunt
import requests
from gpuhunt._internal import storage
from gpuhunt._internal.catalog import ProviderCatalog
from gpuhunt.providers import vastai

from bench import figures, sample
from gpu_shopper.core.inventory import Filters, ProviderView, Snapshot, Sort
from gpu_shopper.core.menu import page, shelf_of
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.settings import Settings

PARSED = 3_000
PARSE_ROUNDS = 60
PARSE_GOAL = 5.0
LISTED = 30_000
LIST_ROUNDS = 40
LIST_GOAL = 4.0
SIZES = (10_000, LISTED, 100_000)
SIZE_ROUNDS = 10
LIMIT = 100
SPARE = 3_000
"""gpuhunt leaves out offers without a place or CPU cores: so many more are read to have enough."""
HOST = "runpod"
FETCHED_AT = datetime(2026, 1, 1, tzinfo=UTC)
NOW = FETCHED_AT + timedelta(seconds=30)

SEARCHES: Sequence[tuple[dict[str, Any], Filters]] = (
    ({}, Filters()),
    ({"gpu_name": "RTX4090"}, Filters(gpu_type="RTX 4090")),
    ({"max_price": 0.5}, Filters(max_price_microusd=500_000)),
    ({"min_gpu_memory": 48}, Filters(min_vram_gb=48)),
    ({"min_gpu_count": 4}, Filters(min_gpu_count=4)),
    (
        {"gpu_name": "RTX4090", "max_price": 2.0, "min_gpu_count": 2},
        Filters(gpu_type="RTX 4090", max_price_microusd=2_000_000, min_gpu_count=2),
    ),
    (
        {"min_gpu_memory": 80, "min_gpu_count": 2, "max_price": 20.0},
        Filters(min_vram_gb=80, min_gpu_count=2, max_price_microusd=20_000_000),
    ),
)
"""Searches that mean the same to both."""


def timed_ms(work: Callable[[], object]) -> float:
    """Milliseconds of CPU that `work` takes, in all threads."""
    began = time.process_time()
    work()
    return 1_000 * (time.process_time() - began)


def parsing() -> float:
    """How many times faster one answer of 3,000 offers becomes ours than gpuhunt's."""
    body = sample.body(PARSED)
    _answer_with(body)
    theirs, ours = list[float](), list[float]()
    for _ in range(PARSE_ROUNDS):
        theirs.append(timed_ms(vastai.VastAIProvider().get))
        ours.append(timed_ms(lambda: sample.read(body)))
    print(f"from the bytes of one answer to {PARSED:,} offers")
    print(figures.line("gpuhunt", theirs, "ms", "none"))
    print(figures.line("ours", ours, "ms", f"{PARSE_GOAL:.0f} times as fast"))
    return _told(theirs, ours)


def listing() -> float:
    """How many times faster 30,000 offers are filtered, sorted and paged than by gpuhunt."""
    body = sample.body(LISTED + SPARE)
    catalog, snapshot = _catalog(body), _snapshot(sample.read(body)[:LISTED])
    theirs, ours = list[float](), list[float]()
    for turn in range(-1, LIST_ROUNDS):
        for their_filters, filters in SEARCHES:
            their_ms = timed_ms(partial(catalog.query, provider=HOST, **their_filters))
            our_ms = timed_ms(partial(first_page, snapshot, filters, Sort.PRICE))
            if turn >= 0:
                theirs.append(their_ms)
                ours.append(our_ms)
    print(f"filter, sort and page {LISTED:,} offers, warm, {len(SEARCHES)} searches in turns")
    print(figures.line("gpuhunt (sorts in part, no page)", theirs, "ms", "none"))
    print(figures.line("ours", ours, "ms", f"{LIST_GOAL:.0f} times as fast"))
    return _told(theirs, ours)


def sizes() -> None:
    """Our lists alone, in every order, for fewer and for more offers."""
    print("filter, sort and page, every search in every order")
    for size in SIZES:
        took = every_list_ms(_snapshot(sample.offers(size)))
        print(figures.line(f"ours, {size:,} offers", took, "ms", "none"))


def every_list_ms(snapshot: Snapshot) -> list[float]:
    """Milliseconds of every search in every order, after one of each that does not count."""
    took = [
        timed_ms(partial(first_page, snapshot, filters, sort))
        for _ in range(1 + SIZE_ROUNDS)
        for _, filters in SEARCHES
        for sort in Sort
    ]
    return took[len(SEARCHES) * len(Sort) :]


def first_page(snapshot: Snapshot, filters: Filters, sort: Sort) -> int:
    """One list as the API makes it; gives how many offers match."""
    view = ProviderView(provider=snapshot.provider, snapshot=snapshot)
    shelves = [shelf for shelf in [shelf_of(view, NOW, Settings())] if shelf is not None]
    _, total = page(shelves, filters, sort, LIMIT, 0)
    return total


def _snapshot(offers: Sequence[Offer]) -> Snapshot:
    return Snapshot(
        provider="vastai",
        generation="g1",
        fetched_at=FETCHED_AT,
        offers={offer.id: offer for offer in offers},
    )


def _answer_with(body: bytes) -> None:
    """From now on gpuhunt's search gets these bytes instead of asking Vast.ai."""

    def answer(*_: object, **__: object) -> requests.Response:
        response = requests.Response()
        response.status_code = 200
        response._content = body
        return response

    vastai.requests.post = answer


def _catalog(body: bytes) -> Any:
    """gpuhunt's catalogue of the same market, on demand only, through its own file format."""
    _answer_with(body)
    items = [item for item in vastai.VastAIProvider().get() if not item.spot]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{HOST}.csv"
        storage.dump(sorted(items, key=lambda item: item.price), str(file))
        loaded = list(storage.load(io.StringIO(file.read_text()), provider=HOST))[:LISTED]
    if len(loaded) < LISTED:
        raise ValueError(f"gpuhunt keeps {len(loaded)} offers of {LISTED}")
    catalog = gpuhunt.Catalog(auto_reload=False)
    catalog.catalog[HOST] = ProviderCatalog("bench", loaded)
    catalog.loaded_at = time.monotonic()
    return catalog


def _told(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """How many times as fast ours is by median; printed together with the quickest of each."""
    ratio, best = statistics.median(theirs) / statistics.median(ours), min(theirs) / min(ours)
    print(f"  {ratio:.1f} times as fast; {best:.1f} by the quickest of each")
    return ratio


def main() -> int:
    """Print the tables; 1 when a goal is missed."""
    logging.disable(logging.CRITICAL)
    missed = parsing() < PARSE_GOAL
    missed |= listing() < LIST_GOAL
    sizes()
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
