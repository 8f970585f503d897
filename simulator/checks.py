"""Checks of what is posted to the control endpoints; every refusal names the field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Check = Callable[[str, Any], Any]


class BadField(Exception):
    """A control request is wrong; `field` names where."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


def known(body: Any, names: Iterable[str], where: str = "") -> dict[str, Any]:
    """`body` as an object that has only these fields. Raises BadField."""
    if not isinstance(body, dict):
        raise BadField(where or "body", "must be a JSON object")
    allowed = set(names)
    unknown = sorted(set(body) - allowed)
    if unknown:
        raise BadField(", ".join(unknown), f"unknown; known here: {', '.join(sorted(allowed))}")
    return body


def number(low: float = 0.0, high: float = 1e9) -> Check:
    """A number within [low, high]."""

    def check(field: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise BadField(field, "must be a number")
        if not low <= value <= high:
            raise BadField(field, f"must be between {low:g} and {high:g}")
        return value

    return check


def integer(low: int = 0, high: int = 10**9) -> Check:
    """A whole number within [low, high]."""

    def check(field: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadField(field, f"must be a whole number between {low} and {high}")
        return value

    return check


def flag(field: str, value: Any) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise BadField(field, "must be true or false")
    return value


def text(field: str, value: Any) -> str:
    """A string."""
    if not isinstance(value, str):
        raise BadField(field, "must be a string")
    return value


def anything(_field: str, value: Any) -> Any:
    """Whatever it is."""
    return value


def one_of(*options: Any) -> Check:
    """One of a few values."""

    def check(field: str, value: Any) -> Any:
        if not any(value is option or value == option for option in options):
            raise BadField(field, f"must be one of {', '.join(map(str, options))}")
        return value

    return check


def maybe(inner: Check) -> Check:
    """null or what `inner` allows."""
    return lambda field, value: None if value is None else inner(field, value)


def texts(field: str, value: Any) -> list[str]:
    """A list of strings; numbers are taken as their text (ids)."""
    if not isinstance(value, list):
        raise BadField(field, "must be a list")
    return [str(item) for item in value]


def ident(field: str, value: Any) -> str:
    """An id, given as text or number."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise BadField(field, "must be an id")
    return str(value)


def mapping(field: str, value: Any) -> dict[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise BadField(field, "must be an object")
    return value


def fields(body: Any, checks: Mapping[str, Check], where: str = "") -> dict[str, Any]:
    """The given fields, each checked. Raises BadField for unknown or wrong ones."""
    given = known(body, checks, where)
    prefix = f"{where}." if where else ""
    return {name: checks[name](f"{prefix}{name}", value) for name, value in given.items()}
