"""What holds for every route, read off the API's own document."""

from __future__ import annotations

from typing import Any

import pytest

from local.api import Api
from tests.e2e.deployed import Deployed
from tests.e2e.routes import ROUTES, Route

# An agent's route asks for its token before it looks at anything else: test_agents.py.
KEYED = [route for route in ROUTES if route.access != "agent"]
QUERIES = [(route, name) for route in KEYED for name in sorted(route.numbers & {*route.parameters})]
FIELDS = [(route, name) for route in KEYED for name in sorted(route.numbers & {*route.fields})]


def _refused(answer: Any) -> list[str]:
    """The fields that a 400 names."""
    assert (answer.status_code, answer.json()["error_type"]) == (400, "validation_error")
    details = answer.json()["details"]
    assert all(one["field"] in one["message"] for one in details)
    return [one["field"] for one in details]


def test_the_document_has_numbers_to_try() -> None:
    assert {name for _, name in QUERIES} >= {"min_vram", "max_price", "limit", "offset"}
    assert {name for _, name in FIELDS} >= {"reservation_hours", "additional_hours", "disk_gb"}


@pytest.mark.parametrize(("route", "name"), QUERIES, ids=str)
def test_no_numeric_parameter_is_negative(live: Deployed, route: Route, name: str) -> None:
    """M-13."""
    for value in ("-1", "-0.5", "-1e9"):
        answer = live.operator.send(route.method, route.at(), params={name: value})
        assert _refused(answer) == [name]


@pytest.mark.parametrize(("route", "name"), FIELDS, ids=str)
def test_no_numeric_field_is_negative(live: Deployed, route: Route, name: str) -> None:
    """M-13."""
    body = {**(route.body or {}), name: -1}
    assert _refused(live.operator.send(route.method, route.at(), json=body)) == [name]


@pytest.mark.parametrize("route", KEYED, ids=str)
def test_an_unknown_parameter_is_named(live: Deployed, route: Route) -> None:
    """N-53: and one that is given twice."""
    query: list[tuple[str, str]] = [("colour", "red"), ("size", "1")]
    assert _refused(_sent(live.operator, route, query)) == ["colour", "size"]
    for name in route.parameters[:1]:
        assert name in _refused(_sent(live.operator, route, [(name, "1"), (name, "1")]))


def _sent(caller: Api, route: Route, query: list[tuple[str, str]]) -> Any:
    more = {"json": route.body} if route.body else {}
    return caller.send(route.method, route.at(), params=query, **more)


@pytest.mark.parametrize("route", KEYED, ids=str)
def test_an_unknown_field_is_named_by_routes_with_a_body_and_without(
    live: Deployed, route: Route
) -> None:
    """N-53."""
    body = {**(route.body or {}), "colour": "red"}
    assert _refused(live.operator.send(route.method, route.at(), json=body)) == ["colour"]
