"""Reads template.yaml as data: short tags become their long form, nothing is resolved.

Tests elsewhere take the tables from here (`table_definitions`), so the store is always tested
against the tables as the template writes them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"

_TABLE_FIELDS = ("KeySchema", "AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes")


class _Loader(yaml.SafeLoader):
    """A safe loader that also knows CloudFormation's short tags."""


def _construct(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name: value}


_Loader.add_multi_constructor("!", _construct)


@cache
def template() -> dict[str, Any]:
    """The whole template; callers must not change it."""
    # The loader is a SafeLoader: it builds plain values only.
    loaded = yaml.load(TEMPLATE.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506
    assert isinstance(loaded, dict)
    return loaded


def resources(*kinds: str) -> dict[str, dict[str, Any]]:
    """Logical id → resource of every resource whose type is one of `kinds` (all, when none)."""
    every: dict[str, dict[str, Any]] = template()["Resources"]
    return {name: body for name, body in every.items() if not kinds or body["Type"] in kinds}


def properties(logical_id: str) -> dict[str, Any]:
    """The properties of one resource; KeyError when the template does not have it."""
    found: dict[str, Any] = resources()[logical_id].get("Properties", {})
    return found


def parameters() -> dict[str, dict[str, Any]]:
    """Parameter name → its definition."""
    found: dict[str, dict[str, Any]] = template()["Parameters"]
    return found


def table_definitions() -> dict[str, dict[str, Any]]:
    """Logical id → keyword arguments of `create_table`; the logical id is also the table's name."""
    tables = resources("AWS::DynamoDB::Table")
    return {name: _create_table(name, body["Properties"]) for name, body in tables.items()}


def _create_table(name: str, given: dict[str, Any]) -> dict[str, Any]:
    kept = {field: given[field] for field in _TABLE_FIELDS if field in given}
    return {"TableName": name, **kept}
