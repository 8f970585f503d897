"""What the checks of a machine find: before its session runs, and while it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.e2e import provider
from tests.e2e.aws_view import counted
from tests.e2e.deployed import wait_for
from tests.e2e.provider import broken, patch
from tests.e2e.renting import Rental, Renting, Row, provider_id
from tests.e2e.stories import told_by

MODEL = "meta-llama/Llama-3.1-8B"
BAD = {"disk_used_pct": 95, "oom": True, "cuda_version": 1.0}


def _changed_before_login(renting: Renting, change: Row, **more: Any) -> Rental:
    """A rental whose machine was changed before anybody could log in to it."""
    live, offer = renting.live, renting.offer()
    match = {"offer_id": provider_id(offer["id"])}
    with broken(live, {"type": "ssh", "mode": "refuse"}, match=match):
        rental = renting.rent(offer, **more)
        patch(live, provider.machine_of(live, rental)["id"], **change)
    return rental


def _until_checked(rental: Rental, wanted: Callable[[Row], bool], sweep: Callable[[], Any]) -> Row:
    """Diagnostics that are as wanted, found by a check that a sweep begins when it is due."""

    def shown() -> Row | None:
        sweep()
        now: Row = rental.caller.get(f"{rental.path}/diagnostics")
        return now if wanted(now) else None

    found: Row = wait_for(shown, 60)
    return found


@dataclass(frozen=True)
class Checked:
    """One session's machine at readiness, later, and unreachable."""

    machine: Row
    running: Row
    first: Row
    later: Row
    unreachable: Row
    session: Row
    measured: float
    refused: Row


def checked_again_and_again(renting: Renting) -> Checked:
    live = renting.live
    rental, running = renting.running()
    machine = provider.machine_of(live, rental)
    first = rental.caller.get(f"{rental.path}/diagnostics")

    def sweep() -> Any:
        return live.sweep("ExpireSessionsFunction")

    patch(live, machine["id"], **BAD)
    later = _until_checked(rental, lambda now: "oom" in now and now["oom"]["detected"], sweep)
    patch(live, machine["id"], ssh="refuse")
    unreachable = _until_checked(rental, lambda now: now["ssh_available"] is False, sweep)
    session = rental.now()
    rental.end()
    refused = rental.caller.send("GET", f"{rental.path}/diagnostics").json()
    measured = counted(live, "SessionDiskAvailable", rental.id)
    return Checked(machine, running, first, later, unreachable, session, measured, refused)


@told_by(checked_again_and_again, long=True)
def test_a_machine_is_checked_with_the_first_login(told: Checked) -> None:
    """M-35: 2.10."""
    first = told.first
    assert (first["ssh_available"], first["checked_at"]) == (True, told.running["ready_at"])
    assert len(first["gpus"]) == told.running["gpu_count"]
    assert first["gpus"][0]["healthy"]
    assert (first["disk"]["available_gb"], first["disk"]["low"]) == (47, False)
    assert first["oom"] == {"detected": False, "processes": []}
    assert first["host_key"]["fingerprint"] == told.running["ssh_host_key_fingerprint"]
    assert told.running["warnings"] == []


@told_by(checked_again_and_again, long=True)
def test_a_running_machine_is_checked_again_and_its_session_goes_on(told: Checked) -> None:
    """1.4, BUG-004: bad signs are warnings, once each."""
    later = told.later
    assert later["checked_at"] > told.first["checked_at"]
    assert (later["cuda_version"], later["disk"]["low"]) == (1.0, True)
    assert later["oom"]["processes"] == ["python3"]
    codes = [one["code"] for one in told.session["warnings"]]
    assert sorted(codes) == ["cuda_below_offer", "disk_low", "oom_seen"]
    assert told.session["status"] == "running"
    assert told.measured >= told.first["disk"]["available_gb"]


@told_by(checked_again_and_again, long=True)
def test_a_machine_that_cannot_be_logged_in_to_is_not_ended_by_a_check(told: Checked) -> None:
    """1.4: its values are unknown; after the end there are none."""
    assert told.unreachable["gpus"] == []
    assert not {"disk", "oom", "cuda_version"} & set(told.unreachable)
    assert told.unreachable["status"] == "running"
    assert told.refused["error_type"] == "invalid_state"


@dataclass(frozen=True)
class Unfit:
    """A session whose machine was not what was rented."""

    session: Row
    machines: list[Row]


def _unfit(renting: Renting, change: Row, **more: Any) -> Unfit:
    rental = _changed_before_login(renting, change, **more)
    failed = rental.until("failed")
    return Unfit(failed, provider.machines(renting.live, rental.id))


def disk_is_full(renting: Renting) -> Unfit:
    return _unfit(renting, {"disk_used_pct": 90}, model_id=MODEL)


def gpu_is_missing(renting: Renting) -> Unfit:
    return _unfit(renting, {"missing_gpus": 1})


@told_by(disk_is_full)
def test_a_disk_on_which_the_model_does_not_fit_ends_the_attempt(told: Unfit) -> None:
    """2.17: before the session runs, and nothing is left billing."""
    assert told.session["end_reason"] == "insufficient_disk_on_host"
    assert "ready_at" not in told.session
    assert [one["alive"] for one in told.machines] == [False]


@told_by(gpu_is_missing)
def test_a_machine_without_a_gpu_that_was_paid_for_ends_the_attempt(told: Unfit) -> None:
    assert told.session["end_reason"] == "no_capacity"
    assert "GPUs" in told.session["error"]
    assert [one["alive"] for one in told.machines] == [False]


def warned(renting: Renting) -> Row:
    rental = _changed_before_login(renting, BAD | {"disk_used_pct": 91})
    running = rental.until("running")
    rental.end()
    return running


@told_by(warned)
def test_bad_signs_at_the_first_login_are_warnings(told: Row) -> None:
    """BUG-004."""
    codes = {one["code"] for one in told["warnings"]}
    assert codes == {"cuda_below_offer", "disk_low", "oom_seen"}
