"""Snapshots as bytes: nothing is lost, and another release's are still read."""

from __future__ import annotations

import gzip
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gpu_shopper.core.inventory import Snapshot
from gpu_shopper.core.offers import Offer
from gpu_shopper.store.snapshots import pack, unpack
from tests.builders import NOON, an_offer, later

texts = st.text(max_size=5)
maybe_whole = st.one_of(st.none(), st.integers(0, 3))
offers = st.lists(
    st.builds(
        an_offer,
        id=texts,
        gpu_type=texts,
        vram_gb=maybe_whole,
        price_microusd_per_hour=st.integers(1, 10**12),
        country=st.one_of(st.none(), texts),
        reliability=st.one_of(st.none(), st.floats(0, 1)),
        verified=st.one_of(st.none(), st.booleans()),
        machine_id=st.one_of(st.none(), texts),
        vcpus=maybe_whole,
    ),
    max_size=20,
    unique_by=lambda offer: offer.id,
)


def snapshot_of(found: list[Offer], **more: Any) -> Snapshot:
    return Snapshot(
        provider="vastai",
        generation="g1",
        fetched_at=NOON,
        offers={offer.id: offer for offer in found},
        **more,
    )


def changed(packed: bytes, columns: dict[str, Any]) -> bytes:
    """The object as a release with other columns would have written it; None leaves one out."""
    body = json.loads(gzip.decompress(packed))
    merged = body["offers"] | columns
    body["offers"] = {name: values for name, values in merged.items() if values is not None}
    return gzip.compress(json.dumps(body).encode())


@given(
    offers,
    st.dictionaries(texts, st.sampled_from([NOON, later(0.001), later(60)])),
    st.lists(st.one_of(st.none(), st.integers(0, 100)), min_size=20, max_size=20),
)
def test_what_is_read_is_what_was_written(
    found: list[Offer], recently_seen: Any, places: list[int | None]
) -> None:
    standing = zip((offer.id for offer in found), places, strict=False)
    percentiles = {offer_id: place for offer_id, place in standing if place is not None}
    written = snapshot_of(found, recently_seen=recently_seen, percentiles=percentiles)
    assert unpack("vastai", "g1", pack(written)) == written


def test_offers_are_stored_in_the_order_in_which_they_are_listed() -> None:
    prices = {"vastai-1": 3, "vastai-2": 1, "vastai-3": 1}
    found = [an_offer(id=key, price_microusd_per_hour=price) for key, price in prices.items()]
    read = unpack("vastai", "g1", pack(snapshot_of(found)))
    assert list(read.offers) == ["vastai-2", "vastai-3", "vastai-1"]


def test_a_column_that_this_release_does_not_know_is_left_out() -> None:
    packed = changed(pack(snapshot_of([an_offer()])), {"colour": ["green"]})
    assert unpack("vastai", "g1", packed).offers == {"vastai-1001": an_offer()}


def test_a_column_that_an_earlier_release_did_not_write_is_unknown() -> None:
    found = [an_offer(id=f"vastai-{number}", machine_id="7") for number in range(3)]
    read = unpack("vastai", "g1", changed(pack(snapshot_of(found)), {"machine_id": None}))
    assert [offer.machine_id for offer in read.offers.values()] == [None] * 3


def test_equal_values_of_many_offers_are_held_once() -> None:
    found = [an_offer(id=f"vastai-{number}", location=f"Oslo{', NO'}") for number in range(9)]
    read = unpack("vastai", "g1", pack(snapshot_of(found)))
    assert len({id(offer.location) for offer in read.offers.values()}) == 1
