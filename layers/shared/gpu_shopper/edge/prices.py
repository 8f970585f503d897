"""Questions about price history in, pages of series out."""

from __future__ import annotations

import json
from datetime import datetime

from gpu_shopper.core.api_keys import Caller
from gpu_shopper.core.instants import from_text, to_text
from gpu_shopper.core.price_rows import Period, Window
from gpu_shopper.core.prices import Series
from gpu_shopper.edge import cursors
from gpu_shopper.edge.answers.prices import PricesBody, SeriesBody
from gpu_shopper.edge.bodies import PricesQuery
from gpu_shopper.edge.inventory import checked_provider
from gpu_shopper.usecases.deps import Deps
from gpu_shopper.usecases.prices import Line, Wanted, list_prices


def prices_body(deps: Deps, caller: Caller, query: PricesQuery) -> PricesBody:
    """The page that `query` asks for; all pages of one walk show the same instants."""
    wanted = _wanted(query, deps.enabled_providers)
    now = deps.now()
    scope = f"prices {caller.key_id} {wanted} {query.period} {query.days}"
    to, after = _position(cursors.read(query.cursor, scope, deps.deployment_id, now)) or (now, None)
    window = Window(period=Period(query.period), days=query.days, to=to)
    page = list_prices(deps, wanted, window, after, query.limit)
    next_position = _text(to, page.last) if page.last else None
    return PricesBody(
        series=[SeriesBody.of(one) for one in page.histories],
        count=len(page.histories),
        period=query.period,
        days=query.days,
        since=to_text(window.since),
        to=to_text(to),
        next_cursor=cursors.issue(next_position, scope, deps.deployment_id, now),
    )


def _wanted(query: PricesQuery, enabled: tuple[str, ...]) -> Wanted:
    providers = (checked_provider(query.provider, enabled),) if query.provider else enabled
    return Wanted(providers=providers, gpu_type=query.gpu_type, gpu_count=query.gpu_count)


def _text(to: datetime, last: Line) -> str:
    series, provider = last
    return json.dumps([to_text(to), *series, provider])


def _position(text: str | None) -> tuple[datetime, Line] | None:
    if text is None:
        return None
    to, gpu_type, gpu_count, provider = json.loads(text)
    return from_text(to), (Series(gpu_type, gpu_count), provider)
