"""The template as plain data, for what is written from it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).resolve().parents[1] / "template.yaml"
TABLES = "AWS::DynamoDB::Table"
QUEUES = "AWS::SQS::Queue"
MACHINES = "AWS::Serverless::StateMachine"
FUNCTIONS = "AWS::Serverless::Function"
LOGS = "AWS::Logs::LogGroup"


class _Loader(yaml.SafeLoader):
    """A safe loader to which CloudFormation's tags mean nothing."""


_Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


@cache
def template() -> dict[str, Any]:
    """The whole template; what tags stand for is None."""
    # The loader is a SafeLoader: it builds plain values only.
    loaded: dict[str, Any] = yaml.load(TEMPLATE.read_text("utf-8"), Loader=_Loader)  # noqa: S506
    return loaded


def resources(kind: str) -> list[str]:
    """Logical ids of all resources of one type, in the template's order."""
    return [name for name, body in template()["Resources"].items() if body["Type"] == kind]


def dead_letters() -> list[str]:
    """The queues that should be empty; others hold work to do."""
    return [name for name in resources(QUEUES) if name.endswith("DeadLetters")]
