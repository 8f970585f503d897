"""Price history that is over, as rows: the hours of a day, or the days of a month.

    pk <provider>                       in how many snapshots the provider was observed
    pk <provider>#<count>#<gpu type>    one series
    sk hourly#2026-02-07, daily#2026-02

`cells` is JSON, hour of the day or day of the month → numbers. Rows of hours go by TTL
`price_hourly_keep_days` after their span, rows of days after `price_daily_keep_days`.
"""

from __future__ import annotations

import json
from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import batched
from typing import TYPE_CHECKING, Any

from gpu_shopper.core.price_rows import Period, Row, RowKey, merged
from gpu_shopper.core.settings import Settings
from gpu_shopper.errors import StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

MOST_KEYS = 100
"""Keys that one BatchGetItem takes."""


def read_rows(table: Table, keys: Iterable[RowKey]) -> dict[RowKey, Row]:
    """Those of the rows that exist. Raises StoreUnavailable when the table gives nothing more."""
    found: dict[RowKey, Row] = {}
    for some in batched(keys, MOST_KEYS):
        named = {(pk, sk): key for key in some for pk, sk in [_names(key)]}
        for item in _items(table, [_item_key(key) for key in some]):
            cells = json.loads(item["cells"])
            found[named[item["pk"], item["sk"]]] = {int(place): cells[place] for place in cells}
    return found


def add_rows(table: Table, rows: Mapping[RowKey, Row], settings: Settings) -> None:
    """Add these places to the rows; doing it again changes nothing."""
    whole = merged(read_rows(table, rows), rows)
    with table.batch_writer() as writer:
        for key, row in whole.items():
            cells = json.dumps(row, separators=(",", ":"))
            writer.put_item(_item_key(key) | {"cells": cells, "ttl": _ttl(key, settings)})


def _items(table: Table, keys: Sequence[Mapping[str, str]]) -> Iterator[dict[str, Any]]:
    """The items of at most 100 keys; an answer may be a part, then the rest is asked for."""
    wanted: Any = {"Keys": keys, "ConsistentRead": True}
    while wanted:
        answer: Any = table.meta.client.batch_get_item(RequestItems={table.name: wanted})
        yield from answer["Responses"].get(table.name, [])
        before, wanted = wanted, answer["UnprocessedKeys"].get(table.name)
        if wanted and len(wanted["Keys"]) == len(before["Keys"]):
            raise StoreUnavailable("the table of prices gives nothing")


def _names(key: RowKey) -> tuple[str, str]:
    parts = [key.provider]
    if key.series is not None:
        parts += [str(key.series.gpu_count), key.series.gpu_type]
    return "#".join(parts), f"{key.period}#{key.span}"


def _item_key(key: RowKey) -> dict[str, Any]:
    pk, sk = _names(key)
    return {"pk": pk, "sk": sk}


def _ttl(key: RowKey, settings: Settings) -> int:
    if key.period is Period.HOURLY:
        last, keep_days = date.fromisoformat(key.span), settings.price_hourly_keep_days
    else:
        first = date.fromisoformat(f"{key.span}-01")
        last = first.replace(day=monthrange(first.year, first.month)[1])
        keep_days = settings.price_daily_keep_days
    end = datetime.combine(last, time(), UTC) + timedelta(days=1 + keep_days)
    return int(end.timestamp())
