"""That a release is at work is told once, by whichever sweep of it ends well first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_shopper import __version__
from gpu_shopper.store import operations
from gpu_shopper.usecases.expire import expire_sessions
from gpu_shopper.usecases.releases import mark_lifecycle
from tests.world import World


def deploy(world: World, release: str) -> None:
    world.deps = replace(world.deps, release=release)


def started(world: World) -> list[dict[str, Any]]:
    """The stored events, and as many facts as there are of them."""
    rows = [
        row for row in world.deps.audit.scan()["Items"] if row["operation"] == "deployment_started"
    ]
    assert world.operations().count("deployment_started") == len(rows)
    return sorted(rows, key=lambda row: str(row["sk"]))


def test_a_release_is_told_of_by_its_first_sweep_and_by_no_other(world: World) -> None:
    """6.3 deployment_started."""
    expire_sessions(world.deps)
    expire_sessions(world.deps)
    assert len(started(world)) == 1
    deploy(world, "release-2")
    expire_sessions(world.deps)
    expire_sessions(world.deps)
    first, second = started(world)
    assert '"previous": null' in first["details"]
    assert '"release": "release-2", "previous": "release-1"' in second["details"]
    assert f'"product_version": "{__version__}"' in second["details"]
    assert second["origin"]["actor"] == "deploy"


def test_going_back_to_an_older_release_is_told_too(world: World) -> None:
    for release in ("release-1", "release-2", "release-1"):
        deploy(world, release)
        expire_sessions(world.deps)
    assert len(started(world)) == 3


def test_of_sweeps_that_overlap_one_tells_of_the_release(world: World) -> None:
    """QA-C3: both have read the old mark."""
    expire_sessions(world.deps)
    deploy(world, "release-2")
    before = operations.last_sweep(world.deps.operations, "lifecycle")
    mark_lifecycle(world.deps, "lifecycle", before)
    mark_lifecycle(world.deps, "lifecycle", before)
    assert len(started(world)) == 2
    marked = operations.last_sweep(world.deps.operations, "lifecycle")
    assert marked is not None
    assert marked.release == "release-2"


def test_a_sweep_that_dies_tells_of_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise KeyError("defect")

    monkeypatch.setattr("gpu_shopper.usecases.expire.forget_secrets", die)
    with pytest.raises(KeyError):
        expire_sessions(world.deps)
    assert started(world) == []
