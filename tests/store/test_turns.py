"""Lines of calls: every call moves its endpoint's line by one interval, whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from gpu_shopper.errors import StoreUnavailable
from gpu_shopper.store import turns as store
from gpu_shopper.store.turns import Line, Place, take, take_first
from tests.builders import later
from tests.world import World

FAR_MS = 60_000


@pytest.fixture
def line(world: World) -> Line:
    """As one more function would open it: nothing but the table is shared."""
    return Line(table=world.deps.operations, provider="vastai", endpoint="find", interval_ms=2_000)


def test_calls_at_one_instant_get_places_one_interval_apart(line: Line) -> None:
    """5.0: shared by all functions."""
    assert [take(line, later(0), FAR_MS).wait_ms for _ in range(4)] == [0, 2_000, 4_000, 6_000]


def test_a_place_that_comes_up_too_late_is_not_taken(line: Line) -> None:
    """The line is exactly as long as before."""
    for _ in range(3):
        take(line, later(0), FAR_MS)
    assert take(line, later(0.001), 5_998) == Place(False, 5_999)
    assert take(line, later(0.001), 5_999) == Place(True, 5_999)
    assert take(line, later(0.001), 5_999) == Place(False, 7_999)


def test_a_line_is_free_one_interval_after_its_last_call_and_not_before(line: Line) -> None:
    """1.9: a minimum interval, so rest saves nothing up."""
    take(line, later(0), 0)
    assert take(line, later(1.999), 0) == Place(False, 1)
    assert take(line, later(2), 0) == Place(True, 0)
    assert take(line, later(60), 0) == Place(True, 0)
    assert take(line, later(60), 0) == Place(False, 2_000)


def test_a_terminate_passes_everybody_and_pushes_them_back(line: Line) -> None:
    """2.11: who comes after it waits one interval more."""
    for _ in range(3):
        take(line, later(0), FAR_MS)
    assert take_first(line, later(0), FAR_MS) == Place(True, 0)
    assert take(line, later(0), FAR_MS) == Place(True, 8_000)


def test_terminates_wait_for_each_other(line: Line) -> None:
    """1.9: two at once would surely be refused."""
    waits = [take_first(line, later(0), FAR_MS).wait_ms for _ in range(3)]
    assert waits == [0, 2_000, 4_000]
    assert take_first(line, later(0), 5_999) == Place(False, 6_000)
    assert take_first(line, later(5), FAR_MS) == Place(True, 1_000)
    assert take(line, later(5), FAR_MS) == Place(True, 3_000)


def test_a_terminate_after_a_rest_begins_the_line_anew(line: Line) -> None:
    take_first(line, later(0), FAR_MS)
    assert take_first(line, later(9), FAR_MS) == Place(True, 0)
    assert take(line, later(9), FAR_MS) == Place(True, 2_000)


def test_every_endpoint_of_every_provider_has_a_line_of_its_own(world: World, line: Line) -> None:
    """5.0: one provider's haste never holds up another."""
    take(line, later(0), FAR_MS)
    for provider, endpoint in (("vastai", "list"), ("tensordock", "find")):
        other = Line(
            table=line.table, provider=provider, endpoint=endpoint, interval_ms=line.interval_ms
        )
        assert take(other, later(0), 0) == Place(True, 0)


Act = Callable[[Line], Place]


def a_call(line: Line) -> Place:
    return take(line, later(0), FAR_MS)


def a_terminate(line: Line) -> Place:
    return take_first(line, later(0), FAR_MS)


@pytest.mark.parametrize("before", [0, 1, 2])
@pytest.mark.parametrize("other", [a_call, a_terminate])
@pytest.mark.parametrize("own", [a_call, a_terminate])
def test_parallel_callers_never_share_a_place(
    line: Line, monkeypatch: pytest.MonkeyPatch, before: int, own: Act, other: Act
) -> None:
    """5.0: another function's call comes between any two forms of the write."""
    write, places, turn = store._write, list[int](), [before]

    def overtaken(*write_of: Any) -> tuple[bool, dict[str, Any]]:
        turn[0] -= 1
        if turn[0] == -1:
            places.append(other(line).wait_ms)
        return write(*write_of)

    monkeypatch.setattr(store, "_write", overtaken)
    places.append(own(line).wait_ms)
    monkeypatch.undo()
    assert a_call(line).wait_ms == 2_000 * len(places)
    assert len(set(places)) == len(places) or own is not other


@pytest.mark.parametrize(
    "failure",
    [
        ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "UpdateItem"),
        ConnectTimeoutError(endpoint_url="https://dynamodb"),
    ],
)
def test_a_table_that_does_not_answer_is_told_apart_from_a_long_line(
    line: Line, failure: Exception
) -> None:
    class Broken:
        def update_item(self, **_: Any) -> Any:
            raise failure

    broken: Any = Broken()
    there_is_none = Line(table=broken, provider="vastai", endpoint="find", interval_ms=2_000)
    for act in (a_call, a_terminate):
        with pytest.raises(StoreUnavailable):
            act(there_is_none)
