"""What DynamoDB charges for an item, a read and a write."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bench.cost.units import index_units, item_bytes, read_units, value_bytes, write_units

KEYS = ("due", "at")
OLD = {"pk": "p", "sk": "s", "due": "X", "at": "1", "more": "a" * 3_000}


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("Grüße", 7),
        (Decimal(0), 2),
        (Decimal(400_000), 2),
        (Decimal("12.345"), 4),
        (True, 1),
        (None, 1),
        (["a", "b"], 3 + 2 + 2),
        ({"k": "v"}, 3 + 1 + 2),
    ],
)
def test_the_size_of_a_value_is_that_of_the_developer_guide(value: Any, size: int) -> None:
    assert value_bytes(value) == size


def test_the_names_of_an_item_count_as_its_values_do() -> None:
    assert item_bytes({"pk": "abc", "price": Decimal(12)}) == 2 + 3 + 5 + 2


@pytest.mark.parametrize(
    ("sizes", "consistent", "units"),
    [
        ([], True, 1),
        ([], False, 0.5),
        ([4_096], True, 1),
        ([4_097], True, 2),
        ([2_000, 2_096], False, 0.5),
        ([2_000, 2_097], False, 1),
    ],
)
def test_what_is_read_together_is_rounded_up_together(
    sizes: list[int], consistent: bool, units: float
) -> None:
    assert read_units(sizes, consistent=consistent) == units


def test_a_write_costs_what_the_larger_of_old_and_new_does() -> None:
    small, large = {"pk": "a" * 1_022}, {"pk": "a" * 1_023}
    assert write_units(None, small) == 1
    assert write_units(None, large) == 2
    assert write_units(large, small) == 2
    assert write_units(large, None) == 2
    assert write_units(None, None) == 1


@pytest.mark.parametrize(
    ("change", "whole", "units"),
    [
        ({}, False, 0),
        ({"more": "b"}, False, 0),
        ({"more": "b"}, True, 3),
        ({"at": "2"}, False, 2),
    ],
)
def test_an_index_costs_by_what_changes_in_its_entry(
    change: dict[str, str], whole: bool, units: int
) -> None:
    assert index_units(OLD, OLD | change, KEYS, whole=whole) == units


def test_an_item_enters_and_leaves_an_index_for_one_write_each() -> None:
    outside = {name: value for name, value in OLD.items() if name != "due"}
    assert index_units(outside, OLD, KEYS, whole=False) == 1
    assert index_units(OLD, outside, KEYS, whole=False) == 1
    assert index_units(outside, outside | {"more": "b"}, KEYS, whole=True) == 0
