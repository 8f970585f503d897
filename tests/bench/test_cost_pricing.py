"""The price table, the arithmetic of bills, and what the template has standing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from bench.cost import standing
from bench.cost.pricing import Line, beyond, bill, by_name, prices, total
from tests.template.cfn import properties, resources


def test_the_price_table_says_when_and_where_it_was_read() -> None:
    assert prices().read_on >= date(2026, 11, 21)
    assert prices().region == "us-east-1"


def test_a_price_is_for_one() -> None:
    assert prices().used["states transitions"] == Decimal("0.000025")
    assert prices().used["dynamodb write units"] * 1_000_000 == Decimal("0.625")
    assert prices().kept["kms keys"] == 1


def test_a_bill_has_its_dearest_line_first_and_their_sum() -> None:
    used = {("a", "one"): 3.0, ("b", "one"): 1.0, ("a", "two"): 2.0}
    lines = bill(used, {"a": Decimal("0.5"), "b": Decimal(7)})
    assert lines[0] == Line("b", "one", 1.0, 7.0)
    assert total(lines) == 9.5
    assert by_name(lines) == {"b": 7.0, "a": 2.5}


def test_what_has_no_price_is_on_no_bill() -> None:
    with pytest.raises(KeyError):
        bill({("something new", "x"): 1}, prices().used)


def test_what_a_deployment_uses_at_rest_is_taken_away_for_the_same_time() -> None:
    busy = {("a", "x"): 10.0, ("b", "x"): 5.0}
    rest = {("a", "x"): 2.0, ("c", "x"): 1.0}
    assert beyond(busy, rest, 3) == {("a", "x"): 4.0, ("b", "x"): 5.0, ("c", "x"): -3.0}


def test_an_alarm_costs_by_the_metrics_that_it_watches() -> None:
    assert standing.alarm_metrics({"MetricName": "OrphansDetected"}) == 1
    adding = {"Metrics": [{"Expression": "SUM(METRICS())"}, {"MetricStat": 1}, {"MetricStat": 2}]}
    assert standing.alarm_metrics(adding) == 2


def test_everything_of_the_template_that_costs_by_the_month_is_on_the_bill() -> None:
    kept = standing.kept([("SweepCompleted",)], methods=3)
    assert {name for name, _ in kept} == set(prices().kept)
    assert sum(n for (name, _), n in kept.items() if name == "kms keys") == len(
        resources("AWS::KMS::Key")
    )
    assert kept["custom metrics", "of the functions"] == 1


def test_the_gateway_writes_no_metrics_that_cost() -> None:
    assert standing.kept([], methods=40)["custom metrics", "of the gateway's methods"] == 0


def test_a_function_without_a_memory_of_its_own_has_the_common_one() -> None:
    assert "MemorySize" not in properties("AccrueCostsFunction")
    assert standing.memory_mb("AccrueCostsFunction") == 512
    assert standing.memory_mb("VerifySshFunction") == 256


@pytest.mark.parametrize(
    ("method", "path", "share"),
    [
        ("POST", "/api/v1/sessions/abc/heartbeat", 0.01),
        ("GET", "/api/v1/sessions/abc", 0.1),
        ("POST", "/api/v1/sessions", 1),
        ("DELETE", "/api/v1/sessions/abc", 1),
    ],
)
def test_of_requests_heartbeats_and_reads_are_mostly_not_traced(
    method: str, path: str, share: float
) -> None:
    assert standing.traced(method, path) == share


def test_a_quiet_queue_is_asked_all_the_same() -> None:
    assert sum(standing.polled(60).values()) == 60 * 15
