"""Conditions on machines: every operator, every property, and whatever somebody may write."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_shopper.core.compatibility import PROPERTIES, conditions_of, fits
from gpu_shopper.core.offers import Offer
from tests.builders import an_offer

KNOWN: dict[str, Any] = {
    "gpu_count": 2,
    "gpu_ram_mb": 24_564,
    "compute_cap": 890,
    "cpu_arch": "amd64",
    "cpu_cores": 16.5,
    "static_ip": False,
    "cuda_version": 12.8,
    "disk_gb_available": 812,
    "price_microusd_per_hour": 413_889,
    "driver_version": "570.153.02",
    "country": "US",
    "gpu_name_raw": "RTX 4090",
    "inet_down_mbps": 934,
    "inet_down_microusd_per_gb": 2_000,
    "inet_up_mbps": 801,
    "inet_up_microusd_per_gb": 2_667,
    "reliability": 0.99,
    "verified": True,
}
VALUES: dict[str, Any] = {
    "compute_cap": 890,
    "cpu_arch": "amd64",
    "cpu_cores_effective": 16.5,
    "cuda_max_good": 12.8,
    "disk_space": 812,
    "dph_total": 0.413889,
    "driver_version": "570.153.02",
    "geolocation": "US",
    "gpu_name": "RTX 4090",
    "gpu_ram": 24_564,
    "gpu_total_ram": 49_128,
    "inet_down": 934,
    "inet_down_cost": 0.002,
    "inet_up": 801,
    "inet_up_cost": 0.002667,
    "num_gpus": 2,
    "reliability2": 0.99,
    "rentable": True,
    "static_ip": False,
    "verified": True,
}


def holds(name: str, word: str, wanted: Any, **changes: Any) -> bool:
    return met({name: {word: wanted}}, an_offer(**KNOWN | changes))


def met(filters: Any, offer: Offer) -> bool:
    return fits(offer, conditions_of(json.dumps(filters)).readable)


def test_every_property_is_tried_here() -> None:
    assert set(VALUES) == set(PROPERTIES)


@pytest.mark.parametrize("name", VALUES)
def test_a_property_equals_its_value_and_nothing_else(name: str) -> None:
    """5.1: every property that templates filter by."""
    value = VALUES[name]
    other = "other" if isinstance(value, str) else (not value if value in (True, False) else 0.5)
    assert holds(name, "eq", value)
    assert not holds(name, "eq", other)
    assert not holds(name, "neq", value)
    assert holds(name, "neq", other)
    assert holds(name, "in", [other, value])
    assert not holds(name, "in", [other])
    assert not holds(name, "notin", [other, value])
    assert holds(name, "notin", [other])


@pytest.mark.parametrize(
    ("word", "below", "equal", "above"),
    [
        ("gt", True, False, False),
        ("gte", True, True, False),
        ("lt", False, False, True),
        ("lte", False, True, True),
    ],
)
@pytest.mark.parametrize("name", ["cuda_max_good", "gpu_ram", "num_gpus", "dph_total"])
def test_numbers_are_compared_on_both_sides_of_the_edge(
    name: str, word: str, below: bool, equal: bool, above: bool
) -> None:
    value = VALUES[name]
    assert holds(name, word, value - 0.01) is below
    assert holds(name, word, value) is equal
    assert holds(name, word, value + 0.01) is above


@pytest.mark.parametrize("word", ["eq", "gt", "gte", "lt", "lte", "in"])
@pytest.mark.parametrize("wanted", ["24564", "1", "99999", "", True, None, {}])
def test_a_number_is_compared_with_numbers_only(word: str, wanted: Any) -> None:
    """5.1: strings never compare as numbers."""
    assert not holds("gpu_ram", word, [wanted] if word == "in" else wanted)


@pytest.mark.parametrize("word", ["gt", "gte", "lt", "lte"])
@pytest.mark.parametrize(("name", "wanted"), [("gpu_name", "A"), ("verified", True)])
def test_names_and_booleans_have_no_order(name: str, word: str, wanted: Any) -> None:
    assert not holds(name, word, wanted)


@pytest.mark.parametrize(
    ("wanted", "fit"),
    [
        ("570.153.02", True),
        ("570.153.03", False),
        ("99.200.0", True),
        ("1000.1.1", False),
        ("535.86", True),
        ("535", False),
        (535, False),
        ("535.x.1", False),
    ],
)
def test_driver_versions_are_compared_part_by_part(wanted: Any, fit: bool) -> None:
    """99 is older than 570, whatever the letters say."""
    assert holds("driver_version", "gte", wanted) is fit


def test_one_is_not_true() -> None:
    assert not holds("verified", "eq", 1)
    assert not holds("num_gpus", "eq", True, gpu_count=1)


@pytest.mark.parametrize(
    ("name", "unknown"),
    [("gpu_ram", "gpu_ram_mb"), ("gpu_total_ram", "gpu_ram_mb"), ("geolocation", "country")],
)
@pytest.mark.parametrize(
    ("word", "wanted"), [("eq", "x"), ("neq", "x"), ("notin", []), ("gte", 0), ("lte", 1e9)]
)
def test_what_is_not_known_of_an_offer_meets_nothing(
    name: str, unknown: str, word: str, wanted: Any
) -> None:
    assert not holds(name, word, wanted, **{unknown: None})


@pytest.mark.parametrize("text", [None, "", "{}", '{"gpu_ram": {}}'])
def test_no_condition_fits_every_offer(text: str | None) -> None:
    """5.1: empty is compatible."""
    assert fits(an_offer(), conditions_of(text).readable)
    assert conditions_of(text).unreadable == ()


def test_a_property_that_is_not_known_is_ignored() -> None:
    """5.1"""
    assert met({"datacenter": {"eq": True}, "hosting_type": {"gte": 9}}, an_offer())
    assert not met({"datacenter": {"eq": True}, "num_gpus": {"gte": 9}}, an_offer())


def test_all_conditions_must_hold() -> None:
    both = {"gpu_ram": {"gte": 8_000, "lt": 24_564}, "num_gpus": {"eq": 2}}
    assert not met(both, an_offer(**KNOWN))
    assert met(both, an_offer(**KNOWN | {"gpu_ram_mb": 24_563}))


@pytest.mark.parametrize(
    ("text", "unreadable"),
    [
        ("{", ("the whole",)),
        ("[]", ("the whole",)),
        ("7", ("the whole",)),
        ("null", ("the whole",)),
        ("[" * 100_000, ("the whole",)),
        ('{"gpu_ram": 8000}', ("gpu_ram",)),
        ('{"gpu_ram": {"above": 1}}', ("gpu_ram.above",)),
        ('{"gpu_ram": {"in": 1}}', ("gpu_ram.in",)),
        ('{"gpu_ram": {"gte": [1]}}', ("gpu_ram.gte",)),
    ],
)
def test_what_cannot_be_read_is_named_and_ignored(text: str, unreadable: tuple[str, ...]) -> None:
    """1.3: malformed filters are ignored; the rest counts."""
    found = conditions_of(text)
    assert (found.unreadable, found.readable) == (unreadable, ())
    beside = conditions_of('{"num_gpus": {"gte": 9}, ' + text[1:] if text[0] == "{" else text)
    assert fits(an_offer(), beside.readable) is (unreadable == ("the whole",))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
words = st.sampled_from(["eq", "neq", "gt", "gte", "lt", "lte", "in", "notin", "else"])


@given(st.dictionaries(st.sampled_from([*PROPERTIES]), st.dictionaries(words, anything) | anything))
def test_any_condition_holds_or_not_and_never_fails(filters: dict[str, Any]) -> None:
    assert met(filters, an_offer(**KNOWN)) in (True, False)


@given(st.text())
def test_any_text_has_conditions_or_none(text: str) -> None:
    fits(an_offer(), conditions_of(text).readable)
