"""What is done with instances that exist: look one up, list them all, end one."""

from __future__ import annotations

import json
from typing import Any

from gpu_shopper.core.instances import Instance
from gpu_shopper.errors import BadProviderReply, ProviderUnavailable
from gpu_shopper.providers.http import LISTING_BYTES, Call, HttpClient, Reply, Unanswered, path_id
from gpu_shopper.providers.vastai.replies import body_of, error_text, refusal, says_not_found
from gpu_shopper.providers.vastai.rows import instance_of

PAGE_ROWS = 25
PAGE_INTERVAL_S = 1.0
"""Vast.ai's own minimum between two calls of the list; a faster second page is refused."""
_ORDER = json.dumps([{"col": "id", "dir": "asc"}])


def find(http: HttpClient, instance_id: str) -> Instance | None:
    """None only for `{"instances": null}`, or a 404 whose body says that it does not exist."""
    path = f"/api/v0/instances/{path_id(instance_id)}/"
    reply = http.read(Call(method="GET", path=path, params={"owner": "me"}))
    if reply.status == 404 and says_not_found(reply):
        return None
    body = _accepted(reply)
    if "instances" in body and body["instances"] is None and not body.get("error"):
        return None
    instance = instance_of(body.get("instances"))
    if instance.id != instance_id:
        raise BadProviderReply("the answer shows another instance than the one asked for")
    return instance


def list_all(http: HttpClient) -> list[Instance]:
    """All instances of the account, once each. Raises BadProviderReply rather than a part.

    The account may change between two pages; then the list is fetched a second time, once.
    """
    found = _fetch(http)
    if found is None:
        http.wait(PAGE_INTERVAL_S)
        found = _fetch(http)
    if found is None:
        raise BadProviderReply("the list of instances does not add up to its total")
    return found


def _fetch(http: HttpClient) -> list[Instance] | None:
    """Every page; None when the pages do not fit together."""
    found: dict[str, Instance] = {}
    tokens, totals, rows, token = set[str](), set[int](), 0, ""
    while True:
        body = _accepted(http.read(_page_call(token)))
        page, total, token = _page(body)
        rows += len(page)
        totals.add(total)
        found |= {one.id: one for one in page}
        if rows > total or len(totals) > 1 or token in tokens:
            return None
        if not token:
            return list(found.values()) if len(found) == total else None
        tokens.add(token)
        http.wait(PAGE_INTERVAL_S)


def _page_call(token: str) -> Call:
    params = {"limit": str(PAGE_ROWS), "order_by": _ORDER}
    if token:
        params["after_token"] = token
    return Call(method="GET", path="/api/v1/instances/", params=params, limit_bytes=LISTING_BYTES)


def _accepted(reply: Reply) -> dict[str, Any]:
    if reply.status != 200:
        raise BadProviderReply(error_text(reply))
    body = body_of(reply)
    if body.get("success", True) is not True:
        raise BadProviderReply(error_text(reply))
    return body


def _page(body: dict[str, Any]) -> tuple[list[Instance], int, str]:
    """Instances, the total over all pages, and the next token ("" after the last page)."""
    rows, total, token = body.get("instances"), body.get("total_instances"), body.get("next_token")
    if not isinstance(rows, list) or type(total) is not int or total < 0:
        raise BadProviderReply("a page without its rows or its total")
    if not isinstance(token, str | None):
        raise BadProviderReply("a page whose cursor cannot be read")
    return [instance_of(row) for row in rows], total, token or ""


def terminate(http: HttpClient, instance_id: str) -> None:
    """Ask for the end; silent when the provider says that there is no such instance."""
    path = f"/api/v0/instances/{path_id(instance_id)}/"
    try:
        reply = http.write(Call(method="DELETE", path=path, body={}))
    except Unanswered as exc:
        raise ProviderUnavailable(str(exc)) from exc
    if reply.status in (200, 404) and says_not_found(reply):
        return
    refused = refusal(reply)
    if refused is not None:
        raise refused
    _accepted(reply)
