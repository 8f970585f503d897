"""The answer to a search: of some ninety columns, the two dozen that are read here.

Whole markets are read every minute, so msgspec cuts the wanted columns out of the bytes and steps
over all others. What it will not read (NaN, a row that is no object) goes through the standard
library, which decides whether it is an answer at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gpu_shopper.errors.provider import BadProviderReply
from gpu_shopper.providers.http import Reply


class Row(msgspec.Struct, gc=False):
    """One offer as it came, of any types; None where a column is missing or null.

    In the order in which the columns come: msgspec looks for each behind the one before.
    """

    id: Any = None
    machine_id: Any = None
    host_id: Any = None
    verification: Any = None
    rentable: Any = None
    rented: Any = None
    is_bid: Any = None
    geolocation: Any = None
    static_ip: Any = None
    reliability: Any = None
    reliability2: Any = msgspec.UNSET
    gpu_name: Any = None
    num_gpus: Any = None
    gpu_ram: Any = None
    compute_cap: Any = None
    cuda_max_good: Any = None
    driver_version: Any = None
    cpu_cores_effective: Any = None
    cpu_arch: Any = None
    disk_space: Any = None
    inet_up: Any = None
    inet_down: Any = None
    dph_base: Any = None
    storage_cost: Any = None
    inet_up_cost: Any = None
    inet_down_cost: Any = None
    duration: Any = None


class _Page(msgspec.Struct):
    offers: list[Row]
    success: Any = None


_COLUMNS = Row.__struct_fields__
_DECODER = msgspec.json.Decoder(_Page)


def rows_of(reply: Reply) -> list[Row]:
    """The rows of one page. Raises BadProviderReply."""
    page = _quick(reply.whole())
    if page is None:
        page = _slow(reply.json())
    if page.success is False:
        raise BadProviderReply("a search answer that says it failed")
    return page.offers


def row_of(found: Any) -> Row:
    """One parsed row; without any column when it is no object."""
    if not isinstance(found, Mapping):
        return Row()
    return Row(**{name: found[name] for name in _COLUMNS if name in found})


def _quick(body: bytes) -> _Page | None:
    """None for what only the standard library can judge."""
    try:
        if not body.isascii():
            body.decode()  # msgspec does not look at the texts that it steps over
        return _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _slow(answer: Any) -> _Page:
    rows = answer.get("offers") if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise BadProviderReply("a search answer without a list of offers")
    return _Page(offers=[row_of(row) for row in rows], success=answer.get("success"))
