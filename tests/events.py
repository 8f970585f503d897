"""The sample events: input of `sam local invoke` and of tests, so that they cannot rot."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from tests.template.cfn import ROOT, resources

FOLDER = ROOT / "events"


def cases() -> list[str]:
    """Every sample, as `<function>/<case>`."""
    return sorted(str(file.relative_to(FOLDER).with_suffix("")) for file in FOLDER.glob("*/*.json"))


def sample(case: str) -> dict[str, Any]:
    """The event of one case."""
    event: dict[str, Any] = json.loads((FOLDER / f"{case}.json").read_text("utf-8"))
    return event


def logical_id(case: str) -> str:
    """The function of the template whose sample this is."""
    return _by_folder()[case.split("/")[0]]


@cache
def _by_folder() -> dict[str, str]:
    functions = resources("AWS::Serverless::Function")
    return {
        body["Properties"]["CodeUri"].removeprefix("functions/"): name
        for name, body in functions.items()
    }
