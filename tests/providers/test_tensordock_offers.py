"""TensorDock's locations as offers, in our units."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gpu_shopper.core.offers import Offer
from gpu_shopper.providers.tensordock.offers import Unreadable, offers_of
from tests.providers.tensordock_shapes import GPU, PLACE_ID, gpu_row, location

BAD_PRICING: list[Any] = [None, {}, [], {"per_vcpu_hr": 0.003}]


def read(place: dict[str, Any] | None = None, **changes: Any) -> list[Offer]:
    return offers_of(place or location(), gpu_row(**changes))


def without(row: dict[str, Any], *path: str) -> dict[str, Any]:
    """`row` without the entry at `path`."""
    head, *rest = path
    if rest:
        return {**row, head: without(row[head], *rest)}
    return {key: value for key, value in row.items() if key != head}


def test_a_row_becomes_an_offer_in_our_units() -> None:
    """X-20: all units are ours."""
    assert read()[0] == Offer(
        id=f"tensordock-{PLACE_ID}-{GPU}",
        provider="tensordock",
        provider_id=f"{PLACE_ID}-{GPU}",
        gpu_type="RTX 4090",
        gpu_name_raw=GPU,
        gpu_count=1,
        vram_gb=24,
        price_microusd_per_hour=443_000,
        default_disk_gb=100,
        storage_microusd_per_gb_month=36_000,
        location="Chubbuck, Idaho, United States",
        country="US",
        reliability=0.666667,
        max_duration_hours=0,
        base_confidence=0.30,
        disk_gb_available=4_000,
        vcpus=8,
        ram_gb=32,
    )


def test_the_price_is_all_gpus_and_the_cpu_ram_and_storage_asked_for() -> None:
    """X-21: 2 × 0.35 + 8 × 0.003 + 32 × 0.002 + 100 × 0.00005."""
    _, two = read()
    assert (two.gpu_count, two.price_microusd_per_hour) == (2, 793_000)
    assert two.id == f"tensordock-{PLACE_ID}-{GPU}-x2"


def test_more_storage_costs_by_the_hour_what_tensordock_says() -> None:
    """X-21: 150 GB more at 0.00005 $/h each."""
    assert read()[0].price_with_disk(250) == 443_000 + 7_500


@pytest.mark.parametrize(
    ("most", "counts"),
    [(0, []), (-1, []), (1, [1]), (3, [1, 2]), (4, [1, 2, 4]), (9, [1, 2, 4, 8])],
)
def test_powers_of_two_up_to_the_most_are_offered(most: int, counts: list[int]) -> None:
    assert [one.gpu_count for one in read(max_count=most)] == counts


def test_a_count_of_nonsense_does_not_make_offers_without_end() -> None:
    assert [one.gpu_count for one in read(max_count=10**12)][-1] == 64


@pytest.mark.parametrize(
    ("limits", "vcpus", "ram_gb", "price"),
    [
        ({"max_vcpus": 4, "max_ram_gb": 16, "max_storage_gb": 500}, 4, 16, 399_000),
        ({"max_vcpus": 7, "max_ram_gb": 31, "max_storage_gb": 100}, 6, 30, 433_000),
        ({"max_vcpus": None, "max_ram_gb": "?"}, 8, 32, 443_000),
        ({}, 8, 32, 443_000),
        (None, 8, 32, 443_000),
    ],
)
def test_the_wish_keeps_to_the_locations_limits_and_is_what_the_price_says(
    limits: object, vcpus: int, ram_gb: int, price: int
) -> None:
    """X-21: never more than the location has, never a price of less than what is asked for."""
    offer = read(resources=limits)[0]
    assert (offer.vcpus, offer.ram_gb) == (vcpus, ram_gb)
    assert offer.price_microusd_per_hour == price


@pytest.mark.parametrize(
    "changes",
    [
        {"resources": {"max_vcpus": 1}},
        {"resources": {"max_ram_gb": 0}},
        {"resources": {"max_storage_gb": 99}},
        {"network_features": {"dedicated_ip_available": False}},
    ],
)
def test_what_cannot_be_rented_our_way_is_not_offered(changes: dict[str, Any]) -> None:
    assert read(**changes) == []


@pytest.mark.parametrize("features", [None, {}, {"dedicated_ip_available": None}])
def test_a_location_that_says_nothing_of_addresses_is_offered(features: object) -> None:
    assert read(network_features=features)


@pytest.mark.parametrize(
    "row",
    [
        *(gpu_row(price_per_hr=bad) for bad in (0, -1, None, "free", math.nan, math.inf, True)),
        *(gpu_row(v0Name=bad) for bad in (None, "", 7, "a b", " x", "gpu/../x", "é", "g" * 101)),
        *(gpu_row(max_count=bad) for bad in (None, "2", 1.5, True)),
        *(gpu_row(pricing=bad) for bad in BAD_PRICING),
        without(gpu_row(), "pricing", "per_vcpu_hr"),
        without(gpu_row(), "pricing", "per_gb_ram_hr"),
        without(gpu_row(), "pricing", "per_gb_storage_hr"),
        without(gpu_row(), "v0Name"),
        gpu_row(resources=[1]),
        None,
        "row",
    ],
)
def test_a_row_without_name_number_or_any_part_of_its_price_is_unreadable(row: Any) -> None:
    """X-21: the bare GPU price is never shown as the whole."""
    with pytest.raises(Unreadable):
        offers_of(location(), row)


@pytest.mark.parametrize("own_id", [None, 7, "", "1", "1a2b3c4d", f"{PLACE_ID}/x", PLACE_ID + "0"])
def test_a_location_without_a_uuid_is_unreadable(own_id: object) -> None:
    with pytest.raises(Unreadable):
        offers_of(location(id=own_id), gpu_row())


@pytest.mark.parametrize(
    ("tier", "share"),
    [(0, 0.0), (1, 0.333333), (3, 1.0), (4, 1.0), (None, None), ("2", None), (math.nan, None)],
)
def test_reliability_is_a_third_of_the_tier_and_unknown_is_unknown(
    tier: object, share: float | None
) -> None:
    """M-37: tier 4 is 1.0."""
    assert read(location(tier=tier))[0].reliability == share


@pytest.mark.parametrize(
    ("place", "text", "country"),
    [
        (("Unknown", "", ""), "Unknown", None),
        ((None, None, None), "Unknown", None),
        (("Singapore", "Singapore", "Singapore"), "Singapore", "SG"),
        ((" Manassas ", "Virginia", "United States"), "Manassas, Virginia, United States", "US"),
        ((1, ["x"], "Norway"), "Norway", "NO"),
    ],
)
def test_a_place_is_its_known_parts(place: tuple[Any, ...], text: str, country: str | None) -> None:
    """M-38: no empty or repeated parts."""
    parts = dict(zip(("city", "stateprovince", "country"), place, strict=True))
    offer = read(location(**parts))[0]
    assert (offer.location, offer.country) == (text, country)


@pytest.mark.parametrize(
    ("slug", "gpu_type", "vram_gb"),
    [
        ("a40-pcie-48gb", "A40", 48),
        ("geforcertx5090-pcie-32gb", "RTX 5090", 32),
        ("h100-sxm5-80gb", "H100 SXM", 80),
        ("rtxa4000-pcie-16gb", "RTX A4000", 16),
        ("l40s", "L40S", None),
    ],
)
def test_name_and_memory_come_from_the_slug(slug: str, gpu_type: str, vram_gb: int | None) -> None:
    offer = read(v0Name=slug)[0]
    assert (offer.gpu_type, offer.vram_gb, offer.gpu_name_raw) == (gpu_type, vram_gb, slug)


def test_a_slug_in_capitals_is_asked_for_as_it_is_and_its_id_is_lower_case() -> None:
    offer = read(v0Name="L40S-PCIe-48GB")[0]
    assert offer.id == f"tensordock-{PLACE_ID}-l40s-pcie-48gb"
    assert offer.gpu_name_raw == "L40S-PCIe-48GB"
