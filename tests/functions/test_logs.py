"""What every line of a function's log says of its run."""

from __future__ import annotations

import importlib
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from gpu_shopper.edge import logs
from gpu_shopper.edge.logs import Refused, concerning, logged, logger
from gpu_shopper.edge.requests import session_in
from gpu_shopper.edge.telemetry import Telemetry
from gpu_shopper.usecases.deps import Fact
from gpu_shopper.usecases.measuring import measured
from tests.builders import NOON, SESSION_ID
from tests.functions.calls import CONSUMER, RUN, event
from tests.template.cfn import ROOT

FUNCTIONS = sorted(app.parent.name for app in (ROOT / "functions").glob("*/app.py"))


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the functions' own logger writes."""
    stream = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    yield stream
    logger.clear_state()


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_says_in_each_line_which_run_it_is(function: str) -> None:
    handler = importlib.import_module(f"functions.{function}.app").handler
    assert handler.__code__ is logged(handler).__code__


def test_a_line_names_the_run_its_first_and_what_a_step_is_about(log: io.StringIO) -> None:
    """QA-M8."""

    @logged
    def step(_event: dict[str, Any], _context: object) -> None:
        logger.warning("something")

    step({"step": "launch", "session_id": SESSION_ID, "attempt": 2}, RUN)
    (line,) = lines(log)
    assert line["function_request_id"] == "run-1"
    assert isinstance(line["cold_start"], bool)
    assert (line["step"], line["session_id"], line["attempt"]) == ("launch", SESSION_ID, 2)


def test_no_line_repeats_what_its_whole_log_group_is_about(log: io.StringIO) -> None:
    """A line is paid by its bytes; an ARN, a name and a memory size were nearly half of one."""

    @logged
    def step(_event: dict[str, Any], _context: object) -> None:
        logger.info("something")

    step({}, RUN)
    step({}, RUN)
    for line in lines(log):
        assert not [name for name in line if name.startswith("function_") and "id" not in name]
        assert line["service"]


def test_a_warm_run_knows_nothing_of_the_run_before(log: io.StringIO) -> None:
    @logged
    def handler(_event: dict[str, Any], _context: object) -> None:
        logger.warning("something")

    handler({"session_id": SESSION_ID}, RUN)
    handler({}, RUN)
    assert "session_id" not in lines(log)[1]
    assert lines(log)[1]["cold_start"] is False


def test_the_gateways_id_of_a_request_is_in_each_line(log: io.StringIO) -> None:
    """The access log has the same one."""

    @logged
    def handler(_event: dict[str, Any], _context: object) -> None:
        logger.warning("something")

    request = event("GET", "/api/v1/sessions", caller=CONSUMER)
    request["requestContext"]["requestId"] = "api-1"
    handler(request, RUN)
    assert lines(log)[0]["api_request_id"] == "api-1"


def test_an_error_that_ends_a_run_is_one_line_of_json_with_its_stack(log: io.StringIO) -> None:
    """QA-M2: Lambda's own text has no session, and a line for each frame."""

    @logged
    def broken(_event: dict[str, Any], _context: object) -> None:
        raise KeyError("defect")

    with pytest.raises(KeyError):
        broken({"session_id": SESSION_ID}, RUN)
    (line,) = lines(log)
    assert (line["level"], line["session_id"]) == ("ERROR", SESSION_ID)
    assert "KeyError: 'defect'" in line["exception"]


def test_a_refusal_is_no_error(log: io.StringIO) -> None:
    """The gateway's 401 is told as an error, and is none of ours."""

    @logged
    def refusing(_event: dict[str, Any], _context: object) -> None:
        raise Refused("Unauthorized")

    with pytest.raises(Refused):
        refusing({}, RUN)
    assert lines(log) == []


def test_ids_of_a_part_of_a_run_end_with_it_and_give_way_to_those_before(
    log: io.StringIO,
) -> None:
    logger.append_keys(session_id="outer")
    with concerning(session_id="inner", attempt=1):
        logger.warning("within")
    logger.warning("after")
    within, after = lines(log)
    assert (within["session_id"], within["attempt"]) == ("inner", 1)
    assert after["session_id"] == "outer"
    assert "attempt" not in after


@pytest.mark.parametrize("name", ["gpu_shopper.providers.vastai", "paramiko.transport", "urllib3"])
def test_what_libraries_warn_of_is_json_too(log: io.StringIO, name: str) -> None:
    with concerning(session_id=SESSION_ID):
        logging.getLogger(name).warning("a connection was lost")
    (line,) = lines(log)
    assert (line["message"], line["session_id"]) == ("a connection was lost", SESSION_ID)


def test_a_call_to_a_provider_is_a_line_with_provider_operation_request_and_session() -> None:
    """QA-M8: the metrics of the call are its line, in the words of all other lines."""
    written = list[str]()
    telemetry = Telemetry(logger, "ab12cd34", lambda: NOON, written.append)

    @logged
    def step(_event: dict[str, Any], _context: object) -> None:
        words = {"Operation": "launch", "Result": "success"}
        telemetry.note(measured({"ProviderCalls": 1}, "vastai", **words))

    step({"session_id": SESSION_ID, "attempt": 1}, RUN)
    (line,) = map(json.loads, written)
    assert (line["provider"], line["operation"]) == ("vastai", "launch")
    assert (line["session_id"], line["attempt"]) == (SESSION_ID, 1)
    assert (line["function_request_id"], line["cold_start"] in (True, False)) == ("run-1", True)
    logger.clear_state()


def test_a_fact_knows_better_than_its_run_what_it_is_about(log: io.StringIO) -> None:
    """A sweep handles one session after the other."""
    telemetry = Telemetry(logger, "ab12cd34", lambda: NOON, lambda _: None)
    with concerning(session_id="outer"):
        telemetry.note(Fact("session_running", session_id=SESSION_ID, provider="vastai"))
    (line,) = lines(log)
    assert (line["session_id"], line["operation"]) == (SESSION_ID, "session_running")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (f"/api/v1/sessions/{SESSION_ID}", {"session_id": SESSION_ID}),
        (f"/api/v1/sessions/{SESSION_ID}/done", {"session_id": SESSION_ID}),
        ("/api/v1/sessions", {}),
        ("/api/v1/sessions/<b>/done", {}),
        (f"/api/v1/sessions/{SESSION_ID}0", {}),
    ],
)
def test_the_session_that_a_path_names_is_in_each_line(path: str, found: dict[str, str]) -> None:
    """BUG-040: whatever else a caller writes there is not."""
    assert session_in(path) == found


def test_lines_of_metrics_carry_the_ids_of_their_run_and_nothing_else_of_it() -> None:
    """They are many, and each byte is paid for."""
    assert set(logs.run_keys({"request_id": "r", "location": "x", "function_arn": "y"})) == {
        "request_id"
    }
