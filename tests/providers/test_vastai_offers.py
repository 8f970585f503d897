"""Vast.ai's rows as offers, in our units."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gpu_shopper.core.offers import Offer
from gpu_shopper.providers.vastai.offers import Unreadable, offer_of
from gpu_shopper.providers.vastai.search import row_of
from tests.providers.vastai_shapes import offer_row

type Row = dict[str, Any]


def read(**changes: Any) -> Offer:
    offer = offer_of(row_of(offer_row(**changes)))
    assert offer is not None
    return offer


def test_a_row_becomes_an_offer_in_our_units() -> None:
    """X-20"""
    assert read() == Offer(
        id="vastai-20000001",
        provider="vastai",
        provider_id="20000001",
        gpu_type="RTX 4090",
        gpu_name_raw="RTX 4090",
        gpu_count=1,
        vram_gb=24,
        price_microusd_per_hour=413_889,
        default_disk_gb=50,
        storage_microusd_per_gb_month=200_000,
        location="Oregon, US",
        country="US",
        reliability=0.998765,
        max_duration_hours=277,
        base_confidence=0.9,
        cuda_version=12.8,
        driver_version="570.153.02",
        machine_id="4242",
        host_id="77",
        verified=True,
        disk_gb_available=812,
        inet_up_mbps=801,
        inet_down_mbps=934,
        inet_up_microusd_per_gb=2_667,
        inet_down_microusd_per_gb=2_000,
        gpu_ram_mb=24_564,
        compute_cap=890,
        cpu_arch="amd64",
        cpu_cores=16.0,
        static_ip=False,
    )


@pytest.mark.parametrize(
    ("base", "storage", "price"),
    [
        (0.4, 0.2, 413_889),
        (0.4, 0, 400_000),
        (0.5333333333333333, 0.1333333333333333, 542_593),
        (1.0666666666666667, 0.149333, 1_077_037),
        (0.0000005, 0.0, None),
        (0, 0.2, None),
        (-1, 0.2, None),
        (math.nan, 0.2, None),
        (math.inf, 0.2, None),
        (1e300, 0.2, None),
        (None, 0.2, None),
        ("cheap", 0.2, None),
        (True, 0.2, None),
        (0.4, None, None),
        (0.4, -1, None),
        (0.4, math.nan, None),
    ],
)
def test_the_price_is_all_gpus_and_the_default_disk(
    base: object, storage: object, price: int | None
) -> None:
    row = row_of(offer_row(dph_base=base, storage_cost=storage))
    if price is None:
        with pytest.raises(Unreadable):
            offer_of(row)
    else:
        assert read(dph_base=base, storage_cost=storage).price_microusd_per_hour == price


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"gpu_ram": 32607}, "vram_gb", 32),
        ({"gpu_ram": None}, "vram_gb", None),
        ({"gpu_ram": 0}, "vram_gb", None),
        ({"reliability2": None}, "reliability", None),
        ({"reliability2": 1.02}, "reliability", 1.0),
        ({"reliability2": math.nan}, "reliability", None),
        ({"cuda_max_good": None}, "cuda_version", None),
        ({"cuda_max_good": 0}, "cuda_version", None),
        ({"cuda_max_good": 13}, "cuda_version", 13.0),
        ({"geolocation": None}, "location", "Unknown"),
        ({"geolocation": ""}, "country", None),
        ({"geolocation": ["US"]}, "location", "Unknown"),
        ({"geolocation": ", DE"}, "country", "DE"),
        ({"duration": None}, "max_duration_hours", 0),
        ({"duration": math.inf}, "max_duration_hours", 0),
        ({"duration": 1_800}, "max_duration_hours", 1),
        ({"duration": 7_200.0}, "max_duration_hours", 2),
        ({"machine_id": None}, "machine_id", None),
        ({"machine_id": []}, "machine_id", None),
        ({"verification": "unverified"}, "verified", False),
        ({"verification": None}, "verified", None),
        ({"inet_up_cost": None}, "inet_up_microusd_per_gb", None),
        ({"inet_up_cost": 0}, "inet_up_microusd_per_gb", 0),
        ({"inet_down": "fast"}, "inet_down_mbps", None),
        ({"disk_space": None}, "disk_gb_available", None),
        ({"driver_version": None}, "driver_version", None),
        ({"gpu_ram": 0}, "gpu_ram_mb", None),
        ({"gpu_ram": 23028.0}, "gpu_ram_mb", 23_028),
        ({"compute_cap": 0}, "compute_cap", 0),
        ({"compute_cap": None}, "compute_cap", None),
        ({"cpu_arch": 64}, "cpu_arch", None),
        ({"cpu_cores_effective": 21.333333333}, "cpu_cores", 21.33),
        ({"cpu_cores_effective": None}, "cpu_cores", None),
        ({"static_ip": 1}, "static_ip", None),
        ({"static_ip": True}, "static_ip", True),
        ({"gpu_name": "RTX 4070S Ti"}, "gpu_type", "RTX 4070 Ti SUPER"),
        ({"gpu_name": " Odd\nGPU\x00 "}, "gpu_name_raw", "Odd GPU"),
    ],
)
def test_unknown_numbers_are_none_and_texts_are_clean(
    changes: Row, field: str, value: object
) -> None:
    """M-36, M-37, M-42"""
    assert getattr(read(**changes), field) == value


@pytest.mark.parametrize(
    "row",
    [
        None,
        [],
        "row",
        {},
        {key: value for key, value in offer_row().items() if key != "rentable"},
        offer_row(rentable=None),
        offer_row(rentable="yes"),
        offer_row(id=None),
        offer_row(id="20000001"),
        offer_row(id=-1),
        offer_row(id=True),
        offer_row(gpu_name=None),
        offer_row(gpu_name=" \x00"),
        offer_row(num_gpus=0),
        offer_row(num_gpus="8"),
        offer_row(num_gpus=1.5),
        offer_row(num_gpus=10**6),
    ],
)
def test_a_row_without_id_gpu_price_or_whether_it_is_free_cannot_be_read(row: object) -> None:
    with pytest.raises(Unreadable):
        offer_of(row_of(row))


def test_the_older_reliability_counts_only_where_the_newer_one_is_missing() -> None:
    row = offer_row(reliability=0.5)
    assert read(reliability=0.5).reliability == 0.998765
    del row["reliability2"]
    offer = offer_of(row_of(row))
    assert offer is not None
    assert offer.reliability == 0.5


@pytest.mark.parametrize("changes", [{"rentable": False}, {"rented": True}, {"is_bid": True}])
def test_only_what_can_be_rented_on_demand_is_offered(changes: Row) -> None:
    assert offer_of(row_of(offer_row(**changes))) is None
