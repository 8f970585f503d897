"""When a rule fires: selectors, counts, windows, probability, order of posting."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.checks import BadField
from simulator.faults.rules import Occasion, Rule, RuleBook, parse

LIST = Occasion("vastai", "list", "GET", "/api/v1/instances/")
CREATE = Occasion(
    "vastai", "create", "PUT", "/api/v0/asks/7/", "gs-1", "7", None, "RTX 4090", '{"disk": 9}'
)


class Time:
    """A clock for rules."""

    now_s = 0.0


def book(*rules: dict[str, Any], seed: int = 1) -> tuple[RuleBook, Time]:
    """A rule book with some rules."""
    time = Time()
    rule_book = RuleBook(lambda: time.now_s, lambda: seed)
    for rule in rules:
        rule_book.add(rule)
    return rule_book, time


def pattern(rules: RuleBook, occasion: Occasion, times: int) -> str:
    """For each occasion in turn: x when a rule fired."""
    return "".join("x" if rules.consult(occasion) else "." for _ in range(times))


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({}, "xxxxxx"),
        ({"count": 2}, "xx...."),
        ({"after": 2}, "..xxxx"),
        ({"every": 3}, "..x..x"),
        ({"after": 1, "count": 1}, ".x...."),
        ({"after": 1, "every": 2, "count": 2}, "..x.x."),
        ({"probability": 0}, "......"),
        ({"probability": 1}, "xxxxxx"),
        ({"count": 0}, "......"),
    ],
)
def test_when_says_which_matches_fire(when: dict[str, Any], expected: str) -> None:
    rules, _ = book({"action": "latency", "when": when})
    assert pattern(rules, LIST, 6) == expected


def test_a_window_holds_from_its_first_instant_and_not_at_its_last() -> None:
    rules, time = book({"action": "latency", "when": {"from_s": 10, "until_s": 20}})
    fired = {}
    for now_s in (9.999, 10.0, 19.999, 20.0):
        time.now_s = now_s
        fired[now_s] = bool(rules.consult(LIST))
    assert fired == {9.999: False, 10.0: True, 19.999: True, 20.0: False}


def test_draws_do_not_depend_on_other_rules() -> None:
    coin = {"id": "coin", "action": "latency", "when": {"probability": 0.5}}
    alone, _ = book(coin)
    expected = pattern(alone, LIST, 40)
    assert set(expected) == {"x", "."}
    crowded, _ = book({"id": "first", "action": "list_empty", "when": {"every": 2}}, coin)
    for _ in range(40):
        crowded.consult(LIST)
    fired_alone = {i for i, mark in enumerate(expected) if mark == "x" and i % 2 == 0}
    assert crowded.rules[1].fired == len(fired_alone)


def test_another_seed_draws_otherwise() -> None:
    coin = {"id": "coin", "action": "latency", "when": {"probability": 0.5}}
    patterns = {pattern(book(coin, seed=seed)[0], LIST, 40) for seed in range(5)}
    assert len(patterns) == 5


def test_the_first_rule_posted_acts_and_the_next_only_if_it_goes_on() -> None:
    rules, _ = book({"id": "a", "action": "latency"}, {"id": "b", "action": "list_empty"})
    assert [rule.id for rule in rules.consult(LIST)] == ["a"]
    stacked, _ = book(
        {"id": "a", "action": "latency", "continue": True}, {"id": "b", "action": "list_empty"}
    )
    assert [rule.id for rule in stacked.consult(LIST)] == ["a", "b"]


@pytest.mark.parametrize(
    ("selectors", "fits"),
    [
        ({"provider": "vastai"}, True),
        ({"provider": "tensordock"}, False),
        ({"method": "put"}, True),
        ({"method": "GET"}, False),
        ({"path": "/api/v0/asks/*"}, True),
        ({"path": "/api/v1/*"}, False),
        ({"operation": "create"}, True),
        ({"operation": "list"}, False),
        ({"match": {"label": "gs-1"}}, True),
        ({"match": {"label": "gs-*"}}, True),
        ({"match": {"label": "gs-2"}}, False),
        ({"match": {"offer_id": 7}}, True),
        ({"match": {"offer_id": "8"}}, False),
        ({"match": {"gpu_type": "RTX 4090"}}, True),
        ({"match": {"body_contains": "disk"}}, True),
        ({"match": {"body_contains": "nothing"}}, False),
        ({"match": {"label": "gs-1", "offer_id": "8"}}, False),
    ],
)
def test_all_given_selectors_must_hold(selectors: dict[str, Any], fits: bool) -> None:
    rules, _ = book({"action": "latency", **selectors})
    assert bool(rules.consult(CREATE)) is fits


def test_an_action_concerns_only_the_operations_it_is_about() -> None:
    rules, _ = book({"action": "list_empty"})
    assert pattern(rules, CREATE, 1) == "."
    assert pattern(rules, LIST, 1) == "x"


@pytest.mark.parametrize(
    "body",
    [
        {"action": "latency", "params": {"ms": 7}},
        {"action": {"type": "latency", "ms": 7}},
        {"action": {"latency": {"ms": 7}}},
        {"action": "latency", "ms": 7},
    ],
)
def test_an_action_may_be_written_in_several_ways(body: dict[str, Any]) -> None:
    rule: Rule = parse(body, 0.0, lambda: "r")
    assert (rule.action, rule.params) == ("latency", {"ms": 7})


def test_two_rules_cannot_have_one_id() -> None:
    rules, _ = book({"id": "a", "action": "latency"})
    with pytest.raises(BadField):
        rules.add({"id": "a", "action": "latency"})
