"""The second provider, through the same API, machines and proofs as the first."""

from __future__ import annotations

from dataclasses import dataclass

from tests.e2e import provider
from tests.e2e.deployed import Deployed
from tests.e2e.renting import LOCATION, Renting, Row
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
    listed: dict[str, int]


def rented_at_tensordock(renting: Renting) -> Rented:
    live, offer = renting.live, renting.tensordock_offer()
    rental = renting.rent(offer, disk_gb=100)
    running = rental.until("running")
    listed = {
        name: rental.caller.get("/api/v1/sessions", provider=name)["count"]
        for name in ("vastai", "tensordock")
    }
    stopped = rental.end()
    every = provider.requests(live, "POST", CREATES)
    asked = [one for one in every if rental.id in str(one["body"])]
    machines = provider.machines(live, rental.id)
    return Rented(offer, running, stopped, machines, asked, listed)


@told_by(rented_at_tensordock)
def test_a_session_at_tensordock_runs_and_its_machine_is_gone_at_the_end(told: Rented) -> None:
    """N-14, M-100: verified by SSH as `user`, ended with proof; one machine, one create."""
    assert told.running["provider"] == "tensordock"
    assert told.running["ssh_user"] == "user"
    assert told.running["host_key_source"] == "injected"
    assert told.machines[0]["host_key"].startswith(told.running["known_hosts"].split(" ", 1)[1])
    assert told.stopped["end_reason"] == "user_requested"
    assert [one["alive"] for one in told.machines] == [False]
    assert len(told.asked) == 1
    assert told.listed == {"vastai": 0, "tensordock": 1}


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


def sold_out_location(renting: Renting) -> tuple[Row, list[Row], list[Row]]:
    """The refused session, and the offers of its location before and after."""
    live, location = renting.live, renting.tensordock_offer()["id"][LOCATION]
    before = _offers_at(live, location)
    match = {"body_contains": location}
    with provider.broken(live, "no_capacity", provider="tensordock", match=match):
        rental = renting.rent(before[0], disk_gb=100)
        refused = rental.until("failed")
    return refused, before, _offers_at(live, location)


def _offers_at(live: Deployed, location: str) -> list[Row]:
    menu = live.operator.get("/api/v1/inventory", provider="tensordock", limit=1000)
    return [offer for offer in menu["offers"] if offer["id"][LOCATION] == location]


@told_by(sold_out_location)
def test_a_refused_launch_lowers_the_confidence_of_the_whole_location(
    told: tuple[Row, list[Row], list[Row]],
) -> None:
    """N-60, BUG-010: counted by the launching function, shown by the inventory's."""
    refused, before, after = told
    assert refused["end_reason"] == "no_capacity"
    assert {offer["availability_confidence"] for offer in before} == {0.30}
    others = [offer for offer in after if offer["id"] != refused["offer_id"]]
    assert others
    assert {offer["availability_confidence"] for offer in others} == {0.05}
