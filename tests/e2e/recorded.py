"""Everything that a run leaves behind in writing, and the secrets that it used."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from local import aws, stack
from tests.e2e.aws_view import executions, log_lines
from tests.e2e.deployed import Deployed
from tests.e2e.renting import Row

SHOWN_ONCE = ("api_key", "ssh_private_key", "agent_token", "secret", "webhook_secret")
"""Fields of answers that hold a secret; what has just been made shows it, and nothing else does."""

MAKING = (("POST", 201), ("PUT", 200), ("PUT", 201))

_BEARER = re.compile(r"Bearer (gsk_[a-z0-9]{8}_\S+)")
_CODE = (".zip", ".zip.meta.json")
_EARS = "hears-the-whole-bus"


def overhear(live: Deployed) -> None:
    """From now on a queue keeps whatever is told on the bus."""
    queues, bus = _client(live, "sqs"), _client(live, "events")
    url = queues.create_queue(QueueName=_EARS)["QueueUrl"]
    asked = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    own = asked["Attributes"]["QueueArn"]
    name = stack.outputs(live.endpoints.emulator_url)["EventBusName"]
    pattern = json.dumps({"source": ["gpu-shopper"]})
    rule = bus.put_rule(Name=_EARS, EventBusName=name, EventPattern=pattern)
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": own,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule["RuleArn"]}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    queues.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    bus.put_targets(Rule=_EARS, EventBusName=name, Targets=[{"Id": "all", "Arn": own}])


def overheard(live: Deployed) -> list[str]:
    """What was told on the bus and not read yet."""
    queues = _client(live, "sqs")
    url, found = queues.get_queue_url(QueueName=_EARS)["QueueUrl"], list[str]()
    while True:
        messages = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        if not messages:
            return found
        found += [one["Body"] for one in messages]


def histories(live: Deployed) -> list[str]:
    """Every execution with its input, its output and every step's."""
    states, found = _client(live, "stepfunctions"), list[str]()
    for execution in executions(live):
        arn = execution["executionArn"]
        history = states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        told = [states.describe_execution(executionArn=arn), history]
        found.append(json.dumps(told, default=str))
    return found


def rows(live: Deployed) -> Iterator[tuple[str, str]]:
    """Every item of every table, with the name of the table."""
    dynamodb = _client(live, "dynamodb")
    for name in dynamodb.list_tables()["TableNames"]:
        for page in dynamodb.get_paginator("scan").paginate(TableName=name):
            for item in page["Items"]:
                yield name, json.dumps(item, default=str)


def files(live: Deployed) -> Iterator[tuple[str, str]]:
    """The logs of emulator and simulator, and every object of every bucket but our code."""
    kept: list[Path] = [live.world.emulator.daemon.log, live.world.simulator.daemon.log]
    kept += (live.world.emulator.workdir / "s3").rglob("*")
    for file in kept:
        if file.is_file() and not file.name.endswith(_CODE):
            yield str(file), file.read_bytes().decode("utf-8", "replace")


def answered(live: Deployed) -> Iterator[tuple[str, str]]:
    """Every answer of the API, without what it shows once."""
    for answer in live.answers:
        shown = _body(answer) if _has_made(answer) else {}
        hidden = [str(shown[name]) for name in SHOWN_ONCE if shown.get(name)]
        text = answer.text
        for secret in hidden:
            text = text.replace(json.dumps(secret), '""')
        yield f"{answer.request.method} {answer.request.path_url}", text


def written(live: Deployed) -> dict[str, str]:
    """All of it: where, and what."""
    found: dict[str, list[str]] = defaultdict(list)
    found["logs"], found["executions"] = log_lines(live), histories(live)
    found["bus"] = overheard(live)
    for place, text in (*rows(live), *files(live), *answered(live)):
        found[place].append(text)
    return {place: "\n".join(texts) for place, texts in found.items()}


def secrets(live: Deployed) -> dict[str, str]:
    """What must be in none of it, with a word that says what it is."""
    bodies = [_body(answer) for answer in live.answers if _has_made(answer)]
    found = {str(body[name]): name for body in bodies for name in SHOWN_ONCE if body.get(name)}
    found |= {key: "api_key" for answer in live.answers for key in _sent(answer)}
    keys = live.endpoints
    found |= {keys.operator_key: "operator's api_key", keys.consumer_key: "api_key"}
    found |= {keys.vastai_key: "key of vastai", keys.tensordock_token: "key of tensordock"}
    return {_distinct(secret): what for secret, what in found.items()}


def _distinct(secret: str) -> str:
    """The part that is secret, in one line: an API key's id is not, nor is a PEM's first line."""
    if secret.startswith("gsk_"):
        return secret.split("_", 2)[2]
    lines = secret.strip().splitlines()
    # The first lines of all Ed25519 keys are alike; the last full one is this key's own.
    return max(lines[2:-1], key=len) if len(lines) > 3 else lines[0]


def _has_made(answer: requests.Response) -> bool:
    return (answer.request.method, answer.status_code) in MAKING


def _sent(answer: requests.Response) -> list[str]:
    """API keys that a caller used and that were good for something."""
    header = str(answer.request.headers.get("Authorization") or "")
    return _BEARER.findall(header) if answer.ok else []


def _body(answer: requests.Response) -> Row:
    try:
        body: Any = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _client(live: Deployed, service: str) -> Any:
    return aws.client(service, live.endpoints.emulator_url)
