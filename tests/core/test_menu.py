"""Lists of offers: the quick way gives exactly what the plain rules say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_shopper.core.compatibility import Condition, fits
from gpu_shopper.core.failures import Failure, FailureType, Memory, Suppression
from gpu_shopper.core.inventory import Filters, ProviderView, Shown, Snapshot, Sort
from gpu_shopper.core.menu import folded, page, shelf_of, standing
from gpu_shopper.core.offers import Offer
from tests.builders import NOON, SETTINGS, an_offer, later

EVERYTHING = Filters()


def view_of(offers: list[Offer], provider: str = "vastai", **more: Any) -> ProviderView:
    snapshot = Snapshot(
        provider=provider,
        generation="g1",
        fetched_at=NOON,
        offers={offer.id: offer for offer in offers},
    )
    return ProviderView(provider=provider, snapshot=snapshot, **more)


def listed(
    *views: ProviderView,
    filters: Filters = EVERYTHING,
    sort: Sort = Sort.PRICE,
    limit: int = 1_000,
    offset: int = 0,
    now: datetime = NOON,
) -> tuple[list[Shown], int]:
    shelves = [shelf for view in views if (shelf := shelf_of(view, now, SETTINGS))]
    return page(shelves, filters, sort, limit, offset)


def ids(found: tuple[list[Shown], int]) -> list[str]:
    return [one.offer.id for one in found[0]]


def plain_list(shown: list[Shown], filters: Filters, sort: Sort) -> list[Shown]:
    """The contract's rules, written down one by one."""
    unknown_last = 1.0
    ranks: dict[Sort, Callable[[Shown], float]] = {
        Sort.PRICE: lambda one: one.offer.price_microusd_per_hour,
        Sort.PRICE_DESC: lambda one: -one.offer.price_microusd_per_hour,
        Sort.CONFIDENCE: lambda one: -one.confidence,
        Sort.RELIABILITY: lambda one: (
            unknown_last if one.offer.reliability is None else -one.offer.reliability
        ),
        Sort.VRAM: lambda one: unknown_last if one.offer.vram_gb is None else -one.offer.vram_gb,
    }
    passing = [
        one
        for one in shown
        if folded(filters.gpu_type or "") in folded(one.offer.gpu_type)
        and (filters.location or "").casefold() in one.offer.location.casefold()
        and (one.offer.vram_gb or 0) >= filters.min_vram_gb
        and one.offer.gpu_count >= filters.min_gpu_count
        and (one.offer.reliability or 0) >= filters.min_reliability
        and (one.offer.cuda_version or 0) >= filters.min_cuda
        and one.confidence >= filters.min_confidence
        and (one.offer.vram_gb or 0) * one.offer.gpu_count >= filters.min_total_vram_gb
        and fits(one.offer, filters.conditions)
        and (
            filters.max_price_microusd is None
            or one.offer.price_microusd_per_hour <= filters.max_price_microusd
        )
    ]
    return sorted(
        passing,
        key=lambda one: (
            ranks[sort](one),
            one.offer.price_microusd_per_hour,
            -one.confidence,
            one.offer.id,
        ),
    )


rows = st.fixed_dictionaries(
    {
        "gpu_type": st.sampled_from(["RTX 4090", "RTX 5090", "H100 SXM", "A40"]),
        "location": st.sampled_from(["Texas, US", "texas", "Oslo, NO", "Unknown"]),
        "gpu_count": st.sampled_from([1, 2, 8]),
        "vram_gb": st.sampled_from([None, 24, 48]),
        "reliability": st.sampled_from([None, 0.0, 0.5, 0.99]),
        "cuda_version": st.sampled_from([None, 12.4, 13.0]),
        "price_microusd_per_hour": st.sampled_from([100, 200, 300]),
        "base_confidence": st.sampled_from([0.3, 0.6, 0.9]),
        "machine_id": st.sampled_from([None, "1", "2", "3"]),
    }
)
filters_of_any_kind = st.builds(
    Filters,
    gpu_type=st.sampled_from([None, "rtx", "RTX-4090", "none"]),
    location=st.sampled_from([None, "TEXAS", "us"]),
    min_vram_gb=st.sampled_from([0, 24, 25]),
    max_price_microusd=st.sampled_from([None, 99, 100, 250, 300]),
    min_gpu_count=st.sampled_from([0, 2]),
    min_reliability=st.sampled_from([0.0, 0.5]),
    min_confidence=st.sampled_from([0.0, 0.3, 0.63]),
    min_cuda=st.sampled_from([0.0, 12.4]),
    min_total_vram_gb=st.sampled_from([0, 48]),
    conditions=st.sampled_from([(), (Condition("num_gpus", "lte", 2),)]),
)
memories = st.builds(
    Memory,
    failures=st.lists(
        st.builds(
            Failure,
            provider=st.just("vastai"),
            offer_id=st.sampled_from(["vastai-1", "vastai-2", "vastai-99"]),
            gpu_type=st.sampled_from(["RTX 4090", "A40"]),
            type=st.just(FailureType.SSH_TIMEOUT),
            at=st.just(NOON),
            machine_id=st.sampled_from([None, "1", "2", "3", "4"]),
        ),
        max_size=5,
    ),
    suppressions=st.lists(
        st.builds(
            Suppression,
            offer_id=st.sampled_from(["vastai-3", "vastai-99"]),
            machine_id=st.sampled_from([None, "3"]),
            at=st.just(NOON),
            until=st.sampled_from([NOON, later(1_000)]),
        ),
        max_size=2,
    ),
)


def make_offers(provider: str, found: list[dict[str, Any]]) -> list[Offer]:
    return [
        an_offer(id=f"{provider}-{number}", provider=provider, provider_id=str(number), **row)
        for number, row in enumerate(found)
    ]


@given(
    st.lists(rows, max_size=25),
    st.lists(rows, max_size=8),
    memories,
    st.sets(st.sampled_from(["vastai-0", "vastai-4"])),
    filters_of_any_kind,
    st.sampled_from(Sort),
    st.integers(1, 30),
    st.integers(0, 30),
)
def test_every_page_is_the_part_of_the_plain_list_that_was_asked_for(
    vast: list[dict[str, Any]],
    dock: list[dict[str, Any]],
    memory: Memory,
    withdrawn: set[str],
    filters: Filters,
    sort: Sort,
    limit: int,
    offset: int,
) -> None:
    """M-22, M-41: with equal prices, two providers, failures, and offers that are hidden."""
    views = [
        view_of(
            make_offers("vastai", vast), memory=memory, withdrawn=dict.fromkeys(withdrawn, NOON)
        ),
        view_of(make_offers("tensordock", dock), "tensordock"),
    ]
    now = later(200)
    shelves = [shelf for view in views if (shelf := shelf_of(view, now, SETTINGS))]
    every = [
        shown
        for shelf, view in zip(shelves, views, strict=True)
        for offer_id in (view.snapshot.offers if view.snapshot else ())
        if (shown := shelf.get(offer_id))
    ]
    expected = plain_list(every, filters, sort)
    found = listed(*views, filters=filters, sort=sort, limit=limit, offset=offset, now=now)
    assert found == (expected[offset : offset + limit], len(expected))


def test_a_suppressed_or_withdrawn_offer_is_neither_listed_nor_found() -> None:
    suppression = Suppression(offer_id="vastai-1", machine_id="7", at=NOON, until=later(60))
    offers = [
        an_offer(id="vastai-1", machine_id="7"),
        an_offer(id="vastai-2", machine_id="7"),
        an_offer(id="vastai-3", machine_id=None),
        an_offer(id="vastai-4", machine_id="8"),
    ]
    view = view_of(offers, memory=Memory(suppressions=[suppression]), withdrawn={"vastai-4": NOON})
    shelf = shelf_of(view, NOON, SETTINGS)
    assert shelf is not None
    assert [offer.id for offer in offers if shelf.get(offer.id)] == ["vastai-3"]
    assert ids(listed(view)) == ["vastai-3"]
    assert [offer.id for offer in standing(view, NOON, SETTINGS)] == ["vastai-3"]
    assert ids(listed(view, now=later(60))) == ["vastai-1", "vastai-2", "vastai-3"]


def test_an_offer_withdrawn_before_the_fetch_began_is_shown() -> None:
    view = view_of([an_offer()], withdrawn={"vastai-1001": later(-1)})
    assert ids(listed(view)) == ["vastai-1001"]


@pytest.mark.parametrize("snapshot_age_s", [601, 10_000])
def test_a_view_that_is_too_old_or_empty_has_no_shelf(snapshot_age_s: float) -> None:
    assert shelf_of(view_of([an_offer()]), later(600), SETTINGS) is not None
    assert shelf_of(view_of([an_offer()]), later(snapshot_age_s), SETTINGS) is None
    nothing = ProviderView(provider="vastai", snapshot=None)
    assert shelf_of(nothing, NOON, SETTINGS) is None
    assert standing(nothing, NOON, SETTINGS) == []


def test_what_stands_is_told_of_a_snapshot_of_any_age() -> None:
    """Price history counts what was published, however late."""
    assert standing(view_of([an_offer()]), later(10_000), SETTINGS) == [an_offer()]


def test_no_filter_looks_at_an_offer_that_costs_too_much() -> None:
    """Prices are cut off first: the list is sorted by them."""
    offers = [an_offer(id=f"vastai-{n}", price_microusd_per_hour=n) for n in (3, 1, 2)]
    assert ids(listed(view_of(offers), filters=Filters(max_price_microusd=2))) == [
        "vastai-1",
        "vastai-2",
    ]
