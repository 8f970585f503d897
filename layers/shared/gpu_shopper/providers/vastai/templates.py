"""Vast.ai's recommended templates; the other thousands are private people's."""

from __future__ import annotations

import json
import logging
import math
import re
from datetime import UTC, datetime
from typing import Any

from gpu_shopper.core.compatibility import conditions_of
from gpu_shopper.core.disk import MAX_DISK_GB
from gpu_shopper.core.normalise import count, number, provider_text
from gpu_shopper.core.pacing import Turn
from gpu_shopper.core.templates import HASH_ID, Template
from gpu_shopper.errors.provider import BadProviderReply
from gpu_shopper.providers.http import LISTING_BYTES, Call, HttpClient
from gpu_shopper.providers.vastai.market import MAX_UNREADABLE_PERCENT
from gpu_shopper.providers.vastai.replies import error_text

QUERY = {
    "select_cols": '["*"]',
    "select_filters": '{"recommended":{"eq":true}}',
}
NAME_CHARS = 256
IMAGE_CHARS = 255
SCRIPT_CHARS = 16_384
"""No longer start script can be launched, whatever the sources say."""
_EARLIEST_S, _LATEST_S = 1_000_000_000, 10_000_000_000
_HASH_ID = re.compile(HASH_ID)

_logger = logging.getLogger(__name__)


class Unreadable(ValueError):
    """A row without a usable hash, name or image, or with a text of absurd length."""


def list_recommended(http: HttpClient) -> list[Template]:
    """Every recommended template. Raises BadProviderReply when the list, or too much of it, is bad.

    Raises also: ProviderAuth, RateLimited, ProviderUnavailable.
    """
    call = Call(
        method="GET",
        path="/api/v0/template/",
        endpoint="templates",
        turn=Turn.REFRESH,
        params=QUERY,
        limit_bytes=LISTING_BYTES,
    )
    reply = http.read(call)
    if reply.status != 200:
        raise BadProviderReply(error_text(reply))
    return _read(_recommended(reply.json()))


def template_of(row: Any) -> Template:
    """The template in `row`. Raises Unreadable."""
    if not isinstance(row, dict):
        raise Unreadable("row")
    own_id, hash_id = row.get("id"), row.get("hash_id")
    if type(own_id) is not int or not isinstance(hash_id, str) or not _HASH_ID.fullmatch(hash_id):
        raise Unreadable("id")
    return Template(
        id=own_id,
        hash_id=hash_id,
        name=_line(row, "name", NAME_CHARS),
        image=_line(row, "image", IMAGE_CHARS),
        tag=_script(row.get("tag")),
        env=_script(row.get("env")),
        onstart=_script(row.get("onstart")),
        runtype=_script(row.get("runtype")),
        args_str=_script(row.get("args_str")),
        use_ssh=row.get("use_ssh") is True,
        ssh_direct=row.get("ssh_direct") is True,
        recommended=row.get("recommended") is True,
        recommended_disk_gb=_disk_gb(row.get("recommended_disk_space")),
        extra_filters=_script(_as_text(row.get("extra_filters"))),
        creator_id=count(row.get("creator_id")),
        created_at=_instant(row.get("created_at")),
        count_created=count(row.get("count_created")),
    )


def _recommended(answer: Any) -> list[Any]:
    """The rows of a complete answer, without other people's; the filter may be ignored there."""
    rows = answer.get("templates") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or answer.get("success") is False:
        raise BadProviderReply("an answer without a list of templates")
    total = answer.get("templates_found")
    if type(total) is int and total > len(rows):
        raise BadProviderReply(f"{len(rows)} of {total} templates")
    return [row for row in rows if not isinstance(row, dict) or row.get("recommended") is True]


def _read(rows: list[Any]) -> list[Template]:
    templates, unreadable = list[Template](), 0
    for row in rows:
        try:
            template = template_of(row)
        except Unreadable:
            unreadable += 1
            continue
        templates.append(template)
        _tell_unreadable_conditions(template)
    if unreadable * 100 > len(rows) * MAX_UNREADABLE_PERCENT:
        raise BadProviderReply(f"{unreadable} of {len(rows)} templates cannot be read")
    if unreadable:
        _logger.warning("skipped templates that cannot be read", extra={"unreadable": unreadable})
    return templates


def _tell_unreadable_conditions(template: Template) -> None:
    ignored = conditions_of(template.extra_filters).unreadable
    if ignored:
        known = {
            "hash_id": template.hash_id,
            "ignored": [provider_text(one, 64) for one in ignored],
        }
        _logger.warning("a template's conditions cannot all be read", extra=known)


def _line(row: dict[str, Any], name: str, limit: int) -> str:
    """A text on one line that must be there."""
    value = row.get(name)
    line = provider_text(value, limit + 1) if isinstance(value, str) else ""
    if not line or len(line) > limit:
        raise Unreadable(name)
    return line


def _script(value: object) -> str | None:
    """A text as it is written; what is no text counts as absent, like an empty one."""
    if not isinstance(value, str) or not value:
        return None
    # Half of a surrogate pair is valid JSON and cannot be answered or stored.
    if len(value) > SCRIPT_CHARS or _is_broken(value):
        raise Unreadable("text")
    return value


def _is_broken(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _as_text(filters: object) -> object:
    """Filters come as JSON text or as the object itself."""
    try:
        return json.dumps(filters) if isinstance(filters, dict) else filters
    except RecursionError as exc:
        raise Unreadable("extra_filters") from exc


def _disk_gb(value: object) -> float | None:
    found = number(value)
    return found if found is not None and 0 < found <= MAX_DISK_GB else None


def _instant(value: object) -> datetime | None:
    """An instant from epoch seconds, cut to whole ones."""
    found = number(value)
    if found is None or not _EARLIEST_S <= found <= _LATEST_S:
        return None
    return datetime.fromtimestamp(math.floor(found), UTC)
