"""What sessions say and what the provider holds, brought together again."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import pytest

from tests.e2e import provider
from tests.e2e.aws_view import audit, entries
from tests.e2e.deployed import DEPLOYMENT_ID, Deployed, wait_for
from tests.e2e.provider import break_it, broken, plant
from tests.e2e.renting import Renting, Row, provider_id, together
from tests.e2e.stories import told_by

SWEPT_WITHIN_S = 90.0


def _sweep(live: Deployed) -> Row:
    result: Row = live.sweep("ReconcileFunction")
    return result


def _balances(live: Deployed, name: str) -> list[float]:
    """Every balance of this provider that was written as a metric."""
    rows = entries(live, Provider=name)
    return [row["ProviderBalance"] for row in rows if "ProviderBalance" in row]


def _label(session_id: str, deployment_id: str = DEPLOYMENT_ID) -> str:
    return f"shopper-{deployment_id}-{session_id}-1"


@dataclass(frozen=True)
class Strangers:
    """An orphan of ours, and machines that are none of our business."""

    orphan: Row
    detected: list[Row]
    destroyed: list[Row]
    foreign: list[Row]
    touched: list[Row]


def orphan_among_strangers(renting: Renting) -> Strangers:
    live, lost = renting.live, str(uuid.uuid4())
    labels = [
        _label(lost, "zz99zz99"),
        _label(lost, DEPLOYMENT_ID.upper()),
        f"{_label(lost)}-x",
        f"my {_label(lost)}",
        f"shopper-{DEPLOYMENT_ID}",
        "my training box",
    ]
    foreign = [plant(live, label) for label in labels]
    orphan = plant(live, _label(lost))
    together(3, lambda _: live.functions.invoke("ReconcileFunction", {"provider": "vastai"}))
    wait_for(lambda: _sweep(live) and audit(live, lost, "orphan_destroyed"), SWEPT_WITHIN_S)
    _sweep(live)
    return Strangers(
        orphan=provider.machine(live, orphan),
        detected=audit(live, lost, "orphan_detected"),
        destroyed=audit(live, lost, "orphan_destroyed"),
        foreign=[provider.machine(live, one) for one in foreign],
        touched=[
            request
            for one in foreign
            for request in provider.requests(live, "*", f"/api/v0/instances/{one}/")
        ],
    )


@told_by(orphan_among_strangers)
def test_an_orphan_is_destroyed_proven_gone_and_told_once(told: Strangers) -> None:
    """N-23, QA-C3, CRIT-5: passes overlapped."""
    assert not told.orphan["alive"]
    assert (len(told.detected), len(told.destroyed)) == (1, 1)


@told_by(orphan_among_strangers)
def test_machines_without_exactly_our_label_are_not_touched(told: Strangers) -> None:
    """N-18, QA-H10."""
    assert all(one["alive"] for one in told.foreign)
    assert told.touched == []


@dataclass(frozen=True)
class Adopted:
    """A session whose machine was found before its launch was answered."""

    session: Row
    machines: list[Row]
    launches: int
    told: list[Row]


def adopted_by_reconcile(renting: Renting) -> Adopted:
    live, offer = renting.live, renting.offer()
    match = {"offer_id": provider_id(offer["id"])}
    silence = {"type": "hang", "s": 20, "effect": "before"}
    with broken(live, silence, operation="create", match=match):
        rental = renting.rent(offer)
        provider.machine_of(live, rental)
        wait_for(lambda: _sweep(live) and rental.now().get("provider_instance_id"), 60)
        told = audit(live, rental.id, "instance_adopted")
        session = rental.until("running")
    rental.end()
    return Adopted(
        session=session,
        machines=provider.machines(live, rental.id),
        launches=len(provider.launches(live, rental.offer_id)),
        told=told,
    )


@told_by(adopted_by_reconcile)
def test_a_machine_whose_launch_is_not_answered_yet_is_adopted(told: Adopted) -> None:
    """N-25, X-3."""
    assert [one["actor"] for one in told.told] == ["reconciler"]
    assert [one["id"] for one in told.machines] == [told.session["provider_instance_id"]]
    assert told.launches == 1


@dataclass(frozen=True)
class Twins:
    """Two machines from one request."""

    session: Row
    machines: list[Row]
    ended: list[Row]


def two_machines_from_one_request(renting: Renting) -> Twins:
    live, offer = renting.live, renting.offer()
    with broken(live, "double_create", match={"offer_id": provider_id(offer["id"])}):
        rental, running = renting.running(offer=offer)

    def one_is_gone() -> list[Row] | None:
        _sweep(live)
        rows = provider.machines(live, rental.id)
        return rows if [one["alive"] for one in rows].count(True) == 1 else None

    machines = wait_for(one_is_gone, SWEPT_WITHIN_S)
    rental.end()
    return Twins(running, machines, provider.machines(live, rental.id))


@told_by(two_machines_from_one_request)
def test_of_two_machines_of_one_attempt_one_is_kept(told: Twins) -> None:
    """N-25."""
    alive = [one["id"] for one in told.machines if one["alive"]]
    assert len(told.machines) == 2
    assert alive == [told.session["provider_instance_id"]]
    assert not any(one["alive"] for one in told.ended)


@dataclass(frozen=True)
class Lost:
    """A running session whose machine went away by itself."""

    session: Row
    machine: Row
    detected: list[Row]
    fixed: list[Row]


def _lost(renting: Renting, fault: str) -> Lost:
    live = renting.live
    rental, running = renting.running()
    break_it(live, fault, match={"instance_id": running["provider_instance_id"]})

    def ended() -> Row | None:
        _sweep(live)
        session = rental.now()
        return session if session["status"] in ("stopped", "failed") else None

    session = wait_for(ended, SWEPT_WITHIN_S)
    return Lost(
        session=session,
        machine=provider.machine_of(live, rental),
        detected=audit(live, rental.id, "ghost_detected"),
        fixed=audit(live, rental.id, "ghost_fixed"),
    )


def vanished(renting: Renting) -> Lost:
    return _lost(renting, "vanish")


def died(renting: Renting) -> Lost:
    return _lost(renting, "die")


@told_by(vanished)
def test_a_vanished_machine_ends_its_session_as_a_ghost(told: Lost) -> None:
    """N-22, CRIT-5."""
    assert (told.session["status"], told.session["end_reason"]) == ("stopped", "ghost")
    assert (len(told.detected), len(told.fixed)) == (1, 1)


@told_by(died)
def test_a_machine_that_stays_dead_ends_its_session_and_is_destroyed(told: Lost) -> None:
    assert (told.session["status"], told.session["end_reason"]) == ("stopped", "instance_stopped")
    assert not told.machine["alive"]
    assert told.detected == []


@pytest.mark.parametrize("name", ["vastai", "tensordock"])
def test_a_balance_is_told_once_an_hour_however_often_the_sweep_runs(
    live: Deployed, name: str
) -> None:
    """M-17."""
    for _ in range(3):
        live.sweep("ReconcileFunction", name)
    (left,) = wait_for(lambda: _balances(live, name), 30)
    assert 0 < left <= 100
