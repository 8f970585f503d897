"""Settings from the environment: complete or named."""

from __future__ import annotations

from dataclasses import fields

import pytest

from gpu_shopper.core.settings import Settings
from gpu_shopper.edge.settings import read_settings, required
from gpu_shopper.errors import MissingSetting

NAMES = [one.name.upper() for one in fields(Settings)]
NUMBERS = [str(one.default) for one in fields(Settings)]


def table(numbers: list[str]) -> dict[str, str]:
    return {"SETTINGS": ":".join(numbers)}


def test_a_complete_table_gives_every_number_its_name() -> None:
    """N-57: in the order of the settings table."""
    assert read_settings(table(NUMBERS)) == Settings()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["", "x", "1.5", "-1", " 1", "²"])
def test_a_bad_number_is_named(name: str, value: str) -> None:
    """QA-H8: at start, not at first use."""
    numbers = [value if one == name else text for one, text in zip(NAMES, NUMBERS, strict=True)]
    with pytest.raises(MissingSetting, match=name):
        read_settings(table(numbers))
    with pytest.raises(MissingSetting, match=name):
        read_settings(table(NUMBERS) | {name: value})


@pytest.mark.parametrize("count", range(1, len(NAMES)))
def test_the_first_missing_number_is_named(count: int) -> None:
    """QA-H8: a table that is too short says what it lacks."""
    with pytest.raises(MissingSetting, match=NAMES[count]):
        read_settings(table(NUMBERS[:count]))


def test_a_table_of_another_release_is_refused() -> None:
    """QA-H8: too many numbers, or none at all."""
    for environ in (table([*NUMBERS, "1"]), {}, {"SETTINGS": ""}):
        with pytest.raises(MissingSetting, match="SETTINGS"):
            read_settings(environ)


def test_one_number_can_be_given_by_its_own_name() -> None:
    """N-57: for one function run by hand."""
    assert read_settings(table(NUMBERS) | {"SSH_POLL_CAP_S": "3"}).ssh_poll_cap_s == 3


def test_a_text_that_must_be_there_is_named() -> None:
    """QA-H8."""
    assert required({"A": "x"}, "A") == "x"
    with pytest.raises(MissingSetting, match="DEPLOYMENT_ID"):
        required({"DEPLOYMENT_ID": ""}, "DEPLOYMENT_ID")
