"""The tables in memory do what moto's do, operation by operation, through the real store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from tests.aws import SESSION
from tests.simulation.rows import rows_of
from tests.simulation.store_calls import CALLS, carry_out
from tests.simulation.tables import MemoryTable
from tests.simulation.twins import TwinTable
from tests.template.cfn import table_definitions

SMALL = st.integers(0, 3)
STEP = st.tuples(st.sampled_from(sorted(CALLS)), SMALL, SMALL, st.integers(0, 5))


@pytest.fixture(scope="module")
def twins() -> Iterator[TwinTable]:
    """A pair of tables with the keys and indexes of the sessions table."""
    definition = table_definitions()["SessionsTable"]
    with mock_aws():
        real = SESSION.resource("dynamodb").create_table(**definition)
        yield TwinTable(real, MemoryTable(rows_of(definition)))


def _emptied(twins: TwinTable) -> TwinTable:
    for item in twins.real.scan()["Items"]:
        twins.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})
    return twins


@given(steps=st.lists(STEP, max_size=40))
@settings(max_examples=150)
def test_any_sequence_of_store_calls_gives_what_moto_gives(
    twins: TwinTable, steps: list[tuple[str, int, int, int]]
) -> None:
    """N-66: the simulation's store has DynamoDB's conditional semantics, errors included."""
    table = _emptied(twins)
    for step in steps:
        carry_out(table, *step)
    real = table.real.scan(ConsistentRead=True)["Items"]
    assert sorted(real, key=_key) == sorted(_everything(table.memory), key=_key)


def _everything(table: MemoryTable) -> list[dict[str, Any]]:
    return [item for pk in table.rows.items for item in table.rows.partition(pk)]


def _key(item: dict[str, Any]) -> tuple[str, str]:
    return item["pk"], item["sk"]
