"""What is paid for by the month: counted in template.yaml, and in the metrics that were written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from operator import itemgetter
from typing import Any

from tests.template.cfn import properties, resources, template

METRICS_OF_A_METHOD = 5
"""Count, 4XXError, 5XXError, Latency and IntegrationLatency."""

SAMPLING_RULE = "AWS::XRay::SamplingRule"

LONG_POLLS_PER_MIN = 15
"""Lambda asks a quiet queue by five polls, each of 20 s."""


def memory_mb(function: str) -> int:
    """The memory of one function."""
    common: int = template()["Globals"]["Function"]["MemorySize"]
    return int(properties(function).get("MemorySize", common))


def kept(metrics: Iterable[Any], methods: int) -> dict[tuple[str, str], float]:
    """Everything that costs by the month, with these custom metrics, and methods that are called.

    The gateway's own metrics are free, unless it writes them for each method.
    """
    detailed = any(one["MetricsEnabled"] for one in properties("Api")["MethodSettings"])
    alarms = [one["Properties"] for one in resources("AWS::CloudWatch::Alarm").values()]
    secrets = resources("AWS::SecretsManager::Secret")
    return {
        ("custom metrics", "of the functions"): len(set(metrics)),
        ("custom metrics", "of the gateway's methods"): METRICS_OF_A_METHOD * methods * detailed,
        ("alarm metrics", f"{len(alarms)} alarms"): sum(map(alarm_metrics, alarms)),
        ("dashboards", "one"): len(resources("AWS::CloudWatch::Dashboard")),
        ("kms keys", "secrets of sessions, webhooks, answers"): len(resources("AWS::KMS::Key")),
        ("secrets", "first key, providers"): len(secrets),
    }


def alarm_metrics(alarm: Mapping[str, Any]) -> int:
    """The metrics that one alarm watches: itself, or those that it adds."""
    return sum("MetricStat" in one for one in alarm.get("Metrics", [])) or 1


def traced(method: str, path: str) -> float:
    """The share of such requests to the gateway that are traced: by the first rule that fits."""
    rules = [one["Properties"]["SamplingRule"] for one in resources(SAMPLING_RULE).values()]
    fitting = (
        float(rule["FixedRate"])
        for rule in sorted(rules, key=itemgetter("Priority"))
        if rule["HTTPMethod"] == method and fnmatchcase(path, rule["URLPath"])
    )
    return next(fitting, 1.0)


def polled(minutes: float) -> dict[tuple[str, str], float]:
    """What the queues of functions are asked in so many minutes, with nothing in them."""
    queues = [
        event
        for function in resources("AWS::Serverless::Function").values()
        for event in function["Properties"].get("Events", {}).values()
        if event["Type"] == "SQS"
    ]
    return {("sqs requests", "asking for messages"): LONG_POLLS_PER_MIN * minutes * len(queues)}
