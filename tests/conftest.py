"""Fixtures that several kinds of tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.world import World, a_world

# Examples have no time limit each: on a busy machine it would fail tests that are right.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def _aws_is_fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test can reach an account: credentials are dummies."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh world with one snapshot of one offer."""
    with a_world() as made:
        made.publish()
        yield made
