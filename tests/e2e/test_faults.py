"""Providers and machines that stutter: what callers see is a session that takes longer.

`tests/simulator/test_knobs_in_use.py` says which fault is met by which test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.e2e import provider
from tests.e2e.aws_view import audit, counted
from tests.e2e.deployed import Deployed, wait_for
from tests.e2e.provider import break_it, broken, mend
from tests.e2e.renting import Rental, Renting, Row, provider_id
from tests.e2e.stories import told_by

SWEPT_WITHIN_S = 90.0
ONE_GPU = re.compile(r"-x\d+$")  # the simulator's name of TensorDock's offers has no number


def _nth(number: int, action: str, operation: str, **params: Any) -> Row:
    """A rule for the provider's `number`th answer to `operation`, whatever other rules do."""
    return {
        "operation": operation,
        "when": {"after": number - 1, "count": 1},
        "action": {"type": action, **params},
        "continue": True,
    }


@contextmanager
def _in_turn(live: Deployed, match: Row, rules: list[Row]) -> Iterator[Callable[[], list[int]]]:
    """All rules as long as the block lasts; the call says how often each has fired."""
    ids = [break_it(live, match=match, **rule) for rule in rules]

    def fired() -> list[int]:
        known = {rule["id"]: rule for rule in live.simulator.get("/_test/faults")["faults"]}
        return [known[one]["fired"] for one in ids]

    try:
        yield fired
    finally:
        for one in ids:
            mend(live, one)


@dataclass(frozen=True)
class Stuttered:
    """A session that met several faults, one after the other."""

    fired: list[int]
    running: Row
    stopped: Row
    machines: list[Row]


def stuttering_lookups(renting: Renting) -> Stuttered:
    live, offer = renting.live, renting.offer()
    rules = [
        _nth(1, "latency", "create", ms=1500),
        _nth(1, "reset", "get"),
        _nth(2, "refuse", "get"),
        _nth(3, "slow_body", "get", bytes_per_s=2000),
        _nth(3, "status_word", "get", word="resting"),
        _nth(3, "ip_missing", "get"),
        _nth(4, "single_null", "get", s=1),
        _nth(5, "ip_missing", "get"),
        _nth(5, "no_port_forwards", "get"),
        _nth(6, "port_changes", "get"),
    ]
    with _in_turn(live, {"offer_id": provider_id(offer["id"])}, rules) as fired:
        rental, running = renting.running(offer=offer)
        counts = fired()
    return Stuttered(counts, running, rental.end(), provider.machines(live, rental.id))


@told_by(stuttering_lookups, long=True)
def test_lookups_that_stutter_only_delay_the_start(told: Stuttered) -> None:
    """N-19, X-11: cut off, slow, unheard-of, null, without address, at another port."""
    assert told.fired == [1] * len(told.fired)
    assert [one["id"] for one in told.machines] == [told.running["provider_instance_id"]]
    assert "provider_status_unknown" in {one["code"] for one in told.running["warnings"]}
    assert len(told.stopped["attempts"]) == 1
    assert not told.machines[0]["alive"]


@dataclass(frozen=True)
class Reticent:
    """A machine that let nobody in at first, and showed less and less while it ran."""

    fired: list[int]
    running: Row
    errors: float
    seen: Row
    after: Row


def reticent_machine(renting: Renting) -> Reticent:
    live, offer = renting.live, renting.offer()
    match = {"offer_id": provider_id(offer["id"])}
    rules = [
        # All three tries of the first of two keys.
        {
            "operation": "attach_key",
            "action": {"type": "attach_fails", "code": 500, "count": 3},
            "continue": True,
        },
        _nth(4, "key_not_installed", "attach_key", s=1),
        _nth(1, "ssh", "ssh", mode="close_after_banner"),
        _nth(2, "ssh", "ssh", mode="command_fails"),
        _nth(3, "ssh", "ssh", mode="slow", s=1),
    ]
    with _in_turn(live, match, rules) as fired:
        rental, running = renting.running(offer=offer)
        counts = fired()
    errors = counted(live, "SshVerifyErrors", rental.id)
    with broken(live, {"type": "ssh", "mode": "no_nvidia_smi"}, match=match):
        seen = _checked(live, rental, lambda found: found["gpus"] == [])
    with broken(live, {"type": "ssh", "mode": "host_key_change", "after_s": 0}, match=match):
        _checked(live, rental, lambda found: found["host_key"]["changed"])
    after = rental.now()
    rental.end()
    return Reticent(counts, running, errors, seen, after)


def _checked(live: Deployed, rental: Rental, wanted: Callable[[Row], bool]) -> Row:
    """Diagnostics that are as wanted, of a check that a sweep began."""

    def shown() -> Row | None:
        live.sweep("ExpireSessionsFunction")
        found: Row = rental.caller.get(f"{rental.path}/diagnostics")
        return found if wanted(found) else None

    found: Row = wait_for(shown, SWEPT_WITHIN_S)
    return found


@told_by(reticent_machine, long=True)
def test_keys_and_logins_that_fail_at_first_are_tried_again(told: Reticent) -> None:
    """QA-C1, X-13: a warning, two counted errors, and then the session runs."""
    assert told.fired == [3, 1, 1, 1, 1]
    assert "ssh_key_attach_failed" in {one["code"] for one in told.running["warnings"]}
    assert told.errors == 2


@told_by(reticent_machine, long=True)
def test_what_a_check_cannot_see_ends_no_running_session(told: Reticent) -> None:
    """N-36, M-33: neither a driver that is gone nor another host key."""
    assert told.seen["ssh_available"] is True
    assert told.after["status"] == "running"
    assert told.after["host_key_changed"] is True


def reluctant_location(renting: Renting) -> Stuttered:
    live, offer = renting.live, renting.tensordock_offer()
    match = {"offer_id": ONE_GPU.sub("", offer["provider_id"])}
    starting = [
        _nth(1, "ip_missing", "get"),
        _nth(2, "ok_with_error", "get", status_in_body=500, text="internal error"),
    ]
    ending = [
        _nth(1, "destroy_refused", "destroy", code=503),
        _nth(2, "reset", "destroy"),
        _nth(3, "error_but_done", "destroy", code=500),
    ]
    with _in_turn(live, match, starting) as started:
        rental, running = renting.running(offer=offer, disk_gb=100)
        counts = started()
    with _in_turn(live, match, ending) as ended:
        stopped = rental.end()
        counts += ended()
    return Stuttered(counts, running, stopped, provider.machines(live, rental.id))


@told_by(reluctant_location, long=True)
def test_a_destroy_that_is_refused_cut_off_and_denied_ends_in_proof(told: Stuttered) -> None:
    """N-21, X-2: at TensorDock; errors within HTTP 200 say nothing about the machine."""
    assert told.fired == [1] * len(told.fired)
    assert told.stopped["end_reason"] == "user_requested"
    assert [one["alive"] for one in told.machines] == [False]
    assert told.stopped["cost_usd"] >= told.machines[0]["billed_usd"] > 0


def lost_in_a_late_list(renting: Renting) -> Stuttered:
    live, offer = renting.live, renting.offer()
    match = {"offer_id": provider_id(offer["id"])}
    late = broken(live, {"type": "list_lag", "s": 3}, match=match)
    with late, _in_turn(live, match, [_nth(1, "lost_response", "create")]) as fired:
        rental, running = renting.running(offer=offer)
        counts = fired()
    return Stuttered(counts, running, rental.end(), provider.machines(live, rental.id))


@told_by(lost_in_a_late_list)
def test_a_lost_launch_that_lists_do_not_show_yet_is_found_and_not_repeated(
    told: Stuttered,
) -> None:
    """X-27, N-19."""
    assert told.fired == [1]
    assert [one["id"] for one in told.machines] == [told.running["provider_instance_id"]]
    assert len(told.stopped["attempts"]) == 1


def cannot_be_created(renting: Renting) -> tuple[Row, list[Row]]:
    live, offer = renting.live, renting.offer()
    with broken(live, "create_failed_text", match={"offer_id": provider_id(offer["id"])}):
        rental = renting.rent(offer)
        failed = rental.until("failed")
    return failed, provider.machines(live, rental.id)


@told_by(cannot_be_created)
def test_a_container_that_cannot_be_created_ends_its_attempt(told: tuple[Row, list[Row]]) -> None:
    """BUG-011: with the provider's words."""
    failed, machines = told
    assert failed["end_reason"] == "instance_stopped"
    assert "OCI runtime" in failed["error"]
    assert [one["alive"] for one in machines] == [False]


@dataclass(frozen=True)
class Back:
    """A machine that was proven gone, and came back."""

    stopped: Row
    after: Row
    detected: list[Row]
    destroyed: list[Row]
    machine: Row


def comes_back(renting: Renting) -> Back:
    live = renting.live
    rental, running = renting.running()
    stopped = rental.end()
    match = {"instance_id": running["provider_instance_id"]}
    with broken(live, {"type": "resurrect", "after_s": 0}, match=match):
        wait_for(lambda: provider.machine_of(live, rental)["alive"], 20)

    def is_ended() -> list[Row]:
        live.sweep("ReconcileFunction")
        return audit(live, rental.id, "orphan_destroyed")

    wait_for(is_ended, SWEPT_WITHIN_S)
    return Back(
        stopped=stopped,
        after=rental.now(),
        detected=audit(live, rental.id, "orphan_detected"),
        destroyed=audit(live, rental.id, "orphan_destroyed"),
        machine=provider.machine_of(live, rental),
    )


@told_by(comes_back)
def test_a_machine_that_comes_back_is_an_orphan_of_its_ended_session(told: Back) -> None:
    """N-23: ended once more, told once, and its second bill is the session's."""
    assert (len(told.detected), len(told.destroyed)) == (1, 1)
    assert not told.machine["alive"]
    assert (told.after["status"], told.after["end_reason"]) == ("stopped", "user_requested")
    assert told.after["cost_usd"] > told.stopped["cost_usd"]
    assert told.after["cost_usd"] >= told.machine["billed_usd"]
