"""Failure memory in the inventory table, beside the pointers that every reader queries anyway.

pk PROVIDER#<name>  sk FAILURE#<session>#<attempt>   one failed attempt
pk PROVIDER#<name>  sk SUPPRESSED#<offer>            an offer hidden for a while
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key

from gpu_shopper.core.failures import Failure, Memory, Suppression
from gpu_shopper.store.codec import from_item, to_item
from gpu_shopper.store.transactions import Put, write_all

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_FAILURE = "FAILURE#"
_SUPPRESSED = "SUPPRESSED#"


def memory_of(rows: Mapping[str, Mapping[str, Any]]) -> Memory:
    """The memory in the rows of one provider, by sort key."""
    return Memory(
        failures=[
            from_item(Failure, dict(row)) for sk, row in rows.items() if sk.startswith(_FAILURE)
        ],
        suppressions=[
            from_item(Suppression, dict(row))
            for sk, row in rows.items()
            if sk.startswith(_SUPPRESSED)
        ],
    )


def remember(
    table: Table, failure: Failure, session_id: str, attempt: int, keep_s: int
) -> Memory | None:
    """Write one attempt's failure and give what is remembered with it; None when it was known."""
    ttl = int(failure.at.timestamp()) + keep_s
    key = _key(failure.provider, f"{_FAILURE}{session_id}#{attempt}")
    try:
        table.put_item(
            Item=key | to_item(failure) | {"ttl": ttl}, ConditionExpression=Attr("pk").not_exists()
        )
    except table.meta.client.exceptions.ConditionalCheckFailedException:
        return None
    return _memory(table, failure.provider)


def suppress(
    table: Table, provider: str, suppression: Suppression, also: Sequence[Put] = ()
) -> None:
    """Hide an offer, and every offer of its machine; `also` is written with it."""
    key = _key(provider, f"{_SUPPRESSED}{suppression.offer_id}")
    ttl = int(suppression.until.timestamp())
    write_all(table, [Put(key | to_item(suppression) | {"ttl": ttl}), *also])


def _memory(table: Table, provider: str) -> Memory:
    rows: dict[str, Mapping[str, Any]] = {}
    for prefix in (_FAILURE, _SUPPRESSED):
        query: dict[str, Any] = {
            "KeyConditionExpression": Key("pk").eq(f"PROVIDER#{provider}")
            & Key("sk").begins_with(prefix),
            "ConsistentRead": True,
        }
        while True:
            answer: Any = table.query(**query)
            rows |= {str(item["sk"]): item for item in answer["Items"]}
            if "LastEvaluatedKey" not in answer:
                break
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
    return memory_of(rows)


def _key(provider: str, sk: str) -> dict[str, Any]:
    return {"pk": f"PROVIDER#{provider}", "sk": sk}
