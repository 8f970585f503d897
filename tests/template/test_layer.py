"""The layer's libraries: exact, complete, and those the tests run with."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.template.cfn import ROOT, properties, resources

LAYER = ROOT / "layers" / "shared"
PINNED = re.compile(r"^([a-z0-9-]+)==(\S+) \\$", re.MULTILINE)
IN_THE_RUNTIME = {"boto3"}
WAYS_TO_WRITE_NO_VERSION = re.compile(r"[<>=!~\[; ]")


def _pins(file: str) -> dict[str, str]:
    return dict(PINNED.findall((ROOT / file).read_text("utf-8")))


def _direct_dependencies() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return {WAYS_TO_WRITE_NO_VERSION.split(each)[0] for each in project["dependencies"]}


def test_the_layer_is_built_for_the_functions_runtime() -> None:
    (layer,) = resources("AWS::Serverless::LayerVersion").values()
    assert layer["Metadata"]["BuildMethod"] == "python3.12"
    assert layer["Properties"]["CompatibleRuntimes"] == ["python3.12"]
    assert properties("SharedLayer")["ContentUri"] == "layers/shared"


def test_every_library_of_the_layer_is_pinned_and_hashed() -> None:
    text = (LAYER / "requirements.txt").read_text("utf-8")
    entries = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(entries) == len(_pins("layers/shared/requirements.txt"))
    assert text.count("--hash=sha256:") >= len(entries)


def test_the_layer_holds_what_the_project_needs_and_the_runtime_does_not_bring() -> None:
    """X-29: the SSH client is among them."""
    pinned = set(_pins("layers/shared/requirements.txt"))
    assert _direct_dependencies() - IN_THE_RUNTIME <= pinned
    assert not IN_THE_RUNTIME & pinned
    assert "paramiko" in pinned


@pytest.mark.parametrize("name", sorted(_direct_dependencies() - IN_THE_RUNTIME))
def test_tests_run_with_the_version_that_is_shipped(name: str) -> None:
    assert _pins("requirements/dev.txt")[name] == _pins("layers/shared/requirements.txt")[name]


def test_the_layer_ships_our_package_and_nothing_else() -> None:
    shipped = {path.name for path in LAYER.iterdir()} - {"__pycache__"}
    assert shipped == {"gpu_shopper", "requirements.txt"}
