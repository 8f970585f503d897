"""Orphans are billed to the session of their label, until they are proven gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gpu_shopper.core.labels import Label
from gpu_shopper.core.reconciling import Cause, Orphan
from gpu_shopper.store import costs
from gpu_shopper.store import orphans as orphan_store
from gpu_shopper.store import sessions as store
from gpu_shopper.usecases.costs import cost_of
from gpu_shopper.usecases.deps import OrphanAct, OrphanOutcome, OrphanWish
from gpu_shopper.usecases.ledger import accrue_costs
from gpu_shopper.usecases.orphan_wishes import carry_out
from gpu_shopper.usecases.reconcile import reconcile
from gpu_shopper.usecases.stray_costs import bill_orphan
from tests.builders import DEPLOYMENT, SESSION_ID, an_instance
from tests.usecases.story import running, stop, torn_down
from tests.world import ALICE, World


@pytest.fixture
def ended(world: World) -> str:
    """A session that has ended and is booked; its id."""
    session_id = running(world)
    world.clock.tick(300)
    stop(world, session_id)
    torn_down(world, session_id)
    return session_id


def come_back(world: World, session_id: str) -> None:
    """Its machine is there again, and does not go when asked to."""
    label = world.session(session_id).attempt.label
    world.vast.instances["5001"] = an_instance(label=label)
    world.vast.ignores_terminate = True


def lived_once(world: World, session_id: str) -> int:
    """Its machine came back and is proven gone again; the seconds that are booked then."""
    come_back(world, session_id)
    reconcile(world.deps, "vastai")
    proven_gone(world)
    return cost_of(world.deps, ALICE, session_id).seconds


def proven_gone(world: World) -> None:
    """A minute later nothing is left, and a pass sees that."""
    world.vast.instances.clear()
    world.clock.tick(60)
    reconcile(world.deps, "vastai")


def test_an_orphan_of_an_ended_session_is_booked_to_it_until_it_is_gone(
    world: World, ended: str
) -> None:
    """2.13, N-42: every five minutes, and when its end is proven."""
    before = cost_of(world.deps, ALICE, ended)
    assert before.final
    gone_at = world.session(ended).attempt.ended_at
    come_back(world, ended)
    world.clock.tick(600)
    reconcile(world.deps, "vastai")
    accrue_costs(world.deps)
    under_way = cost_of(world.deps, ALICE, ended)
    assert under_way.seconds > before.seconds + 590
    assert not under_way.final
    world.vast.instances.clear()
    world.clock.tick(60)
    reconcile(world.deps, "vastai")
    after = cost_of(world.deps, ALICE, ended)
    assert gone_at is not None
    lived = (world.clock.at - gone_at).total_seconds()
    assert after.seconds - before.seconds == pytest.approx(lived, abs=1)
    assert after.final
    assert list(store.unsettled(world.deps.sessions)) == []


def test_one_that_comes_back_again_goes_on_costing(world: World, ended: str) -> None:
    first_s = lived_once(world, ended)
    come_back(world, ended)
    world.clock.tick(60)
    reconcile(world.deps, "vastai")
    (stray,) = costs.account(world.deps.costs, ended).strays
    assert stray.until is None
    accrue_costs(world.deps)
    assert cost_of(world.deps, ALICE, ended).seconds == first_s + 60


def test_a_machine_of_an_unknown_session_is_billed_to_nobody(world: World) -> None:
    label = str(Label(DEPLOYMENT, SESSION_ID, 1))
    world.vast.instances["9001"] = an_instance(id="9001", label=label)
    reconcile(world.deps, "vastai")
    world.clock.tick(60)
    reconcile(world.deps, "vastai")
    assert costs.account(world.deps.costs, SESSION_ID) == costs.Account()
    assert "orphan_destroyed" in world.operations()


def test_a_live_session_pays_for_the_second_machine_of_its_attempt(world: World) -> None:
    """N-41: what was rented in its name is its cost."""
    session_id = running(world)
    label = world.session(session_id).attempt.label
    world.vast.instances["9001"] = an_instance(id="9001", label=label)
    world.clock.tick(60)
    reconcile(world.deps, "vastai")
    world.clock.tick(60)
    reconcile(world.deps, "vastai")
    (stray,) = costs.account(world.deps.costs, session_id).strays
    assert (stray.instance_id, stray.until) == ("9001", world.clock.at)
    assert list(store.unsettled(world.deps.sessions)) == []


def test_a_ledger_that_fails_keeps_no_orphan_alive(
    world: World, ended: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("throttled")

    come_back(world, ended)
    world.vast.ignores_terminate = False
    monkeypatch.setattr("gpu_shopper.store.costs.see_stray", broken)
    reconcile(world.deps, "vastai")
    assert world.vast.instances == {}
    assert "sweep_item_failed" in world.operations()


def test_an_orphan_whose_bill_was_never_begun_is_billed_when_it_is_proven_gone(
    world: World, ended: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-70: the pass that asked for its end died right after that."""
    before, gone_at = cost_of(world.deps, ALICE, ended), world.session(ended).attempt.ended_at
    come_back(world, ended)
    world.vast.ignores_terminate = False
    world.clock.tick(600)
    with monkeypatch.context() as dying:
        dying.setattr("gpu_shopper.usecases.orphans.bill_orphan", _dies)
        reconcile(world.deps, "vastai")
    assert costs.account(world.deps.costs, ended).strays == ()
    for _ in range(2):
        world.clock.tick(60)
        reconcile(world.deps, "vastai")
    (stray,) = costs.account(world.deps.costs, ended).strays
    assert (stray.since, stray.until) == (gone_at, later_by(world, -60))
    after = cost_of(world.deps, ALICE, ended)
    assert after.seconds - before.seconds == pytest.approx(660, abs=1)
    assert after.final


def test_an_end_that_an_operator_wants_is_billed_too(world: World, ended: str) -> None:
    """N-70: also of a machine that no pass of the reconciler has seen."""
    come_back(world, ended)
    world.vast.ignores_terminate = False
    world.clock.tick(600)
    wish = OrphanWish(OrphanAct.DESTROY, "vastai", "5001", "operator")
    assert carry_out(world.deps, wish).outcome is OrphanOutcome.DESTROYING
    world.clock.tick(60)
    reconcile(world.deps, "vastai")
    (stray,) = costs.account(world.deps.costs, ended).strays
    assert stray.until == world.clock.at


def test_a_machine_that_ended_as_its_session_s_own_is_billed_once(world: World) -> None:
    """N-41: one pass took it for an orphan, and asked for nothing."""
    session_id = running(world)
    attempt = world.session(session_id).attempt
    label = Label(DEPLOYMENT, session_id, attempt.number)
    machine = an_instance(id="5001", label=attempt.label)
    orphan = Orphan(machine, label, Cause.ATTEMPT_REPLACED)
    orphan_store.see(world.deps.operations, "vastai", orphan, world.clock.at)
    world.clock.tick(300)
    stop(world, session_id)
    torn_down(world, session_id)
    before = cost_of(world.deps, ALICE, session_id)
    world.clock.tick(60)
    reconcile(world.deps, "vastai")
    assert cost_of(world.deps, ALICE, session_id).seconds == before.seconds
    assert "orphan_destroyed" in world.operations()


def _dies(*_: object) -> None:
    raise RuntimeError("killed")


def later_by(world: World, seconds: float) -> datetime:
    return world.clock.at + timedelta(seconds=seconds)


@pytest.mark.parametrize(("seen_later_s", "until_s"), [(-60, 0), (0, 0), (0.001, 600)])
def test_a_bill_that_was_closed_stays_closed_until_its_machine_is_seen_again(
    world: World, ended: str, seen_later_s: float, until_s: int
) -> None:
    """The first proof counts, however often it is told; that of a second life is another."""
    come_back(world, ended)
    reconcile(world.deps, "vastai")
    table, at = world.deps.costs, world.clock.at
    seen_at, again = later_by(world, seen_later_s), later_by(world, 600)
    assert costs.end_stray(table, ended, "vastai", "5001", at, seen_at=at)
    assert costs.end_stray(table, ended, "vastai", "5001", again, seen_at=seen_at)
    (stray,) = costs.account(table, ended).strays
    assert stray == replace(stray, until=later_by(world, until_s))
    assert not costs.end_stray(table, ended, "vastai", "5002", at, seen_at=at)


def test_a_second_life_is_billed_though_the_bill_could_not_be_opened_again(
    world: World, ended: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-42: it came back, the ledger failed, and it was gone before the next pass."""
    first_s = lived_once(world, ended)
    come_back(world, ended)
    world.clock.tick(180)
    with monkeypatch.context() as failing:
        failing.setattr(costs, "see_stray", _dies)
        reconcile(world.deps, "vastai")
    proven_gone(world)
    assert cost_of(world.deps, ALICE, ended).seconds == first_s + 240
    assert list(store.unsettled(world.deps.sessions)) == []


def test_an_orphans_end_that_cannot_be_booked_now_is_booked_by_the_job(
    world: World, ended: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N-42: nobody else had marked the session, whose bill was opened by the proof of its end."""
    come_back(world, ended)
    world.clock.tick(60)
    with monkeypatch.context() as failing:
        failing.setattr(costs, "see_stray", _dies)
        reconcile(world.deps, "vastai")
    world.vast.instances.clear()
    world.clock.tick(60)
    with monkeypatch.context() as failing:
        failing.setattr(costs, "book", _dies)
        reconcile(world.deps, "vastai")
    assert list(store.unsettled(world.deps.sessions)) == [ended]
    before = cost_of(world.deps, ALICE, ended).seconds
    accrue_costs(world.deps)
    assert cost_of(world.deps, ALICE, ended).seconds == before + 120
    assert list(store.unsettled(world.deps.sessions)) == []


def test_a_machine_that_its_session_claims_meanwhile_is_billed_once(world: World) -> None:
    """N-41: seen as an orphan by a pass that read the session before it knew its machine."""
    session_id = running(world)
    attempt = world.session(session_id).attempt
    label = Label(DEPLOYMENT, session_id, attempt.number)
    for instance_id, strays in ((attempt.instance_id or "", 0), ("7007", 1)):
        machine = an_instance(id=instance_id, label=attempt.label)
        bill_orphan(world.deps, Orphan(machine, label, Cause.ATTEMPT_REPLACED))
        assert len(costs.account(world.deps.costs, session_id).strays) == strays
