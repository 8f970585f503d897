"""Moto has a say in whatever is new, and knows of everything before it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError

from tests.aws import standing
from tests.simulation.rows import rows_of
from tests.simulation.tables import MemoryTable
from tests.simulation.twins import Both, TwinTable
from tests.template.cfn import table_definitions

KEY = {"pk": "a", "sk": "b"}
OTHER = {"pk": "a", "sk": "c"}


@pytest.fixture
def twins(monkeypatch: pytest.MonkeyPatch) -> Iterator[TwinTable]:
    """A table whose moto lags, in a process that has compared nothing yet."""
    monkeypatch.setattr(Both, "compared", set())
    rows = rows_of(table_definitions()["SessionsTable"])
    with standing() as amazon:
        yield TwinTable(amazon.tables["SessionsTable"], MemoryTable(rows), Both(lags=True))


def on_moto(twins: TwinTable) -> list[Any]:
    """What moto has, without making it catch up."""
    found: list[Any] = twins._real.scan()["Items"]
    return found


def test_moto_is_asked_for_the_first_of_a_kind_only(twins: TwinTable) -> None:
    twins.put_item(Item=KEY)
    assert on_moto(twins) == [KEY]
    twins.put_item(Item=OTHER)
    assert on_moto(twins) == [KEY]


def test_something_new_makes_moto_catch_up(twins: TwinTable) -> None:
    for item in (KEY, OTHER):
        twins.put_item(Item=item)
    twins.put_item(Item={**KEY, "sk": "d", "version": 1})
    assert len(on_moto(twins)) == 3


def test_whoever_asks_for_motos_table_finds_everything(twins: TwinTable) -> None:
    for item in (KEY, OTHER):
        twins.put_item(Item=item)
    assert len(twins.real.scan()["Items"]) == 2


def test_the_same_condition_that_holds_and_that_does_not_are_two_kinds(twins: TwinTable) -> None:
    for item in (KEY, OTHER):
        twins.put_item(Item={**item, "version": 1})
    unchanged = Attr("version").eq(1)
    twins.delete_item(Key=KEY, ConditionExpression=unchanged)
    assert on_moto(twins) == [{**OTHER, "version": 1}]
    twins.put_item(Item={**KEY, "version": 2})
    assert on_moto(twins) == [{**OTHER, "version": 1}]
    with pytest.raises(twins.meta.client.exceptions.ConditionalCheckFailedException):
        twins.delete_item(Key=KEY, ConditionExpression=unchanged)
    assert len(on_moto(twins)) == 2


def test_the_same_update_of_something_and_of_nothing_are_two_kinds(twins: TwinTable) -> None:
    count = {"UpdateExpression": "ADD seen :one", "ExpressionAttributeValues": {":one": 1}}
    twins.update_item(Key=KEY, **count)
    twins.update_item(Key=KEY, **count)
    assert on_moto(twins) == [{**KEY, "seen": 2}]
    twins.update_item(Key=KEY, **count)
    assert on_moto(twins) == [{**KEY, "seen": 2}]


def test_a_difference_is_noticed_also_in_what_moto_missed(twins: TwinTable) -> None:
    twins.put_item(Item={**KEY, "version": 1})
    twins.get_item(Key=KEY)
    twins.memory.rows.put(("a", "b"), {**KEY, "version": Decimal(2)})
    twins.get_item(Key=KEY)
    with pytest.raises(AssertionError, match="on moto"):
        twins.get_item(Key=OTHER)


def test_moto_goes_on_alone_after_what_the_other_was_not_taught(twins: TwinTable) -> None:
    for item in (KEY, OTHER):
        twins.put_item(Item=item)
    assert twins.scan()["Count"] == 2
    twins.put_item(Item={**KEY, "sk": "d"})
    assert twins.scan()["Count"] == 3


def test_an_error_of_either_can_be_caught(twins: TwinTable) -> None:
    exceptions = twins.meta.client.exceptions
    for _ in range(2):
        with pytest.raises(exceptions.ConditionalCheckFailedException):
            twins.delete_item(Key=KEY, ConditionExpression=Attr("pk").exists())
        twins.scan()
    with pytest.raises(ClientError, match="ValidationException"):
        twins.get_item(Key={"pk": "a"})


def test_what_was_read_belongs_to_the_reader(twins: TwinTable) -> None:
    given: dict[str, Any] = {**KEY, "of": {"it": [1]}}
    twins.put_item(Item=given)
    given["of"]["it"].append(2)
    twins.get_item(Key=KEY)["Item"]["of"]["it"].append(3)
    assert twins.real.get_item(Key=KEY)["Item"]["of"] == {"it": [1]}
