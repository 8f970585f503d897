"""Values to items and back: what is not known is left out, and comes back as not known."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest

from gpu_shopper.core.api_keys import ApiKey
from gpu_shopper.core.breaker import Breaker
from gpu_shopper.core.failures import Failure, Suppression
from gpu_shopper.core.location_stats import LocationStats
from gpu_shopper.core.session import Session
from gpu_shopper.store.codec import from_item, to_item
from gpu_shopper.store.orphans import OrphanRecord
from tests.builders import a_session, an_attempt

STORED = (ApiKey, Breaker, Failure, LocationStats, OrphanRecord, Session, Suppression)


def _values(kind: Any) -> Iterator[type[Any]]:
    """Every dataclass that values of `kind` are made of."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        yield kind
        for hint in get_type_hints(kind).values():
            yield from _values(hint)
    for part in get_args(kind):
        yield from _values(part)


def _required(kind: type[Any]) -> list[str]:
    """Fields that may be None and must be given all the same."""
    hints = get_type_hints(kind)
    return [
        one.name
        for one in dataclasses.fields(kind)
        if type(None) in get_args(hints[one.name])
        and one.default is dataclasses.MISSING
        and one.default_factory is dataclasses.MISSING
    ]


@pytest.mark.parametrize("stored", STORED)
def test_a_field_that_may_be_unknown_can_be_left_out(stored: type[Any]) -> None:
    """An item that was written can be read, whatever its provider did not say."""
    parts = list(_values(stored))
    assert parts[0] is stored
    assert {kind.__name__: _required(kind) for kind in parts if _required(kind)} == {}


def test_a_session_on_an_offer_of_unknown_memory_can_be_read() -> None:
    session = a_session(attempts=(an_attempt(vram_gb=None, machine_id=None),))
    assert from_item(Session, to_item(session)) == session
