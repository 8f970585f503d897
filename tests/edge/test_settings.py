"""Settings from the environment: complete or named."""

from __future__ import annotations

from dataclasses import fields

import pytest

from gpu_shopper.core.settings import Settings
from gpu_shopper.edge.settings import read_settings, required
from gpu_shopper.errors import MissingSetting

COMPLETE = {one.name.upper(): str(one.default) for one in fields(Settings)}


def test_a_complete_environment_gives_the_defaults() -> None:
    """N-57: one name, three spellings."""
    assert read_settings(COMPLETE) == Settings()


@pytest.mark.parametrize("name", sorted(COMPLETE))
@pytest.mark.parametrize("value", [None, "", "x", "1.5", "-1", " 1", "²"])
def test_a_missing_or_bad_setting_is_named(name: str, value: str | None) -> None:
    """QA-H8: at start, not at first use."""
    environ = {key: text for key, text in COMPLETE.items() if key != name}
    if value is not None:
        environ[name] = value
    with pytest.raises(MissingSetting, match=name):
        read_settings(environ)


def test_a_text_that_must_be_there_is_named() -> None:
    """QA-H8."""
    assert required({"A": "x"}, "A") == "x"
    with pytest.raises(MissingSetting, match="DEPLOYMENT_ID"):
        required({"DEPLOYMENT_ID": ""}, "DEPLOYMENT_ID")
