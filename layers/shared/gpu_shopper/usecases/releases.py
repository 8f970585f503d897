"""Telling that a release is at work: once, by the first sweep that ends well under it."""

from __future__ import annotations

from dataclasses import replace

from gpu_shopper import __version__
from gpu_shopper.core.audit import ActorType, Origin
from gpu_shopper.store import operations
from gpu_shopper.store.operations import SweepRun
from gpu_shopper.usecases.auditing import audited
from gpu_shopper.usecases.deps import Deps, Fact


def mark_lifecycle(deps: Deps, sweep: str, before: SweepRun | None) -> None:
    """Write down that `sweep` ended well; `before` is its last good run.

    The mark names the release, so whoever swaps it tells of the new one: runs that overlap tell
    nothing.
    """
    if before is None or before.release != deps.release:
        previous = before.release if before else None
        details = {"release": deps.release, "previous": previous, "product_version": __version__}
        started = Fact("deployment_started", actor=ActorType.DEPLOY.value, details=details)
        deploying = replace(deps, origin=lambda: Origin(ActorType.DEPLOY))
        told = audited(deploying, [started])
        if operations.mark_release(deps.operations, sweep, deps.now(), deps.release, before, told):
            deps.note(started)
            return
    operations.mark_sweep(deps.operations, sweep, deps.now(), deps.release)
