"""M-66: a deploy migrates nothing, so no migration can fail halfway; and no error is swallowed.

Rows are read as any release wrote them: unknown attributes are ignored, new fields have defaults
(`tests/store/test_codec.py`). Whoever needs a migration all the same gives this file its tests.
"""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.template.cfn import ROOT, properties, resources, template

OURS = [
    path
    for folder in ("layers/shared/gpu_shopper", "functions")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
_RUN_BY_DEPLOYS = ("Custom::", "AWS::CloudFormation::", "AWS::CodeDeploy::")
_WAIVED = re.compile(r"noqa: *(?:BLE001|S110|S112)(?P<why>.*)")


def runs_at_a_deploy(kind: str) -> bool:
    return kind.startswith(_RUN_BY_DEPLOYS)


def test_a_deploy_runs_no_code_of_ours_and_changes_no_row() -> None:
    """M-66: no custom resource, no hook, no macro: a finished deploy done again does nothing."""
    assert [n for n, one in resources().items() if runs_at_a_deploy(one["Type"])] == []
    assert template()["Transform"] == "AWS::Serverless-2016-10-31"
    for name in resources("AWS::Serverless::Function", "AWS::Serverless::StateMachine"):
        assert "DeploymentPreference" not in properties(name), name


@pytest.mark.parametrize(
    ("kind", "runs"),
    [
        ("Custom::Backfill", True),
        ("AWS::CloudFormation::CustomResource", True),
        ("AWS::DynamoDB::Table", False),
    ],
)
def test_what_would_run_at_a_deploy_is_known_by_its_type(kind: str, runs: bool) -> None:
    """M-66: the other side of the rule above."""
    assert runs_at_a_deploy(kind) is runs


def test_the_linter_refuses_errors_that_are_swallowed() -> None:
    """M-66: a blind `except` is an error of the linter, and so is one that only passes."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]
    assert {"BLE", "S"} <= set(lint["select"])
    assert not {"BLE001", "S110", "S112"} & set(lint["ignore"])
    waived = lint["per-file-ignores"]
    ours = [glob for glob in waived if glob.startswith(("layers", "functions"))]
    assert not {"BLE001", "S110", "S112"} & {rule for glob in ours for rule in waived[glob]}


def test_whoever_catches_everything_says_why() -> None:
    """M-66: in the line itself."""
    waivers = [
        (path.name, match["why"])
        for path in OURS
        for match in _WAIVED.finditer(path.read_text("utf-8"))
    ]
    assert waivers
    assert [name for name, why in waivers if len(why.strip(" -()")) < 10] == []
