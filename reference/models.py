"""Schemas of bodies, queries and answers, from the models that validate and write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import models_json_schema

from gpu_shopper.edge.answers.values import Shown
from gpu_shopper.edge.bodies import Query
from reference.meanings import FORMATS, WORDS, meaning

type Schema = dict[str, Any]
type Models = Iterable[type[BaseModel]]

REF = "#/components/schemas/{model}"

# pydantic writes a bound behind a validator under its own name.
_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


def schemas(models: Models) -> dict[str, Schema]:
    """Every model by name, and those that they are made of; each property with its meaning."""
    _, found = models_json_schema([(model, "validation") for model in models], ref_template=REF)
    known = _by_name(models)
    return {
        name: _described(name, known[name], raw) for name, raw in sorted(found["$defs"].items())
    }


def parameters(query: type[BaseModel]) -> list[Schema]:
    """The query parameters of a model, one by one."""
    raw = query.model_json_schema(ref_template=REF)
    return [
        {
            "name": name,
            "in": "query",
            "required": name in raw.get("required", []),
            "description": meaning(query.__name__, name),
            "schema": _property(query, name, schema),
        }
        for name, schema in raw["properties"].items()
    ]


def _by_name(models: Models) -> dict[str, type[BaseModel]]:
    """The models and all that their fields mention."""
    found: dict[str, type[BaseModel]] = {}
    waiting = list(models)
    while waiting:
        model = waiting.pop()
        if model.__name__ not in found:
            found[model.__name__] = model
            waiting += [
                part for field in model.model_fields.values() for part in _parts(field.annotation)
            ]
    return found


def _parts(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [part for one in getattr(annotation, "__args__", ()) for part in _parts(one)]


def _described(name: str, model: type[BaseModel], raw: Schema) -> Schema:
    fields: Mapping[str, Schema] = raw.get("properties", {})
    schema = {
        "type": "object",
        "description": raw["description"],
        "additionalProperties": False,
        "properties": {
            field: {"description": meaning(name, field), **_property(model, field, one)}
            for field, one in fields.items()
        },
    }
    required = _required(model, raw)
    return schema | ({"required": required} if required else {})


def _required(model: type[BaseModel], raw: Schema) -> list[str]:
    """Of an answer: all but the fields that are left out when there is no value."""
    if not issubclass(model, Shown):
        return list(raw.get("required", []))
    return [name for name in raw["properties"] if not _left_out(model, name)]


def _left_out(model: type[BaseModel], name: str) -> bool:
    optional = type(None) in getattr(_field(model, name).annotation, "__args__", ())
    return optional and name not in getattr(model, "NULLABLE", frozenset())


def _field(model: type[BaseModel], name: str) -> FieldInfo:
    """The field that JSON calls `name`, which may be a word that Python keeps for itself."""
    return next(one for own, one in model.model_fields.items() if name in (own, one.alias))


def _property(model: type[BaseModel], name: str, raw: Schema) -> Schema:
    schema = _plain(raw)
    never_null = issubclass(model, Query) or (issubclass(model, Shown) and _left_out(model, name))
    if never_null and "anyOf" in schema:
        (only,) = [one for one in schema.pop("anyOf") if one != {"type": "null"}]
        schema |= only
        schema.pop("default", None)
    words = WORDS.get(f"{model.__name__}.{name}")
    if words is not None:
        schema["enum"] = [*words]
    form = FORMATS.get(name) or ("date-time" if name.endswith("_at") or name == "at" else None)
    if form and schema.get("type") == "string":
        schema["format"] = form
    return schema


def _plain(raw: Schema) -> Schema:
    """JSON Schema's own words, without the titles that only repeat the names."""
    schema = {_BOUNDS.get(key, key): value for key, value in raw.items() if key != "title"}
    if "anyOf" in schema:
        schema["anyOf"] = [_plain(one) for one in schema["anyOf"]]
    if "default" in schema and schema["default"] is None:
        del schema["default"]
    return schema
