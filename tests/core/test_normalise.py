"""Providers' numbers and texts in our units."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_shopper.core import normalise

JUNK: list[object] = [
    None,
    True,
    False,
    "",
    "x",
    [],
    {},
    math.nan,
    math.inf,
    -math.inf,
    -1,
    -0.5,
    10**400,
]


@pytest.mark.parametrize(
    ("megabytes", "gb"),
    [(24564, 24), (32607, 32), (81559, 80), (15360, 15), (23028, 22), (143771, 140), (8151.0, 8)],
)
def test_vram_is_rounded_to_the_nearest_gb(megabytes: float, gb: int) -> None:
    """X-20"""
    assert normalise.vram_gb_from_mb(megabytes) == gb


@pytest.mark.parametrize("value", [*JUNK, 0, 100, "24564"])
def test_unknown_vram_is_none_and_never_zero(value: object) -> None:
    assert normalise.vram_gb_from_mb(value) is None


@pytest.mark.parametrize(
    ("name", "gb"),
    [
        ("l40s-pcie-48gb", 48),
        ("NVIDIA GeForce RTX 4090 PCIe 24GB", 24),
        ("H100 SXM5 80 GB", 80),
        ("A40", None),
        ("x-0gb", None),
        ("1.5gb", None),
        ("48gbps", None),
    ],
)
def test_vram_is_found_in_names(name: str, gb: int | None) -> None:
    assert normalise.vram_gb_from_name(name) == gb


@pytest.mark.parametrize(
    ("value", "microusd"),
    [
        ("0.35", 350_000),
        (0.5333333333333333, 533_333),
        ("0.0000005", None),
        ("0.0000015", 2),
        ("0.0000025", 2),
        (0.0000025, 2),
        (0.0000035, 4),
        (2, 2_000_000),
        (0.1 + 0.2, 300_000),
        (1e-5, 10),
        (0, None),
        (1_000_001, None),
    ],
)
def test_a_price_is_rounded_half_to_even_from_its_decimal_text(
    value: object, microusd: int | None
) -> None:
    assert normalise.price_microusd(value) == microusd


@pytest.mark.parametrize("value", [*JUNK, "nan", "inf", "-1", "1" * 50, "1e999999", "1_0", "٣"])
def test_garbage_is_no_price(value: object) -> None:
    assert normalise.microusd(value) is None
    assert normalise.price_microusd(value) is None


@given(st.integers(min_value=1, max_value=10**12 - 1))
def test_no_micro_dollar_is_lost_on_the_way_through_a_float(microusd: int) -> None:
    assert normalise.microusd(float(Decimal(microusd) / 10**6)) == microusd


@pytest.mark.parametrize(
    ("value", "share"),
    [(0, 0.0), (0.9876543, 0.987654), (1.02, 1.0), (-0.1, 0.0), (2 / 3, 0.666667)],
)
def test_reliability_is_a_share(value: float, share: float) -> None:
    """M-37"""
    assert normalise.reliability(value) == share


@pytest.mark.parametrize("value", [None, math.nan, math.inf, True, "0.9", []])
def test_unknown_reliability_is_none(value: object) -> None:
    """M-37"""
    assert normalise.reliability(value) is None


@pytest.mark.parametrize(
    ("value", "version"), [(12.8, 12.8), (13, 13.0), ("12.4", 12.4), (12.04, 12.0)]
)
def test_a_cuda_version_has_one_decimal(value: object, version: float) -> None:
    assert normalise.cuda_version(value) == version


@pytest.mark.parametrize("value", [*JUNK, 0, 0.01, 5_000])
def test_zero_or_garbage_is_no_cuda_version(value: object) -> None:
    assert normalise.cuda_version(value) is None


@pytest.mark.parametrize("value", [*JUNK])
def test_garbage_is_no_count(value: object) -> None:
    assert normalise.count(value) is None


def test_counts_are_cut_and_machine_ids_are_text() -> None:
    assert normalise.count(799.9) == 799
    assert normalise.machine_id(42) == "42"
    assert normalise.machine_id(" m-1\n") == "m-1"
    assert not any(map(normalise.machine_id, (None, True, 1.5, "", ["1"])))


@given(st.text(max_size=3_000))
def test_kept_text_is_one_printable_line_of_at_most_1000_characters(text: str) -> None:
    """M-59"""
    kept = normalise.provider_text(text)
    assert len(kept) <= 1_000
    assert kept.isprintable()
    assert normalise.provider_text(kept) == kept
    kept.encode()


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (" RTX\x00 4090 \n", "RTX 4090"),
        ("\x1b[31mA40", "[31mA40"),
        ("A \x00 40", "A 40"),
        ("x" * 200, "x" * 128),
    ],
)
def test_a_raw_gpu_name_is_trimmed_and_printable(raw: str, name: str) -> None:
    assert normalise.gpu_name_raw(raw) == name
