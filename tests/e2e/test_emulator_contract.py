"""What we rely on in the emulator, gaps included: a new version that changes it is noticed here."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from local import aws, stack
from local.emulator import Emulator
from tests.e2e.deployed import wait_for

TEMPLATE = Path(__file__).with_name("emulator_contract.yaml")


@dataclass(frozen=True)
class Small:
    """The contract's own small stack."""

    emulator: Emulator
    outputs: dict[str, str]

    @property
    def url(self) -> str:
        return f"{self.emulator.url}/_aws/execute-api/{self.outputs['ApiId']}/v"

    def call(self, method: str, path: str, key: str | None = None) -> requests.Response:
        headers = {} if key is None else {"Authorization": key}
        return requests.request(method, self.url + path, headers=headers, timeout=20)

    def read(self, **event: Any) -> Any:
        client = aws.client("lambda", self.emulator.url)
        answer = client.invoke(FunctionName=self.outputs["Reader"], Payload=json.dumps(event))
        return json.loads(answer["Payload"].read())

    def start(self, machine: str, name: str, a: int = 1) -> str:
        states = aws.client("stepfunctions", self.emulator.url)
        started = states.start_execution(
            stateMachineArn=self.outputs[machine], name=name, input=json.dumps({"a": a})
        )
        arn: str = started["executionArn"]
        return arn

    def execution(self, arn: str) -> dict[str, Any]:
        states = aws.client("stepfunctions", self.emulator.url)
        described: dict[str, Any] = states.describe_execution(executionArn=arn)
        return described


@pytest.fixture(scope="module")
def small(workdir: Path) -> Iterator[Small]:
    emulator = Emulator(workdir / "contract")
    emulator.start()
    try:
        yield Small(emulator, stack.deploy(emulator.url, TEMPLATE, {}))
    finally:
        emulator.stop()


def test_a_greedy_path_takes_everything_below_it_and_nothing_else(small: Small) -> None:
    assert small.call("GET", "/things", "k").json()["resource"] == "/things"
    below = small.call("PATCH", "/things/1/2", "k").json()
    assert (below["resource"], below["path"]) == ("/things/{proxy+}", "/things/1/2")
    assert small.call("GET", "/else/where").json()["resource"] == "/{proxy+}"
    assert small.call("GET", "/").json()["resource"] == "/"


def test_both_address_forms_reach_the_stage(small: Small) -> None:
    other = f"{small.emulator.url}/restapis/{small.outputs['ApiId']}/v/_user_request_/"
    assert requests.get(other, timeout=20).json() == small.call("GET", "/").json()


def test_a_method_any_is_not_imported_so_the_template_names_each(small: Small) -> None:
    assert small.call("GET", "/any").json()["resource"] == "/{proxy+}"
    assert small.call("POST", "/any").status_code == 403


def test_the_context_of_the_authorizer_reaches_the_function(small: Small) -> None:
    assert small.call("GET", "/things", "k").json()["role"] == "consumer"


def test_without_a_key_the_gateway_answers_in_the_templates_words(small: Small) -> None:
    refused = small.call("GET", "/things")
    assert refused.status_code == 401
    assert refused.json()["error_type"] == "unauthorized"
    assert refused.headers["WWW-Authenticate"] == "Bearer"


def test_the_authorizer_refuses_by_raising_or_denying(small: Small) -> None:
    assert small.call("GET", "/things", "unknown").status_code == 401
    denied = small.call("GET", "/things", "denied")
    assert (denied.status_code, denied.json()["error_type"]) == (403, "forbidden")


def test_a_preflight_needs_no_key(small: Small) -> None:
    assert small.call("OPTIONS", "/things").status_code == 200


def test_a_function_may_do_what_its_role_says_and_nothing_else(small: Small) -> None:
    assert small.read(write=False) == "done"
    assert small.read(write=True) == "AccessDeniedException"


def test_an_object_is_written_over_the_version_named_and_no_other(small: Small) -> None:
    s3 = aws.client("s3", small.emulator.url)
    s3.create_bucket(Bucket="versions")
    book: Any = {"Bucket": "versions", "Key": "book", "Body": b"1"}
    first = s3.put_object(**book, IfNoneMatch="*")["ETag"]
    assert s3.get_object(Bucket="versions", Key="book")["ETag"] == first
    second = s3.put_object(**book | {"Body": b"2"}, IfMatch=first)["ETag"]
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": first}):
        with pytest.raises(ClientError, match="PreconditionFailed"):
            s3.put_object(**book, **condition)
    assert s3.get_object(Bucket="versions", Key="book")["ETag"] == second
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket="versions", Key="other")


def test_an_execution_name_is_used_once_even_with_the_same_input(small: Small) -> None:
    states = aws.client("stepfunctions", small.emulator.url)
    small.start("Waits", "once")
    with pytest.raises(states.exceptions.ExecutionAlreadyExists):
        small.start("Waits", "once")


def test_a_catch_by_the_name_of_our_exception_never_matches(small: Small) -> None:
    arn = small.start("Catches", "caught")
    wait_for(lambda: small.execution(arn)["status"] == "SUCCEEDED", 10)
    assert json.loads(small.execution(arn)["output"]) == "by all"


def _round_of(small: Small, arn: str) -> dict[str, Any]:
    wait_for(lambda: small.execution(arn)["status"] != "RUNNING", 10)
    told: dict[str, Any] = json.loads(small.execution(arn)["output"])["round"]
    return told


def test_an_execution_is_told_how_its_round_ended_and_its_last_word_in_quotes(
    small: Small,
) -> None:
    ended = _round_of(small, small.start("Plays", "well"))
    assert (ended["Status"], ended["Output"]) == ("SUCCEEDED", '"done"')
    assert json.loads(ended["Input"]) == {"a": 1}
    assert ended["Name"] == "well"


def test_a_round_that_failed_is_an_answer_too(small: Small) -> None:
    ended = _round_of(small, small.start("Plays", "ill", a=2))
    assert (ended["Status"], ended["Error"]) == ("FAILED", "Broken")


def test_rounds_are_listed_here_with_the_executions_and_on_aws_not_at_all(small: Small) -> None:
    """`aws_view` leaves them out by their kind."""
    states = aws.client("stepfunctions", small.emulator.url)
    _round_of(small, small.start("Plays", "listed"))
    listed = states.list_executions(stateMachineArn=small.outputs["Round"])["executions"]
    assert "listed" in [one["name"] for one in listed]


def test_a_question_for_log_lines_has_no_next_page_and_may_name_an_instant(small: Small) -> None:
    """`aws_view` asks again from the last instant that it was shown."""
    logs = aws.client("logs", small.emulator.url)
    logs.create_log_group(logGroupName="many")
    logs.create_log_stream(logGroupName="many", logStreamName="one")
    now_ms = round(time.time() * 1000)
    lines = [{"timestamp": now_ms + n, "message": f"line {n} of abc-{n}"} for n in range(3)]
    logs.put_log_events(logGroupName="many", logStreamName="one", logEvents=lines)
    first = logs.filter_log_events(logGroupName="many", limit=2)
    assert ([one["message"] for one in first["events"]], first.get("nextToken")) == (
        ["line 0 of abc-0", "line 1 of abc-1"],
        None,
    )
    rest = logs.filter_log_events(logGroupName="many", startTime=now_ms + 1)["events"]
    assert [one["timestamp"] - now_ms for one in rest] == [1, 2]
    found = logs.filter_log_events(logGroupName="many", filterPattern='"abc-2"')["events"]
    assert [one["message"] for one in found] == ["line 2 of abc-2"]


def test_a_restart_keeps_the_state_and_fails_what_was_running(small: Small) -> None:
    arn = small.start("Waits", "interrupted")
    small.emulator.restart()
    assert small.execution(arn)["status"] == "FAILED"
    assert small.call("GET", "/things", "k").json()["role"] == "consumer"
    assert small.call("GET", "/things").json()["error_type"] == "unauthorized"
    assert small.read(write=True) == "AccessDeniedException"
