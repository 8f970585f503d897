"""The answer to a search: of some ninety columns, the two dozen that are read here.

Whole markets are read every minute, so msgspec cuts the wanted columns out of the bytes and steps
over all others, row by row: what a row is made into is made while the row is in the processor's
cache. What msgspec will not read (NaN, a row that is no object) the standard library judges.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from gpu_shopper.errors import BadProviderReply
from gpu_shopper.providers.http import Reply


class Row(msgspec.Struct, gc=False):
    """One offer as it came, of any types; None where a column is missing or null."""

    id: Any = None
    rentable: Any = None
    rented: Any = None
    is_bid: Any = None
    gpu_name: Any = None
    num_gpus: Any = None
    gpu_ram: Any = None
    dph_base: Any = None
    storage_cost: Any = None
    geolocation: Any = None
    reliability2: Any = msgspec.UNSET
    reliability: Any = None
    duration: Any = None
    cuda_max_good: Any = None
    driver_version: Any = None
    machine_id: Any = None
    host_id: Any = None
    verification: Any = None
    disk_space: Any = None
    inet_up: Any = None
    inet_down: Any = None
    inet_up_cost: Any = None
    inet_down_cost: Any = None
    compute_cap: Any = None
    cpu_arch: Any = None
    cpu_cores_effective: Any = None
    static_ip: Any = None


class _Page(msgspec.Struct):
    offers: list[msgspec.Raw]
    success: Any = None


_COLUMNS = Row.__struct_fields__
_PAGE = msgspec.json.Decoder(_Page)
_ROW = msgspec.json.Decoder(Row)


def rows_of(reply: Reply) -> Iterator[Row]:
    """The rows of one page. Raises BadProviderReply, before the first row."""
    page = _quick(reply.whole())
    success, rows = _slow(reply.json()) if page is None else (page.success, page.offers)
    if success is False:
        raise BadProviderReply("a search answer that says it failed")
    return map(row_of if page is None else _raw_row, rows)


def row_of(found: Any) -> Row:
    """One parsed row; without any column when it is no object."""
    if not isinstance(found, Mapping):
        return Row()
    return Row(**{name: found[name] for name in _COLUMNS if name in found})


def _raw_row(raw: msgspec.Raw) -> Row:
    try:
        return _ROW.decode(raw)
    except (msgspec.MsgspecError, RecursionError):
        return _slow_row(bytes(raw))


def _slow_row(raw: bytes) -> Row:
    try:
        return row_of(json.loads(raw))
    except (ValueError, RecursionError):
        return Row()


def _quick(body: bytes) -> _Page | None:
    """None for what only the standard library can judge."""
    try:
        if not body.isascii():
            body.decode()  # msgspec does not look at the texts that it steps over
        return _PAGE.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _slow(answer: Any) -> tuple[Any, list[Any]]:
    """What the answer says of its success, and its rows."""
    rows = answer.get("offers") if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise BadProviderReply("a search answer without a list of offers")
    return answer.get("success"), rows
