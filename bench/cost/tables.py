"""Tables and buckets of the simulation that tell the meter what is read and written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from bench.cost.meter import Meter
from tests.simulation.expressions import Item
from tests.simulation.rows import Rows
from tests.simulation.tables import Around, MemoryClient, MemoryTable

_WRITES = ("put_item", "update_item", "delete_item", "batch_write_item", "transact_write_items")
_BUCKET = {"put_object": "s3 writes", "get_object": "s3 reads"}


def metered(around: Around, name: str, meter: Meter) -> Around:
    """Carries operations on the table or bucket out as `around` does, and counts them."""

    def carry_out(operation: str, effect: Callable[[], Any]) -> Any:
        factor = 2 if operation == "transact_write_items" else 1
        if operation in _BUCKET:
            meter.count(_BUCKET[operation], name)

        def counted() -> Any:
            try:
                with meter.writing(factor):
                    return effect()
            except ClientError:
                if operation in _WRITES:
                    meter.refused(name, factor)
                raise

        return around(operation, counted)

    return carry_out


class MeteredClient(MemoryClient):
    """Counts what batches read."""

    def __init__(self, tables: Mapping[str, Rows], around: Around, meter: Meter) -> None:
        super().__init__(tables, around)
        self._meter = meter

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:
        """See boto3."""
        answer = super().batch_get_item(RequestItems=RequestItems)
        for name, asked in RequestItems.items():
            consistent = bool(asked.get("ConsistentRead"))
            found: list[Item] = answer["Responses"][name]
            for place in range(len(asked["Keys"])):
                self._meter.reads(name, found[place : place + 1], consistent=consistent)
        return answer


class MeteredTable(MemoryTable):
    """Counts what is read; writes are counted where they are carried out."""

    def __init__(
        self, rows: Rows, around: Around, others: Mapping[str, Rows], meter: Meter
    ) -> None:
        counted = metered(around, rows.name, meter)
        super().__init__(rows, counted, others)
        self.meta.client = MeteredClient({**others, rows.name: rows}, counted, meter)
        self._meter = meter

    def get_item(self, *, Key: Item, ConsistentRead: bool = False) -> dict[str, Any]:
        """See boto3."""
        answer = super().get_item(Key=Key, ConsistentRead=ConsistentRead)
        found = [answer["Item"]] if "Item" in answer else []
        self._meter.reads(self.name, found, consistent=ConsistentRead)
        return answer

    def query(self, **asked: Any) -> dict[str, Any]:
        """See boto3. What a filter keeps back would be paid too; one query of ours has one."""
        answer = super().query(**asked)
        consistent = asked.get("ConsistentRead", False)
        self._meter.reads(self.name, answer["Items"], consistent=consistent)
        return answer
