"""The stages of samconfig.toml."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from tests.template.cfn import ROOT, parameters

SAMCONFIG = ROOT / "samconfig.toml"
STAGES = ("local", "dev", "prod")
LONG_ENOUGH_FOR_A_SECRET = re.compile(r"\w[\w-]{19,}")


def _stages() -> dict[str, Any]:
    return tomllib.loads(SAMCONFIG.read_text("utf-8"))


def _overrides(stage: str) -> dict[str, str]:
    written = _stages()[stage]["deploy"]["parameters"]["parameter_overrides"]
    words = written.split() if isinstance(written, str) else written
    return dict(word.split("=", 1) for word in words)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_overrides_only_parameters_that_exist(stage: str) -> None:
    overrides = _overrides(stage)
    assert overrides["Stage"] == stage
    assert set(overrides) <= set(parameters())


@pytest.mark.parametrize("stage", [*STAGES, "default"])
def test_no_stage_chooses_the_deployment_id(stage: str) -> None:
    assert "DeploymentId" not in _overrides(stage)


def test_the_file_holds_nothing_that_could_be_a_secret() -> None:
    text = SAMCONFIG.read_text("utf-8")
    words = LONG_ENOUGH_FOR_A_SECRET.findall(text)
    assert set(words) <= {*parameters(), "parameter_overrides", "parameter-overrides"}
    assert not re.search(r"secret\s*=|password|token|api_key", text, re.IGNORECASE)


def test_a_deploy_waits_for_a_yes_everywhere_but_locally() -> None:
    asked = {
        stage: _stages()[stage]["deploy"]["parameters"]["confirm_changeset"] for stage in STAGES
    }
    assert asked == {"local": False, "dev": True, "prod": True}


def test_only_the_local_stage_shortens_waits() -> None:
    timings = {"Stage", "LogLevel", "LogRetentionDays"}
    assert set(_overrides("dev")) | set(_overrides("prod")) <= timings


def test_ssh_is_tried_locally_at_the_same_rhythm_as_everywhere() -> None:
    assert not [name for name in _overrides("local") if name.startswith("Ssh")]
