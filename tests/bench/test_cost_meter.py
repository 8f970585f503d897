"""What the meter counts: reads and writes of tables, runs of functions, lines of logs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from bench.cost.meter import EVENT_LOG_BYTES, KEPT_MS, PLATFORM_LOG_BYTES, Meter, core_share
from bench.cost.tables import MeteredTable
from tests.simulation.rows import Rows

INIT_S = 2.0
MEMORY_MB = 512


@pytest.fixture
def meter() -> Meter:
    return Meter(lambda _function: MEMORY_MB, lambda _function: INIT_S, call_cpu_s=0.001)


@pytest.fixture
def table(meter: Meter) -> Any:
    rows = Rows("T", {"by_due": ("due", "at")})
    meter.watch(rows)
    return MeteredTable(rows, lambda _operation, effect: effect(), {}, meter)


def reads(meter: Meter) -> float:
    return meter.used["dynamodb read units", "T"]


def writes(meter: Meter) -> float:
    return meter.used["dynamodb write units", "T"]


def an_item(name: str, size: int = 1) -> dict[str, Any]:
    return {"pk": "p", "sk": name, "text": "a" * size}


def test_reads_cost_by_consistency_and_size(meter: Meter, table: Any) -> None:
    table.put_item(Item=an_item("large", 5_000))
    table.get_item(Key={"pk": "p", "sk": "large"})
    assert reads(meter) == 1
    table.get_item(Key={"pk": "p", "sk": "large"}, ConsistentRead=True)
    assert reads(meter) == 3
    table.query(KeyConditionExpression=Key("pk").eq("p"))
    assert reads(meter) == 4


def test_a_batch_pays_for_each_item_also_for_one_that_is_not_there(
    meter: Meter, table: Any
) -> None:
    table.put_item(Item=an_item("a"))
    keys = [{"pk": "p", "sk": "a"}, {"pk": "p", "sk": "b"}]
    table.meta.client.batch_get_item(RequestItems={"T": {"Keys": keys}})
    assert reads(meter) == 1


def test_a_transaction_costs_twice_and_a_refused_write_as_much_as_one(
    meter: Meter, table: Any
) -> None:
    put = {"TableName": "T", "Item": an_item("a"), "ConditionExpression": Attr("pk").not_exists()}
    table.meta.client.transact_write_items(TransactItems=[{"Put": put}])
    assert writes(meter) == 2
    with pytest.raises(ClientError):
        table.put_item(Item=an_item("a"), ConditionExpression=Attr("pk").not_exists())
    assert writes(meter) == 3


def test_an_entry_of_an_index_costs_besides(meter: Meter, table: Any) -> None:
    table.put_item(Item=an_item("a") | {"due": "X", "at": "1"})
    assert writes(meter) == 1
    assert meter.used["dynamodb write units", "T by indexes"] == 1


def test_a_run_costs_what_it_waits_and_computes(meter: Meter) -> None:
    clock_ms = iter([0, 1_500])
    with meter.invocation("F", lambda: next(clock_ms), at_once=False):
        meter.compute(0.1)
    least_s = 1.5 + 0.1 / core_share(MEMORY_MB)
    assert least_s / 2 <= meter.used["lambda GB-s", "F"] < least_s / 2 + 0.1
    assert meter.used["lambda requests", "F"] == 1
    assert meter.used["log bytes", "F"] == PLATFORM_LOG_BYTES


def test_what_happens_outside_is_no_computing_but_a_call(meter: Meter) -> None:
    with meter.invocation("F", lambda: 0, at_once=True):
        for _ in range(10):
            with meter.outside():
                sum(range(200_000))
                assert meter.waits_at_once(100)
    least_s = 1.0 + 10 * 0.001 / core_share(MEMORY_MB)
    assert least_s / 2 <= meter.used["lambda GB-s", "F"] < least_s / 2 + 0.02


def test_only_a_run_of_which_no_time_passes_adds_up_its_waits(meter: Meter) -> None:
    with meter.invocation("F", lambda: 0, at_once=False), meter.outside():
        assert not meter.waits_at_once(100)


@pytest.mark.parametrize(("pause_ms", "starts"), [(KEPT_MS, 1), (KEPT_MS + 1, 2)])
def test_a_function_starts_anew_after_a_pause(meter: Meter, pause_ms: int, starts: int) -> None:
    run_ms = 1_000
    for from_ms in (0, run_ms + pause_ms):
        clock_ms = iter([from_ms, from_ms + run_ms])
        with meter.invocation("F", clock_ms.__next__, at_once=False):
            pass
    cold = meter.used["lambda GB-s", "cold starts"]
    assert cold == pytest.approx(starts * INIT_S / 2)


def test_runs_at_the_same_time_need_an_instance_each(meter: Meter) -> None:
    for from_ms in (0, 500):
        clock_ms = iter([from_ms, from_ms + 1_000])
        with meter.invocation("F", clock_ms.__next__, at_once=False):
            pass
    assert meter.used["lambda GB-s", "cold starts"] == pytest.approx(2 * INIT_S / 2)


def test_each_set_of_dimensions_is_a_metric(meter: Meter) -> None:
    directive = {"Dimensions": [["D"], ["D", "P"]], "Metrics": [{"Name": "M"}]}
    line = {"_aws": {"CloudWatchMetrics": [directive]}, "D": "d", "P": "vastai", "M": 1}
    for provider in ("vastai", "vastai", "tensordock"):
        meter.emitted(json.dumps(line | {"P": provider}))
    assert meter.metrics == {
        ("M", "D=d"),
        ("M", "D=d", "P=vastai"),
        ("M", "D=d", "P=tensordock"),
    }


def test_a_line_of_a_log_is_paid_by_the_byte_by_the_function_that_runs(meter: Meter) -> None:
    with meter.invocation("F", lambda: 0, at_once=False):
        meter.logged("grüße")
    assert meter.used["log bytes", "F"] == PLATFORM_LOG_BYTES + 7 + EVENT_LOG_BYTES
