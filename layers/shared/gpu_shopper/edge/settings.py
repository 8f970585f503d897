"""The settings table, read from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from gpu_shopper.core.settings import Settings
from gpu_shopper.errors import MissingSetting


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Every number of the table. Raises MissingSetting naming the first absent or bad one."""
    return Settings(**{one.name: whole(environ, one.name.upper()) for one in fields(Settings)})


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
