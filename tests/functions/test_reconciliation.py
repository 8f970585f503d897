"""GET /costs/reconciliation: for operators, by day, and unknown is null."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from gpu_shopper.core.comparing import Basis, Compared, total
from gpu_shopper.store import charges as store
from gpu_shopper.store.charges import DayTotal
from gpu_shopper.usecases import charges
from tests.builders import later
from tests.functions.calls import CONSUMER, OPERATOR, Client, Reply
from tests.world import World

PATH = "/api/v1/costs/reconciliation"
ALICES = "00000000-0000-4000-8000-00000000000a"
BOBS = "00000000-0000-4000-8000-00000000000b"
DAY = date(2026, 2, 6)


def ask(client: Client, caller: Any = OPERATOR, **query: Any) -> Reply:
    return client("GET", PATH, query=query, caller=caller)


def a_row(session_id: str, charged: int | None, provider: str = "vastai", day: date = DAY) -> Any:
    return Compared(
        day=day,
        provider=provider,
        session_id=session_id,
        consumer_id="alice" if session_id == ALICES else None,
        booked_microusd=1_000_000,
        charged_microusd=charged,
        rounding_microusd=5_000,
        proof_microusd=3_333,
        basis=Basis.CHARGES if provider == "vastai" else Basis.PRICE,
        compared_at=later(0),
    )


ROWS = (
    a_row(ALICES, 1_000_000, "tensordock"),
    a_row(ALICES, 1_035_000),
    a_row(BOBS, None),
    a_row(ALICES, 1_000_000, day=DAY + timedelta(days=1)),
)


@pytest.fixture
def known(wired: World) -> World:
    """Alice's session differs, bob's is unknown; TensorDock agrees; a day later all is well."""
    table = wired.deps.costs
    for row in ROWS:
        store.put(table, row)
        same = [one for one in ROWS if (one.day, one.provider) == (row.day, row.provider)]
        told = DayTotal(day=row.day, provider=row.provider, total=total(same), compared_at=later(0))
        store.put_total(table, told)
    return wired


def test_an_operator_sees_booked_beside_charged(known: World, costs: Client) -> None:
    answer = ask(costs, start_date="2026-02-06", end_date="2026-02-06", provider="vastai").json
    differs, unknown = answer["reconciliation"]
    assert differs == {
        "day": "2026-02-06",
        "provider": "vastai",
        "session_id": ALICES,
        "consumer_id": "alice",
        "booked_usd": 1.0,
        "charged_usd": 1.035,
        "difference_usd": 0.035,
        "rounding_usd": 0.005,
        "proof_usd": 0.003333,
        "basis": "charges",
        "compared_at": "2026-02-07T12:00:00.000Z",
    }
    assert (unknown["charged_usd"], unknown["difference_usd"]) == (None, None)
    assert "consumer_id" not in unknown


def test_totals_are_those_of_the_whole_period_whatever_the_page_shows(
    known: World, costs: Client
) -> None:
    answer = ask(costs, start_date="2026-02-06", end_date="2026-02-06", limit=1).json
    assert answer["count"] == 1
    assert answer["totals"]["vastai"] == {
        "session_days": 2,
        "booked_usd": 1.0,
        "charged_usd": 1.035,
        "difference_usd": 0.035,
        "drift_percent": 3.0,
        "unbooked_session_days": 0,
        "unknown_session_days": 1,
        "unknown_booked_usd": 1.0,
    }
    assert answer["totals"]["tensordock"]["drift_percent"] == 0
    whole = ask(costs).json["totals"]["vastai"]
    assert (whole["session_days"], whole["drift_percent"]) == (3, 1.25)


def test_a_provider_of_which_nothing_is_known_shows_null_and_not_zero(
    wired: World, costs: Client
) -> None:
    rows = [a_row(BOBS, None)]
    store.put(wired.deps.costs, rows[0])
    told = DayTotal(day=DAY, provider="vastai", total=total(rows), compared_at=later(0))
    store.put_total(wired.deps.costs, told)
    totals = ask(costs).json["totals"]["vastai"]
    assert totals["charged_usd"] is totals["difference_usd"] is totals["drift_percent"] is None
    assert totals["unknown_booked_usd"] == 1.0


def test_pages_lead_to_every_row_once(known: World, costs: Client) -> None:
    """N-58: the cursor belongs to the filters."""
    found, cursor = [], None
    while True:
        query = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        answer = ask(costs, **query).json
        found += [(row["day"], row["provider"]) for row in answer["reconciliation"]]
        cursor = answer.get("next_cursor")
        if cursor is None:
            break
        assert ask(costs, cursor=cursor, provider="vastai").status == 400
    assert found == [(row.day.isoformat(), row.provider) for row in ROWS]


def test_a_page_looks_at_so_many_rows_and_may_be_short(
    known: World, costs: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-58: a year of rows is more than one request can read; all of them are found in the end."""
    monkeypatch.setattr(charges, "ROWS_PER_PAGE", 2)
    first = ask(costs, session_id=BOBS).json
    assert (first["count"], "next_cursor" in first) == (0, True)
    second = ask(costs, session_id=BOBS, cursor=first["next_cursor"]).json
    assert [row["session_id"] for row in second["reconciliation"]] == [BOBS]


def test_one_session_alone_can_be_asked_for(known: World, costs: Client) -> None:
    answer = ask(costs, session_id=BOBS).json
    assert [row["session_id"] for row in answer["reconciliation"]] == [BOBS]
    assert answer["period_start"] == "2026-02-01T00:00:00.000Z"


def test_nothing_compared_is_an_empty_list(wired: World, costs: Client) -> None:
    answer = ask(costs, period="daily").json
    assert (answer["reconciliation"], answer["totals"], answer["count"]) == ([], {}, 0)


def test_consumers_may_not_see_what_providers_charge(known: World, costs: Client) -> None:
    """N-62: not even for their own sessions: it is the operator's account."""
    reply = ask(costs, CONSUMER)
    assert (reply.status, reply.json["error_type"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"start_date": "2026-13-01"}, "start_date"),
        ({"start_date": "2026-02-02", "end_date": "2026-02-01"}, "end_date"),
        ({"start_date": "2024-01-01", "end_date": "2026-02-01"}, "end_date"),
        ({"period": "daily", "end_date": "2026-02-01"}, "end_date"),
        ({"period": "weekly"}, "period"),
        ({"provider": "elsewhere"}, "provider"),
        ({"session_id": "not-a-uuid"}, "session_id"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"cursor": "forged"}, "cursor"),
        ({"consumer_id": "alice"}, "consumer_id"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(
    wired: World, costs: Client, query: dict[str, str], field: str
) -> None:
    """QA-M5, N-53."""
    reply = ask(costs, **query)
    assert reply.status == 400
    assert [one["field"] for one in reply.json["details"]] == [field]
