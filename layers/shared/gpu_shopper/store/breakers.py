"""Circuit breakers, shared by all functions.

pk PROVIDER#<name>  sk BREAKER   failures in a row, since when open, who probes
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr

from gpu_shopper.core.breaker import Breaker
from gpu_shopper.store.codec import Item, from_item, to_item
from gpu_shopper.store.transactions import Cancelled, Put, write_all

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


def read(table: Table, provider: str) -> Breaker:
    """The provider's breaker as it is now; closed when nothing was ever written."""
    item = table.get_item(Key=_key(provider), ConsistentRead=True).get("Item")
    return from_item(Breaker, item) if item else Breaker()


def write(table: Table, provider: str, breaker: Breaker, also: Sequence[Put] = ()) -> bool:
    """Write the next version, and `also` with it; False when somebody else wrote it first."""
    first = breaker.version == 1
    unchanged = Attr("pk").not_exists() if first else Attr("version").eq(breaker.version - 1)
    try:
        write_all(table, [Put(_key(provider) | to_item(breaker), unchanged), *also])
    except Cancelled:
        return False
    return True


def _key(provider: str) -> Item:
    return {"pk": f"PROVIDER#{provider}", "sk": "BREAKER"}
