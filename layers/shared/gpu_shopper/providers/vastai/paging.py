"""Lists that come in pages with a cursor and a total: whole, or an error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gpu_shopper.errors.provider import BadProviderReply
from gpu_shopper.providers.http import Call, HttpClient, Reply
from gpu_shopper.providers.vastai.replies import body_of, error_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Paged[T]:
    """How one list is asked for and read: names of its rows and total, and what a row is.

    `identity` tells whether two rows are the same thing, for lists that hold each thing once.
    """

    ask: Callable[[str], Call]
    rows: str
    total: str
    read: Callable[[Any], T]
    identity: Callable[[T], object] | None = None


def accepted(reply: Reply) -> dict[str, Any]:
    """The body of an answer that reports no failure. Raises BadProviderReply."""
    if reply.status != 200:
        raise BadProviderReply(error_text(reply))
    body = body_of(reply)
    if body.get("success", True) is not True:
        raise BadProviderReply(error_text(reply))
    return body


def every_row[T](http: HttpClient, paged: Paged[T]) -> list[T]:
    """Every row of every page. Raises BadProviderReply rather than return a part.

    The account may change between two pages; then the list is fetched a second time, once.
    """
    found = _fetched(http, paged)
    if found is None:
        found = _fetched(http, paged)
    if found is None:
        raise BadProviderReply(f"the list of {paged.rows} does not add up to its total")
    return found


def _fetched[T](http: HttpClient, paged: Paged[T]) -> list[T] | None:
    """Every page; None when the pages do not fit together."""
    found: list[T] = []
    tokens, totals, token = set[str](), set[int](), ""
    while True:
        page, total, token = _page(accepted(http.read(paged.ask(token))), paged)
        found += page
        totals.add(total)
        if len(found) > total or len(totals) > 1 or token in tokens or (token and not page):
            return None
        if not token:
            return found if len(found) == total and _distinct(found, paged) else None
        tokens.add(token)


def _page[T](body: dict[str, Any], paged: Paged[T]) -> tuple[list[T], int, str]:
    """Rows, the total over all pages, and the next token ("" after the last page)."""
    rows, total, token = body.get(paged.rows), body.get(paged.total), body.get("next_token")
    if not isinstance(rows, list) or type(total) is not int or total < 0:
        raise BadProviderReply("a page without its rows or its total")
    if not isinstance(token, str | None):
        raise BadProviderReply("a page whose cursor cannot be read")
    return [paged.read(row) for row in rows], total, token or ""


def _distinct[T](found: list[T], paged: Paged[T]) -> bool:
    return paged.identity is None or len({paged.identity(one) for one in found}) == len(found)
