"""Diagrams of what the product runs on: whether it works, and what of it AWS is paid for."""

from __future__ import annotations

from collections.abc import Iterator

from reference.stack import FUNCTIONS, LOGS, MACHINES, TABLES, dead_letters, resources
from reference.widgets import Line, Widget, aws, each, whole

GATEWAY = {"ApiName": "${AWS::StackName}", "Stage": "${Stage}"}


def machinery() -> Iterator[Widget]:
    yield Widget("Sweeps that ended well", (whole("SweepCompleted"), *_sweeps("SweepCompleted")))
    slowest = whole("SweepDuration", "Maximum", "slowest")
    yield Widget(
        "Duration of sweeps",
        (slowest, *_sweeps("SweepDuration", stat="Maximum")),
        "Milliseconds",
    )
    failed = tuple(
        aws("AWS/States", metric, "Sum", f"{name} {metric}", StateMachineArn=f"${{{name}}}")
        for name in resources(MACHINES)
        for metric in ("ExecutionsFailed", "ExecutionsTimedOut")
    )
    letters = tuple(
        aws(
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            "Maximum",
            name,
            QueueName=f"${{{name}.QueueName}}",
        )
        for name in dead_letters()
    )
    yield Widget("Executions that failed, dead letters", (*failed, *letters))
    throttled = tuple(
        aws("AWS/DynamoDB", metric, "Sum", f"{name} {metric}", TableName=f"${{{name}}}")
        for name in resources(TABLES)
        for metric in ("ReadThrottleEvents", "WriteThrottleEvents")
    )
    errors = tuple(
        aws("AWS/Lambda", "Errors", "Sum", f"{name} errors", FunctionName=f"${{{name}}}")
        for name in resources(FUNCTIONS)
    )
    yield Widget("Errors of functions, throttled tables", (*errors, *throttled))


def paid() -> Iterator[Widget]:
    """What the bill of the control plane is made of, in the units that AWS counts."""
    runs = tuple(
        aws("AWS/Lambda", "Duration", "Sum", name, FunctionName=f"${{{name}}}")
        for name in resources(FUNCTIONS)
    )
    yield Widget("Paid: run time of functions", runs, "Milliseconds", stacked=True)
    units = tuple(
        aws("AWS/DynamoDB", metric, "Sum", f"{name} {word}", TableName=f"${{{name}}}")
        for name in resources(TABLES)
        for word, metric in (
            ("reads", "ConsumedReadCapacityUnits"),
            ("writes", "ConsumedWriteCapacityUnits"),
        )
    )
    yield Widget("Paid: units of tables", units, stacked=True)
    begun = tuple(
        aws("AWS/States", "ExecutionsStarted", "Sum", name, StateMachineArn=f"${{{name}}}")
        for name in resources(MACHINES)
    )
    requests = aws("AWS/ApiGateway", "Count", "Sum", "requests", **GATEWAY)
    yield Widget("Paid: requests, executions", (requests, *begun))
    written = tuple(
        aws("AWS/Logs", "IncomingBytes", "Sum", name, LogGroupName=f"${{{name}}}")
        for name in resources(LOGS)
    )
    yield Widget("Paid: bytes of logs", written, "Bytes", stacked=True)


def _sweeps(metric: str, stat: str = "Sum") -> tuple[Line, ...]:
    return (each(metric, "Sweep", stat=stat), each(metric, "Sweep", "Provider", stat=stat))
