"""The settings table, read from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from gpu_shopper.core.settings import Settings
from gpu_shopper.errors import MissingSetting

TABLE = "SETTINGS"
SEPARATOR = ":"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Every number of the table, which is one variable: all numbers, in the table's order.

    A variable with the name of one setting, such as `SSH_POLL_CAP_S`, goes before it. Raises
    MissingSetting naming the first absent or bad one.
    """
    names = [one.name for one in fields(Settings)]
    numbers = required(environ, TABLE).split(SEPARATOR)
    if len(numbers) > len(names):
        raise MissingSetting(f"setting {TABLE} has {len(numbers)} numbers, {len(names)} are known")
    given = {name.upper(): text for name, text in zip(names, numbers, strict=False)}
    own = {name: environ[name] for name in map(str.upper, names) if name in environ}
    return Settings(**{name: whole(given | own, name.upper()) for name in names})


def required(environ: Mapping[str, str], name: str) -> str:
    """The text of setting `name`. Raises MissingSetting when it is absent or empty."""
    value = environ.get(name, "")
    if not value:
        raise MissingSetting(f"setting {name} is missing")
    return value


def whole(environ: Mapping[str, str], name: str) -> int:
    """The whole number of setting `name`. Raises MissingSetting when it is none."""
    text = required(environ, name)
    if not text.isascii() or not text.isdigit():
        raise MissingSetting(f"setting {name} is not a whole number")
    return int(text)
