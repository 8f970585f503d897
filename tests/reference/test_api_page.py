"""`docs/api.md` is written by hand: it must name what there is, and nothing else."""

from __future__ import annotations

import re

from reference import openapi, problems
from tests.template.cfn import ROOT

PAGE = (ROOT / "docs" / "api.md").read_text("utf-8")
ROUTE = re.compile(r"^\| `([A-Z]+) (/\S+)` \|", re.MULTILINE)
ERROR = re.compile(r"^\| (\d{3}) \| ([^|]+) \|", re.MULTILINE)


def test_the_page_lists_exactly_the_routes() -> None:
    written = set(ROUTE.findall(PAGE))
    assert written == {(route.method, route.openapi_path) for _, route in openapi.routes()}


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
        for _, route in openapi.routes()
        for query in openapi.queries(route)
        if route.openapi_path == "/api/v1/inventory"
    ]
    assert [name for name in query.model_fields if f"`{name}`" not in PAGE] == []
