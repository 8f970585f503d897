"""What a query of a table in memory finds, page by page."""

from __future__ import annotations

from typing import Any

from boto3.dynamodb.conditions import ConditionBase

from tests.simulation.expressions import Item, holds
from tests.simulation.rows import NO_WORDS, Rows


def parts(condition: ConditionBase) -> tuple[str, ConditionBase | None]:
    """The partition that a query names, and its condition on the sort key."""
    built: Any = condition.get_expression()
    first, rest = built["values"] if built["operator"] == "AND" else (condition, None)
    equality = first.get_expression()
    assert equality["operator"] == "=", "a query names its partition"
    return equality["values"][1], rest


def after(
    found: list[Item],
    start: Item,
    rows: Rows,
    index: str | None,
    forward: bool,
) -> list[Item]:
    """What follows the key `start`, which need not be there any more."""
    names = (rows.indexes[index][1], "pk", "sk") if index else ("sk",)

    def position(item: Item) -> list[str]:
        return [item[name] for name in names]

    first = position(start)
    return [
        item for item in found if (position(item) > first if forward else position(item) < first)
    ]


def page(
    rows: Rows,
    found: list[Item],
    index: str | None,
    wanted: ConditionBase | None,
    limit: int | None,
) -> dict[str, Any]:
    """One page of what was found; a full page names its last key, also when nothing follows."""
    most = rows.page_items or len(found) + 1
    size = min(limit or most, most)
    shown = found[:size]
    items = [item for item in shown if holds(wanted, item, NO_WORDS)]
    answer: dict[str, Any] = {"Items": items, "Count": len(items), "ScannedCount": len(shown)}
    if len(shown) == size:
        last = shown[-1]
        keys = {"pk", "sk", *(rows.indexes[index] if index else ())}
        answer["LastEvaluatedKey"] = {name: last[name] for name in keys if name in last}
    return answer
