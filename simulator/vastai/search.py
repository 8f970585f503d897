"""The three equivalent search endpoints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simulator.vastai import errors, fields
from simulator.vastai.query import BadQuery, parse
from simulator.wire import Call, Reply, Route, json_reply

if TYPE_CHECKING:
    from simulator.vastai.provider import VastAi


class Search:
    """Search by POST, GET and PUT; by POST and GET no key is needed."""

    def __init__(self, vast: VastAi) -> None:
        self._vast = vast
        self.routes = [
            Route("POST", "/api/v0/bundles/", "search", self._post, needs_key=False),
            Route("GET", "/api/v0/bundles/", "search", self._get, needs_key=False),
            Route("PUT", "/api/v0/search/asks/", "search", self._put),
            Route("GET", "/api/v0/gpu_names/unique/", "search", self._names, needs_key=False),
        ]

    def _post(self, call: Call) -> Reply:
        try:
            body = call.body()
        except ValueError:
            return _invalid_json()
        if isinstance(body, dict) and "q" in body:
            return errors.error(400, "bad_request", "q.q: Extra inputs are not permitted")
        return self._search({} if body is None else body)

    def _get(self, call: Call) -> Reply:
        try:
            query = json.loads(call.query.get("q") or "{}")
        except ValueError:
            return _invalid_json()
        return self._search(query)

    def _put(self, call: Call) -> Reply:
        try:
            body = call.body()
        except ValueError:
            return _invalid_json()
        if not isinstance(body, dict):
            return _invalid_json()
        return self._search(body.get("q", {}))

    def _search(self, raw: Any) -> Reply:
        vast = self._vast
        try:
            query = parse(raw, strict=vast.world.knobs.flag("strict_body"))
        except BadQuery as exc:
            return errors.error(400, "bad_request", str(exc))
        now_s = vast.clock.now_s()
        asks = vast.book.search(query, now_s - vast.market_s)
        rows = [fields.render(ask, query.storage_gb, vast.market_s, now_s) for ask in asks]
        if query.bids:
            rows = [_as_bid(row) for row in rows]
        return json_reply({"success": True, "offers": rows})

    def _names(self, _call: Call) -> Reply:
        names = sorted({ask.machine.model.name for ask in self._vast.book.asks})
        return json_reply({"gpu_names": names})


def _as_bid(row: dict[str, Any]) -> dict[str, Any]:
    """Interruptible search shows the lowest bid as the price; the create still decides."""
    disk = row["storage_total_cost"]
    return row | {"dph_base": row["min_bid"], "dph_total": row["min_bid"] + disk, "is_bid": True}


def _invalid_json() -> Reply:
    return errors.error(400, "invalid_request", "Invalid json body")
