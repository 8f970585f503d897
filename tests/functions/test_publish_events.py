"""From the audit's stream to the bus: everything once, nothing in the way of what follows."""

from __future__ import annotations

import io
import json
import re
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from functions.publish_events import app
from gpu_shopper.core.audit import OPERATIONS
from gpu_shopper.edge.publishing import EventBus
from gpu_shopper.edge.wiring import new_id
from tests.events import sample
from tests.functions.calls import RUN
from tests.template.cfn import ROOT, properties

EVENTS = (ROOT / "docs" / "events.md").read_text("utf-8")


@dataclass
class FakeClient:
    """EventBridge; `refused` are the operations that it does not take, `down` all."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    refused: tuple[str, ...] = ()
    down: bool = False

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        if self.down:
            raise ClientError({"Error": {"Code": "InternalException"}}, "PutEvents")
        self.calls.append(len(Entries))
        taken = [one for one in Entries if one["DetailType"] not in self.refused]
        self.entries += taken
        return {"Entries": [{} if one in taken else {"ErrorCode": "Throttled"} for one in Entries]}


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch, log: io.StringIO) -> FakeClient:
    client: Any = FakeClient()
    monkeypatch.setattr(app, "event_bus", lambda: EventBus(client, "the-bus", "ab12cd34"))
    monkeypatch.setattr(app, "logger", Logger(service=new_id(), stream=log))
    return client  # type: ignore[no-any-return]


def record(number: int = 1, **changed: str) -> dict[str, Any]:
    made: dict[str, Any] = deepcopy(sample("publish_events/inserted")["Records"][0])
    made["dynamodb"]["SequenceNumber"] = str(number)
    made["dynamodb"]["NewImage"] |= {name: {"S": text} for name, text in changed.items()}
    return made


def sent(*records: dict[str, Any]) -> list[str]:
    answer = app.handler({"Records": list(records)}, RUN)
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


def test_an_event_goes_to_the_bus_as_the_page_describes_it(bus: FakeClient) -> None:
    assert sent(record()) == []
    (entry,) = bus.entries
    assert (entry["Source"], entry["EventBusName"]) == ("gpu-shopper", "the-bus")
    assert entry["DetailType"] == "session_running"
    page = (ROOT / "docs" / "events.md").read_text("utf-8")
    (shown,) = (part.split("```")[0] for part in page.split("```json")[1:2])
    assert json.loads(entry["Detail"]) == json.loads(shown)["detail"]


def test_the_page_names_every_event_and_no_other() -> None:
    page = (ROOT / "docs" / "events.md").read_text("utf-8")
    rows = [line.split("|")[1].strip(" `") for line in page.splitlines() if line.startswith("| `")]
    assert sorted(rows) == sorted(OPERATIONS)


def test_many_events_are_sent_ten_by_ten_in_their_order(bus: FakeClient) -> None:
    assert sent(*(record(n, reason=f"r{n}") for n in range(23))) == []
    assert bus.calls == [10, 10, 3]
    reasons = [json.loads(one["Detail"])["reason"] for one in bus.entries]
    assert reasons == [f"r{n}" for n in range(23)]


def test_a_record_that_cannot_be_read_is_logged_and_passed_over(
    bus: FakeClient, log: io.StringIO
) -> None:
    bad = [record(1, details="{"), record(2, at="yesterday"), {"dynamodb": {}}, {}]
    assert sent(*bad, record(5)) == []
    assert len(bus.entries) == 1
    assert log.getvalue().count("cannot be read") == len(bad)


def test_what_the_bus_refuses_comes_again_and_nothing_else_does(bus: FakeClient) -> None:
    bus.refused = ("orphan_detected",)
    assert sent(record(1), record(2, operation="orphan_detected"), record(3)) == ["2"]


def test_everything_comes_again_when_the_bus_does_not_answer(bus: FakeClient) -> None:
    bus.down = True
    assert sent(record(1), record(2)) == ["1", "2"]


def test_the_address_of_a_caller_stays_in_the_audit(bus: FakeClient) -> None:
    one = record()
    origin = {"actor": {"S": "api_key"}, "source_ip": {"S": "198.51.100.9"}}
    one["dynamodb"]["NewImage"]["origin"] = {"M": origin}
    sent(one)
    assert "198.51.100.9" not in bus.entries[0]["Detail"]


@pytest.mark.parametrize(
    ("rule", "topic", "page"), [("AlertsRule", "alerts", 0), ("NoticesRule", "notices", 1)]
)
def test_people_are_told_of_exactly_what_the_page_says(rule: str, topic: str, page: int) -> None:
    """N-45: budget_alert among them; each event goes to one topic, and what it does not take is
    kept."""
    pattern = properties(rule)["EventPattern"]
    assert pattern["source"] == ["gpu-shopper"]
    assert set(pattern["detail-type"]) <= set(OPERATIONS)
    people = EVENTS.split("## To people")[1].split("The parameters")[0]
    told = people.split(";")[page]
    assert f"topic `{topic}`" in told
    assert re.findall(r"`(\w+_\w+)`", told) == pattern["detail-type"]
    (target,) = properties(rule)["Targets"]
    assert target["Arn"] == {"Ref": f"{topic.capitalize()}Topic"}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["EventDeadLetters", "Arn"]}}


def test_the_bus_may_publish_to_the_topics_without_a_condition() -> None:
    """EventBridge fills none in for a topic: one that stood there would refuse everything."""
    statements = properties("TopicsPolicy")["PolicyDocument"]["Statement"]
    rules, alarms = (one for one in statements if one["Effect"] == "Allow")
    assert rules["Principal"] == {"Service": "events.amazonaws.com"}
    assert "Condition" not in rules
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert "aws:SourceAccount" in alarms["Condition"]["StringEquals"]
    topics = [{"Ref": "AlertsTopic"}, {"Ref": "NoticesTopic"}]
    assert rules["Resource"] == alarms["Resource"] == topics
