"""The second provider, through the same API, machines and proofs as the first."""

from __future__ import annotations

from dataclasses import dataclass

from tests.e2e import provider
from tests.e2e.renting import Renting, Row
from tests.e2e.stories import told_by

CREATES = "/tensordock/api/v2/instances"


@dataclass(frozen=True)
class Rented:
    """One session at TensorDock, from the menu to the proof of its end."""

    offer: Row
    running: Row
    stopped: Row
    machines: list[Row]
    asked: list[Row]


def rented_at_tensordock(renting: Renting) -> Rented:
    live = renting.live
    menu = live.operator.get("/api/v1/inventory", provider="tensordock", min_gpu_count=2, limit=1)
    offer = menu["offers"][0]
    rental = renting.rent(offer, disk_gb=100)
    running = rental.until("running")
    stopped = rental.end()
    every = provider.requests(live, "POST", CREATES)
    asked = [one for one in every if rental.id in str(one["body"])]
    return Rented(offer, running, stopped, provider.machines(live, rental.id), asked)


@told_by(rented_at_tensordock)
def test_a_session_at_tensordock_runs_and_its_machine_is_gone_at_the_end(told: Rented) -> None:
    """N-14: verified by SSH as `user`, ended with proof; one machine, one create."""
    assert told.running["provider"] == "tensordock"
    assert told.running["ssh_user"] == "user"
    assert told.stopped["end_reason"] == "user_requested"
    assert [one["alive"] for one in told.machines] == [False]
    assert len(told.asked) == 1


@told_by(rented_at_tensordock)
def test_the_price_shown_is_the_price_of_the_machine(told: Rented) -> None:
    """X-21: GPUs, vCPUs, RAM and storage; the provider's own rate in the end."""
    assert told.running["price_per_hour"] == told.offer["price_per_hour"]
    assert told.running["price_source"] == "provider"
    assert told.running["gpu_count"] == told.offer["gpu_count"] >= 2


@told_by(rented_at_tensordock)
def test_the_label_is_the_name_of_the_machine(told: Rented) -> None:
    """N-17: on both providers."""
    assert told.machines[0]["label"] == told.running["attempts"][0]["label"]
