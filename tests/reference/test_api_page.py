"""`docs/api.md` is written by hand: it must name what there is, and nothing else."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gpu_shopper.edge.answers.audit import EventBody
from gpu_shopper.edge.answers.budgets import ShownBudgetBody
from gpu_shopper.edge.answers.costs import CostsBody
from gpu_shopper.edge.answers.reconciliation import ReconciliationBody
from gpu_shopper.edge.answers.values import Shown
from reference import problems
from reference.routes import queries_of, routes
from tests.template.cfn import ROOT

PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")
ROUTE = re.compile(r"^\| `([A-Z]+) (/\S+)` \|", re.MULTILINE)
ERROR = re.compile(r"^\| (\d{3}) \| ([^|]+) \|", re.MULTILINE)
# What only this kind of answer has, how many examples there are, and how it is made.
MONEY: dict[str, tuple[int, type[Shown]]] = {
    "total_cost": (2, CostsBody),
    "reconciliation": (1, ReconciliationBody),
    "percentage": (1, ShownBudgetBody),
    "operation actor": (1, EventBody),
}


def _examples(fields: str) -> list[dict[str, Any]]:
    """Every JSON object of the page that has these fields."""
    found = []
    for one in re.finditer(r'\{"', PAGE):
        try:
            example, _ = json.JSONDecoder().raw_decode(PAGE, one.start())
        except ValueError:
            continue
        found += [example] if {*fields.split()} <= {*example} else []
    return found


@pytest.mark.parametrize("fields", MONEY)
def test_examples_of_money_and_audit_are_answers_as_they_are_made(fields: str) -> None:
    """M-51: each field is one that there is, of its type, and none that is always there lacks."""
    number, body = MONEY[fields]
    examples = _examples(fields)
    assert len(examples) == number
    for example in examples:
        whole = dict.fromkeys(body.model_fields) | example
        assert body.model_validate(whole, strict=True).model_dump() == example
        hours = example.get("hours_used", 0.0)
        assert hours == round(hours, 4)


def test_the_page_lists_exactly_the_routes() -> None:
    written = set(ROUTE.findall(PAGE))
    assert written == {(route.method, route.openapi_path) for _, route in routes()}


def test_the_page_explains_every_error_under_its_status() -> None:
    written = {
        (int(status), word)
        for status, words in ERROR.findall(PAGE)
        for word in re.findall(r"`(\w+)`", words)
    }
    assert written == {
        (status, word) for status, words in problems.words_by_status().items() for word in words
    }


def test_the_page_names_every_filter_of_the_inventory() -> None:
    (query,) = [
        query
        for _, route in routes()
        for query in queries_of(route)
        if route.openapi_path == "/api/v1/inventory"
    ]
    assert [name for name in query.model_fields if f"`{name}`" not in PAGE] == []
