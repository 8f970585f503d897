"""Drains: the machine of a session that ends stays for a while, and no longer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from local import ssh
from tests.e2e import provider
from tests.e2e.aws_view import audit, executions_of
from tests.e2e.deployed import wait_for
from tests.e2e.renting import Renting, Row
from tests.e2e.stories import told_by

LONGEST_MIN = 30


@dataclass(frozen=True)
class Drained:
    """The end of one session under `preserve`, as its consumer and the provider saw it."""

    done: Row
    stopping: Row
    said: str
    begun_early: list[Row]
    told: list[Row]
    stopped: Row
    machine: Row


def drained(renting: Renting) -> Drained:
    live = renting.live
    rental, _ = renting.running(storage_policy="preserve", drain_minutes=2)
    done, stopping = rental.done(), rental.now()
    said = ssh.run(stopping, rental.private_key or "", "echo ok")
    begun_early = executions_of(live, rental.id, "teardown")
    until = datetime.fromisoformat(done["drain_until"])
    wait_for(lambda: datetime.now(UTC) >= until, 60)
    live.sweep("ExpireSessionsFunction")
    stopped = rental.until("stopped")
    told = audit(live, rental.id, "drain_started")
    machine = provider.machine_of(live, rental)
    return Drained(done, stopping, said, begun_early, told, stopped, machine)


@told_by(drained)
def test_a_machine_can_be_logged_in_to_until_its_drain_is_over(told: Drained) -> None:
    """N-48, X-17."""
    assert told.done["drain_until"] == told.stopping["drain_until"]
    assert (told.stopping["status"], told.said.strip()) == ("stopping", "ok")
    assert told.begun_early == []
    assert len(told.told) == 1


@told_by(drained)
def test_a_drained_machine_is_ended_and_paid_for_to_its_end(told: Drained) -> None:
    """N-48, N-41."""
    assert not told.machine["alive"]
    assert told.machine["ended"] >= told.done["drain_until"]
    assert told.stopped["end_reason"] == "user_requested"
    assert told.stopped["cost_usd"] >= told.machine["billed_usd"]


def drain_cut_short(renting: Renting) -> tuple[Row, Row, Row]:
    rental, _ = renting.running(storage_policy="preserve", drain_minutes=LONGEST_MIN)
    done = rental.done()
    stopped = rental.end()
    return done, stopped, provider.machine_of(renting.live, rental)


@told_by(drain_cut_short)
def test_a_delete_ends_a_drain_at_once(told: tuple[Row, Row, Row]) -> None:
    """N-48."""
    done, stopped, machine = told
    assert not machine["alive"]
    assert stopped["stopped_at"] < done["drain_until"]
    assert stopped["drain_until"] < done["drain_until"]
