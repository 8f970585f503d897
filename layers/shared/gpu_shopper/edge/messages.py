"""Validation errors in our words: each names the JSON field, never a class or a type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from gpu_shopper.edge.problems import reflected
from gpu_shopper.errors import InvalidJson, ShopperError, ValidationFailed

type Detail = Mapping[str, Any]

_PLACES = frozenset({"body", "query", "header", "path"})

_TEXTS: Mapping[str, Callable[[str, Detail], str]] = {
    "missing": lambda name, _: f"{name} is required",
    "extra_forbidden": lambda name, _: f"{name} is not known here",
    "greater_than_equal": lambda name, ctx: f"{name} must be at least {_number(ctx['ge'])}",
    "less_than_equal": lambda name, ctx: f"{name} must be at most {_number(ctx['le'])}",
    "greater_than": lambda name, ctx: f"{name} must be greater than {_number(ctx['gt'])}",
    "literal_error": lambda name, ctx: f"{name} must be one of {_words(ctx['expected'])}",
    "string_too_long": lambda name, ctx: f"{name} must be at most {ctx['max_length']} characters",
    "too_long": lambda name, ctx: f"{name} {_at_most(ctx)}",
    "too_short": lambda name, ctx: f"{name} must have at least {_entries(ctx['min_length'])}",
    "string_too_short": lambda name, ctx: f"{name} must be at least {ctx['min_length']} characters",
    "string_pattern_mismatch": lambda name, ctx: f"{name} must match {ctx['pattern']}",
    "value_error": lambda name, ctx: f"{name} {ctx['error']}",
    "finite_number": lambda name, _: f"{name} must be a finite number",
    "int_from_float": lambda name, _: f"{name} must be a whole number",
    "none_required": lambda name, _: f"{name} must be absent",
}
_FAMILIES = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "string": "a string",
    "list": "a list",
    "model": "a JSON object",
    "dict": "a JSON object",
}


def validation_failed(found: Sequence[Detail]) -> ShopperError:
    """All that is wrong with a request, one detail a field."""
    if any(one["type"] == "json_invalid" for one in found):
        return InvalidJson("the body is not valid JSON")
    details: dict[str, str] = {}
    for one in found:
        name = _field(one["loc"])
        details.setdefault(name, _text(name, one))
    return ValidationFailed(list(details.items()))


def _field(loc: Sequence[Any]) -> str:
    """The JSON name at the end of a location such as `query, query, limit`."""
    named = [str(part) for part in loc if not isinstance(part, int)]
    own = named[1:] if named and named[0] in _PLACES else named
    return reflected(own[-1]) if own else "body"


def _text(name: str, one: Detail) -> str:
    kind = str(one["type"])
    if kind in _TEXTS:
        return _TEXTS[kind](name, one.get("ctx") or {})
    family = _FAMILIES.get(kind.split("_")[0])
    return f"{name} must be {family}" if family else f"{name} is not valid"


def _at_most(ctx: Detail) -> str:
    """Of a list its entries count, of everything else its characters."""
    if ctx.get("field_type") == "List":
        return f"must have at most {_entries(ctx['max_length'])}"
    return f"must be at most {ctx['max_length']} characters"


def _entries(number: int) -> str:
    return f"{number} entry" if number == 1 else f"{number} entries"


def _number(bound: float) -> str:
    """In decimal notation, however large or small."""
    return f"{Decimal(str(bound)).normalize():f}"


def _words(expected: str) -> str:
    """pydantic's `'a', 'b' or 'c'` as `a, b, c`."""
    return expected.replace("'", "").replace(" or ", ", ")
