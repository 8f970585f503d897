"""Queries to their end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gpu_shopper.store.codec import Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


def pages(table: Table, **query: Any) -> Iterator[list[Item]]:
    """Every page of a query; an empty page is not the end, a missing LastEvaluatedKey is."""
    while True:
        answer: Any = table.query(**query)
        yield answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
