"""The lines of calls to providers, shared by all functions: one row per endpoint.

pk PACE#<provider>  sk <endpoint>   `free_at_ms`: when the next call may go
                                    `ends_at_ms`: when the next terminate may go, never later

Both are epoch milliseconds; a call moves them one interval on, by one conditional write. It is the
algorithm of the callers' token buckets, with room for one token and places taken ahead. The
instants never move back, so of the forms of a write each is tried once, in order: when the
condition of one does not hold, no later write can make it hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase
from botocore.exceptions import BotoCoreError, ClientError

from gpu_shopper.errors import StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_FREE, _ENDS = "free_at_ms", "ends_at_ms"
_LOST = "ConditionalCheckFailedException"

type _Form = tuple[ConditionBase, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The line of one endpoint, in which calls are `interval_ms` apart."""

    table: Table
    provider: str
    endpoint: str
    interval_ms: int


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the line that comes up in `wait_ms`; if not `taken`, the line is that long."""

    taken: bool
    wait_ms: int


def take(line: Line, now: datetime, within_ms: int) -> Place:
    """The next place, if it comes up in at most `within_ms`. Raises StoreUnavailable."""
    now_ms = _ms(now)
    soon = Attr(_FREE).gt(now_ms) & Attr(_FREE).lte(now_ms + within_ms)
    forms = [(_passed(_FREE, now_ms), f"{_FREE} = :next")]
    if within_ms > 0:
        forms.append((soon, f"{_FREE} = {_FREE} + :step"))
    return _moved(line, now_ms, forms, _FREE)


def take_first(line: Line, now: datetime, within_ms: int) -> Place:
    """The next place for a terminate: others are passed, and pushed back by one interval.

    Raises: StoreUnavailable.
    """
    now_ms = _ms(now)
    passing = Attr(_FREE).gt(now_ms) & _passed(_ENDS, now_ms)
    soon = Attr(_ENDS).gt(now_ms) & Attr(_ENDS).lte(now_ms + within_ms)
    forms = [
        (_passed(_FREE, now_ms), f"{_FREE} = :next, {_ENDS} = :next"),
        (passing, f"{_FREE} = {_FREE} + :step, {_ENDS} = :next"),
        (soon, f"{_FREE} = {_FREE} + :step, {_ENDS} = {_ENDS} + :step"),
    ]
    return _moved(line, now_ms, forms, _ENDS)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1_000)


def _passed(instant: str, now_ms: int) -> ConditionBase:
    return Attr(instant).not_exists() | Attr(instant).lte(now_ms)


def _moved(line: Line, now_ms: int, forms: list[_Form], instant: str) -> Place:
    """The first form whose condition holds is written; `instant` is when its place comes up."""
    steps = {":next": now_ms + line.interval_ms, ":step": line.interval_ms}
    taken, before = False, dict[str, Any]()
    for condition, change in forms:
        values = {name: step for name, step in steps.items() if name in change}
        taken, before = _write(line, condition, f"SET {change}", values)
        if taken:
            break
    return Place(taken, max(0, int(before.get(instant, 0)) - now_ms))


def _write(
    line: Line, condition: ConditionBase, change: str, values: dict[str, int]
) -> tuple[bool, dict[str, Any]]:
    """Whether `condition` held, and what was there before, changed or not."""
    try:
        answer = line.table.update_item(
            Key={"pk": f"PACE#{line.provider}", "sk": line.endpoint},
            UpdateExpression=change,
            ConditionExpression=condition,
            ExpressionAttributeValues=values,
            ReturnValues="UPDATED_OLD",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as exc:
        if exc.response["Error"]["Code"] != _LOST:
            raise StoreUnavailable("the lines of calls cannot be read") from exc
        return False, _plain(exc.response.get("Item", {}))
    except BotoCoreError as exc:
        raise StoreUnavailable("the lines of calls cannot be read") from exc
    return True, dict(answer.get("Attributes", {}))


def _plain(item: Any) -> dict[str, Any]:
    """Errors bypass boto3's deserialiser: their items still carry the wire types."""
    return {name: value["N"] for name, value in item.items() if "N" in value}
