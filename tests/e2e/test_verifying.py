"""Machines that never become usable: the session says why, and the machine is ended."""

from __future__ import annotations

from dataclasses import dataclass

from tests.e2e import provider
from tests.e2e.aws_view import audit, counted
from tests.e2e.deployed import wait_for
from tests.e2e.provider import break_it, broken, patch
from tests.e2e.renting import Renting, Row, provider_id
from tests.e2e.stories import told_by

# The shortest deadline a caller may ask for, the last wait before it, and a teardown.
DEADLINE_S = 60.0
ENDED_WITHIN_S = 150.0


@dataclass(frozen=True)
class Unusable:
    """How a session on a bad machine ended."""

    session: Row
    machines: list[Row]


def _unusable(renting: Renting, *faults: str | Row, minutes: int = 1) -> Unusable:
    offer = renting.offer()
    for fault in faults:
        break_it(
            renting.live, fault, match={"offer_id": provider_id(offer["id"])}, **{"continue": True}
        )
    rental = renting.rent(offer, ssh_timeout_minutes=minutes)
    failed = rental.until("failed", ENDED_WITHIN_S)
    return Unusable(failed, provider.machines(renting.live, rental.id))


def ssh_never_comes(renting: Renting) -> Unusable:
    return _unusable(renting, {"type": "ssh", "mode": "refuse"})


def login_refused(renting: Renting) -> Unusable:
    return _unusable(renting, {"type": "ssh", "mode": "auth_fail"}, minutes=10)


def dies_while_loading(renting: Renting) -> Unusable:
    return _unusable(renting, "stuck_loading", {"type": "die", "after_s": 1}, minutes=10)


@told_by(ssh_never_comes, long=True)
def test_a_machine_without_ssh_fails_at_its_deadline_and_is_ended(told: Unusable) -> None:
    """N-33, BUG-005."""
    assert told.session["end_reason"] == "ssh_timeout"
    assert [one["alive"] for one in told.machines] == [False]
    assert told.session["cost_usd"] >= told.machines[0]["billed_usd"] > 0
    assert _seconds(told.machines[0]) >= DEADLINE_S


@told_by(login_refused, long=True)
def test_a_machine_that_refuses_the_session_s_keys_fails_before_the_deadline(
    told: Unusable,
) -> None:
    """N-34."""
    assert told.session["end_reason"] == "auth_failed"
    assert [one["alive"] for one in told.machines] == [False]


@told_by(dies_while_loading)
def test_a_machine_that_dies_while_loading_is_noticed_and_ended(told: Unusable) -> None:
    """BUG-011."""
    assert told.session["end_reason"] == "instance_stopped"
    assert told.session["error"]
    assert [one["alive"] for one in told.machines] == [False]


def _seconds(machine: Row) -> float:
    return float(machine["billed_usd"] / machine["price_per_hour"] * 3600)


@dataclass(frozen=True)
class OtherHostKey:
    """A machine whose host key changed between two tries."""

    session: Row
    machines: list[Row]
    told: list[Row]
    count: float


def host_key_changes(renting: Renting) -> OtherHostKey:
    live, offer = renting.live, renting.offer()
    match = {"offer_id": provider_id(offer["id"])}
    with broken(live, {"type": "ssh", "mode": "wrong_output"}, match=match):
        rental = renting.rent(offer, ssh_timeout_minutes=1)
        wait_for(lambda: rental.now().get("ssh_host_key_fingerprint"), 60)
        patch(live, provider.machine_of(live, rental)["id"], host_key=True)
    failed = rental.until("failed", ENDED_WITHIN_S)
    return OtherHostKey(
        session=failed,
        machines=provider.machines(live, rental.id),
        told=audit(live, rental.id, "host_key_changed"),
        count=counted(live, "HostKeyChanges", rental.id),
    )


@told_by(host_key_changes, long=True)
def test_another_host_key_is_reported_and_never_logged_in_to(told: OtherHostKey) -> None:
    """N-36, M-33."""
    assert told.session["end_reason"] == "host_key_changed"
    assert told.session["host_key_changed"]
    assert "host_key_changed" in {one["code"] for one in told.session["warnings"]}
    assert (len(told.told), told.count) == (1, 1)
    assert [one["alive"] for one in told.machines] == [False]
