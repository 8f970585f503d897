"""The account: what is left to spend, and what was billed for instances."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from gpu_shopper.core.charges import Charge
from gpu_shopper.core.normalise import number, signed_microusd
from gpu_shopper.errors.provider import BadProviderReply
from gpu_shopper.providers.http import LISTING_BYTES, Call, HttpClient
from gpu_shopper.providers.vastai.paging import Paged, accepted, every_row

CHARGES_PER_PAGE = 100
"""What Vast.ai's own client asks for at most; more is refused by some accounts of it."""
_SOURCE = re.compile(r"instance-([1-9][0-9]{0,17})", re.ASCII)


def balance(http: HttpClient) -> int:
    """`credit`, in micro-dollars: `balance` is another number. Raises `ProviderError`."""
    body = accepted(
        http.read(Call(method="GET", path="/api/v0/users/current/", endpoint="account"))
    )
    left = signed_microusd(body.get("credit"))
    if left is None:
        raise BadProviderReply("an account without its credit")
    return left


def charges(http: HttpClient, start: datetime, end: datetime) -> list[Charge]:
    """See `TellsCharges.charges`. Entries are stamped with their day, so the first day is whole."""
    first = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day = {"gte": int(first.timestamp()), "lte": int(end.timestamp())}
    filters = json.dumps({"day": day, "type": {"in": ["instance"]}})
    found = every_row(
        http, Paged(ask=_asks(filters), rows="results", total="total", read=_charge_of)
    )
    return [charge for charge in found if charge is not None]


def _asks(filters: str) -> Callable[[str], Call]:
    def ask(token: str) -> Call:
        params = {"select_filters": filters, "format": "table", "limit": str(CHARGES_PER_PAGE)}
        if token:
            params["after_token"] = token
        return Call(
            method="GET",
            path="/api/v0/charges/",
            endpoint="charges",
            params=params,
            limit_bytes=LISTING_BYTES,
        )

    return ask


def _charge_of(row: Any) -> Charge | None:
    """One entry; None for what is no instance. Raises BadProviderReply: money is not skipped."""
    if not isinstance(row, dict) or not isinstance(row.get("type"), str):
        raise BadProviderReply("a charge that cannot be read")
    if row["type"] != "instance":
        return None
    source = _SOURCE.fullmatch(str(row.get("source")))
    amount, start, end = signed_microusd(row.get("amount")), _at(row, "start"), _at(row, "end")
    if source is None or amount is None or end < start:
        raise BadProviderReply("a charge without its instance, amount or time")
    return Charge(
        instance_id=source[1], label=_label(row), start=start, end=end, amount_microusd=amount
    )


def _at(row: dict[str, Any], name: str) -> datetime:
    seconds = number(row.get(name))
    try:
        return datetime.fromtimestamp(seconds if seconds is not None else -1e18, UTC)
    except (OverflowError, ValueError, OSError) as exc:
        raise BadProviderReply(f"a charge without its {name}") from exc


def _label(row: dict[str, Any]) -> str | None:
    metadata = row.get("metadata")
    label = metadata.get("label") if isinstance(metadata, dict) else None
    return label if isinstance(label, str) else None
