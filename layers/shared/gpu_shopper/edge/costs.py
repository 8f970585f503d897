"""Questions about costs in, totals out."""

from __future__ import annotations

from datetime import date

from gpu_shopper.core.api_keys import Caller, Role
from gpu_shopper.core.cost_periods import MOST_DAYS, CostPeriod, Days, days_meant, month_of
from gpu_shopper.edge.answers.costs import CostsBody
from gpu_shopper.edge.bodies import CostsQuery, CostsSummaryQuery, PeriodQuery
from gpu_shopper.edge.sessions import session_id_of
from gpu_shopper.errors import Forbidden, SessionNotFound, ValidationFailed
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.costs import accrued_through, cost_of, costs_in
from gpu_shopper.usecases.deps import Deps


def costs_body(deps: Deps, caller: Caller, query: CostsQuery) -> CostsBody:
    """What `query` asks for. Raises: ValidationFailed, Forbidden, SessionNotFound."""
    consumer_id = _consumer(query.consumer_id, caller)
    if query.session_id is not None:
        return _of_session(deps, caller, query)
    return _of_days(deps, consumer_id, days_of(query, deps.now().date()))


def summary_body(deps: Deps, caller: Caller, query: CostsSummaryQuery) -> CostsBody:
    """The current month. Raises Forbidden."""
    consumer_id = _consumer(query.consumer_id, caller)
    return _of_days(deps, consumer_id, month_of(deps.now().date()))


def _consumer(asked: str | None, caller: Caller) -> str | None:
    """Whose costs are meant; None is everybody's."""
    if asked is not None and not caller.sees(asked):
        raise Forbidden("this key sees its own consumer's costs only")
    return asked if caller.role is Role.OPERATOR else caller.consumer_id


def _of_session(deps: Deps, caller: Caller, query: CostsQuery) -> CostsBody:
    given = [name for name in ("start_date", "end_date", "period") if getattr(query, name)]
    if given:
        text = "cannot be given together with session_id"
        raise ValidationFailed([(name, f"{name} {text}") for name in given])
    session_id = session_id_of(query.session_id or "")
    if query.consumer_id is not None:
        owner = store.get_for(deps.sessions, session_id, caller).consumer_id
        if owner != query.consumer_id:
            raise SessionNotFound("session not found")
    return CostsBody.of_session(session_id, cost_of(deps, caller, session_id))


def _of_days(deps: Deps, consumer_id: str | None, days: Days) -> CostsBody:
    totals = costs_in(deps, consumer_id, days)
    return CostsBody.of_days(consumer_id, totals, days, accrued_through(deps))


def days_of(query: PeriodQuery, today: date) -> Days:
    """The days asked for. Raises ValidationFailed."""
    if query.period is not None and query.end_date is not None:
        raise ValidationFailed([("end_date", "end_date cannot be given together with period")])
    period = CostPeriod(query.period) if query.period else None
    days = days_meant(_date(query.start_date), _date(query.end_date), period, today)
    if days.count < 1:
        raise ValidationFailed([("end_date", "end_date must not be before start_date")])
    if days.count > MOST_DAYS:
        text = f"end_date must be at most {MOST_DAYS - 1} days after start_date"
        raise ValidationFailed([("end_date", text)])
    return days


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
