"""Timers of sessions as schedules of AWS."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from aws_lambda_powertools import Logger
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from gpu_shopper.edge import wiring
from gpu_shopper.edge.aws import Schedules, Target
from tests.aws import SESSION
from tests.builders import SESSION_ID, later

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

GROUP = "stack-hard-stops"
NAME = f"{SESSION_ID}-20260208T000200"
AT = later(43_320)
DOWN = EndpointConnectionError(endpoint_url="https://scheduler")
TARGET = Target(
    "arn:aws:lambda:eu-west-1:123456789012:function:stack-hard-stop",
    "arn:aws:iam::123456789012:role/stack-timer",
)


@pytest.fixture
def client() -> Iterator[EventBridgeSchedulerClient]:
    with mock_aws():
        made: EventBridgeSchedulerClient = SESSION.client("scheduler", region_name="eu-west-1")
        made.create_schedule_group(Name=GROUP)
        yield made


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def schedules(client: EventBridgeSchedulerClient, log: io.StringIO) -> Schedules:
    # Loggers of one service share their first stream: each test needs a name of its own.
    return Schedules(client, GROUP, TARGET, Logger(service=wiring.new_id(), stream=log))


def names(client: EventBridgeSchedulerClient) -> list[str]:
    return [one["Name"] for one in client.list_schedules(GroupName=GROUP)["Schedules"]]


def test_a_timer_fires_once_at_its_instant_with_the_sessions_id_alone(
    schedules: Schedules, client: EventBridgeSchedulerClient
) -> None:
    """2.15: and removes itself after that."""
    schedules.set(SESSION_ID, AT)
    made = client.get_schedule(Name=NAME, GroupName=GROUP)
    assert made["ScheduleExpression"] == "at(2026-02-08T00:02:00)"
    assert made["ScheduleExpressionTimezone"] == "UTC"
    assert made["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert made["ActionAfterCompletion"] == "DELETE"
    target = made["Target"]
    assert (target["Arn"], target["RoleArn"]) == (TARGET.function_arn, TARGET.role_arn)
    assert json.loads(target["Input"]) == {"session_id": SESSION_ID}
    assert len(NAME) <= 64


def test_a_timer_set_twice_is_one(schedules: Schedules, client: EventBridgeSchedulerClient) -> None:
    schedules.set(SESSION_ID, AT)
    schedules.set(SESSION_ID, AT)
    assert names(client) == [NAME]


def test_another_instant_is_another_timer(
    schedules: Schedules, client: EventBridgeSchedulerClient
) -> None:
    """0013: none is moved, so none can be lost while it fires."""
    schedules.set(SESSION_ID, AT)
    schedules.set(SESSION_ID, later(43_620))
    assert len(names(client)) == 2


def test_a_timer_that_cannot_be_set_is_told(
    schedules: Schedules, client: EventBridgeSchedulerClient
) -> None:
    """Nothing is rented without one."""
    with (
        patch.object(client, "create_schedule", side_effect=DOWN),
        pytest.raises(EndpointConnectionError),
    ):
        schedules.set(SESSION_ID, AT)


def test_clearing_a_timer_is_silent_also_when_there_is_none(
    schedules: Schedules, client: EventBridgeSchedulerClient, log: io.StringIO
) -> None:
    schedules.set(SESSION_ID, AT)
    schedules.clear(SESSION_ID, AT)
    schedules.clear(SESSION_ID, AT)
    assert (names(client), log.getvalue()) == ([], "")


def test_a_timer_that_cannot_be_cleared_is_logged_and_stops_nobody(
    schedules: Schedules, client: EventBridgeSchedulerClient, log: io.StringIO
) -> None:
    with patch.object(client, "delete_schedule", side_effect=DOWN):
        schedules.clear(SESSION_ID, AT)
    assert SESSION_ID in log.getvalue()
