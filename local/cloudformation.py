"""Reads a CloudFormation template as plain data: short tags become their long form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def read(template: Path) -> dict[str, Any]:
    """The template with nothing resolved."""
    # The loader is a SafeLoader: it builds plain values only.
    loaded: dict[str, Any] = yaml.load(template.read_text("utf-8"), Loader=_Loader)  # noqa: S506
    return loaded


class _Loader(yaml.SafeLoader):
    """A safe loader that also knows CloudFormation's short tags."""


def _long_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    value = _plain(loader, node)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name: value}


def _plain(loader: _Loader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_object(yaml.ScalarNode("tag:yaml.org,2002:str", node.value))


_Loader.add_multi_constructor("!", _long_form)
