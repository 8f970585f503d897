"""AWS in the tests' own process: moto, made to cost each test little.

Whoever wants an empty AWS uses `moto.mock_aws` as ever. `standing()` is one in which the tables of
template.yaml and the bucket exist already: they are created once in a process, by AWS's own calls,
and every test gets an untouched copy of what moto made of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from moto import mock_aws
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID, RESPONSES_METHODS
from moto.core.serialize import BaseJSONSerializer

from tests.template.cfn import table_definitions

REGION = "eu-west-1"
# Moto forgets the default session between tests; one of our own keeps the service models loaded.
SESSION = boto3.Session("testing", "testing", region_name=REGION)

# The product speaks to AWS through botocore only. For callers of `requests` moto would register
# some 650 addresses, whenever it starts.
RESPONSES_METHODS.clear()


_field_by_field = BaseJSONSerializer._serialize_type_structure


def _as_it_is(writer: Any, answer: Any, value: Any, shape: Any, key: str) -> None:
    """How moto puts an attribute of an item into its answer.

    Items are kept in the shape of an answer. Moto would ask each value in them for each of the ten
    types, under four names: nine tenths of the time of a read.
    """
    if shape.name == "AttributeValue" and type(value) is dict:
        answer[writer.get_serialized_name(shape, key)] = value
    else:
        _field_by_field(writer, answer, value, shape, key)


setattr(BaseJSONSerializer, "_serialize_type_structure", _as_it_is)  # noqa: B010 - mypy


@dataclass(frozen=True)
class Standing:
    """Tables by their logical id, all empty, and an empty bucket; boto3's own resources."""

    tables: Mapping[str, Any]
    bucket: Any


@contextmanager
def standing() -> Iterator[Standing]:
    """A fresh AWS with our tables and a bucket."""
    with mock_aws():
        resources, tables, buckets = _made_once()
        get_backend("dynamodb")[DEFAULT_ACCOUNT_ID][REGION].tables = deepcopy(tables)
        get_backend("s3")[DEFAULT_ACCOUNT_ID]["aws"].buckets = deepcopy(buckets)
        yield resources


@cache
def _made_once() -> tuple[Standing, Any, Any]:
    """What the tests speak to, and what moto holds of it, before anything was written."""
    dynamodb = SESSION.resource("dynamodb")
    tables = {name: dynamodb.create_table(**spec) for name, spec in table_definitions().items()}
    bucket = SESSION.resource("s3", region_name="us-east-1").create_bucket(Bucket="snapshots")
    return (
        Standing(tables, bucket),
        deepcopy(get_backend("dynamodb")[DEFAULT_ACCOUNT_ID][REGION].tables),
        deepcopy(get_backend("s3")[DEFAULT_ACCOUNT_ID]["aws"].buckets),
    )
