"""Sessions that try another offer: the same session and key, never two machines."""

from __future__ import annotations

from dataclasses import dataclass

from local import ssh
from tests.e2e import provider
from tests.e2e.aws_view import audit, counted, executions_of
from tests.e2e.deployed import wait_for
from tests.e2e.provider import break_it, broken
from tests.e2e.renting import Rental, Renting, Row, provider_id
from tests.e2e.stories import told_by

REPLACED_WITHIN_S = 180.0
PRICE_USD = 0.5


def _market(renting: Renting, gpus: int, offers: int) -> list[Row]:
    """New offers of machines with so many GPUs, like each other and like no others, best first."""
    live = renting.live
    added = [
        {"gpu_type": "RTX 3090", "num_gpus": gpus, "price": PRICE_USD + 0.01 * number}
        for number in range(offers)
    ]
    live.simulator.post("/_test/offers", {"add": added})

    def listed() -> list[Row]:
        live.sweep("RefreshInventoryFunction")
        found: list[Row] = live.operator.get(
            "/api/v1/inventory", provider="vastai", gpu_type="RTX 3090", limit=1000
        )["offers"]
        return [offer for offer in found if offer["gpu_count"] == gpus]

    return list(wait_for(lambda: (found := listed()) and len(found) == offers and found, 120))


@dataclass(frozen=True)
class Retried:
    """A session after its second attempt, as its consumer, AWS and the provider saw it."""

    offers: list[Row]
    created: Row
    session: Row
    said: str
    machines: list[Row]
    launches: list[int]
    provisioned: list[str]
    told: list[Row]
    counts: dict[str, float]


def _retried(renting: Renting, offers: list[Row], rental: Rental) -> Retried:
    """The story of `rental` once it runs; it is ended afterwards."""
    live = renting.live
    running = rental.until("running", REPLACED_WITHIN_S)
    said = ssh.run(running, rental.private_key or "", "echo ok")
    machines = provider.machines(live, rental.id)
    rental.end()
    names = ("RetryAttempts", "RetrySuccesses", "RetriesExhausted", "InstancesDestroyed")
    return Retried(
        offers=offers,
        created=rental.created,
        session=running,
        said=said,
        machines=machines,
        launches=[len(provider.launches(live, provider_id(one["id"]))) for one in offers],
        provisioned=sorted(one["name"] for one in executions_of(live, rental.id, "provision")),
        told=audit(live, rental.id, "attempt_failed"),
        counts={name: counted(live, name, rental.id) for name in names},
    )


def refused_first(renting: Renting) -> Retried:
    offers = _market(renting, gpus=3, offers=2)
    match = {"offer_id": provider_id(offers[0]["id"])}
    with broken(renting.live, "no_such_ask", match=match):
        rental = renting.rent(offers[0], auto_retry=True)
        rental.until("running", REPLACED_WITHIN_S)
    return _retried(renting, offers, rental)


@told_by(refused_first)
def test_after_a_stale_offer_the_next_one_runs_under_the_same_key(told: Retried) -> None:
    """N-15, M-110: id, expiry and key of the 201; the refused attempt rented and cost nothing."""
    session = told.session
    assert (session["id"], session["expires_at"]) == (
        told.created["id"],
        told.created["expires_at"],
    )
    assert told.said.strip() == "ok"
    first, second = session["attempts"]
    assert (first["outcome"], first["reason"]) == ("refused", "stale_inventory")
    assert first["cost_usd"] == 0
    assert (second["outcome"], second["offer_id"]) == ("ready", told.offers[1]["id"])
    assert session["retry_count"] == 1
    assert session["failed_offers"] == [told.offers[0]["id"]]
    assert (told.launches, len(told.machines)) == ([1, 1], 1)


@told_by(refused_first)
def test_a_retry_is_told_and_counted_once_and_has_an_execution_of_its_own(told: Retried) -> None:
    """N-16: the metrics of both, and one audit line."""
    session_id = told.session["id"]
    assert told.provisioned == [f"{session_id}-provision-1", f"{session_id}-provision-2"]
    (failed,) = told.told
    assert (failed["reason"], failed["details"]["event"]) == ("stale_inventory", "retry_launch")
    assert told.counts == {
        "RetryAttempts": 1,
        "RetrySuccesses": 1,
        "RetriesExhausted": 0,
        "InstancesDestroyed": 1,
    }


def times_out_first(renting: Renting) -> Retried:
    offers = _market(renting, gpus=5, offers=2)
    match = {"offer_id": provider_id(offers[0]["id"])}
    break_it(renting.live, {"type": "ssh", "mode": "refuse"}, match=match)
    break_it(renting.live, {"type": "destroy_slow", "s": 8}, match=match)
    rental = renting.rent(offers[0], auto_retry=True, ssh_timeout_minutes=1)
    return _retried(renting, offers, rental)


@told_by(times_out_first, long=True)
def test_a_machine_without_ssh_is_replaced_and_the_callers_key_logs_in(told: Retried) -> None:
    """X-5, N-16."""
    first, second = told.session["attempts"]
    assert (first["outcome"], first["reason"]) == ("failed", "ssh_timeout")
    assert second["outcome"] == "ready"
    assert told.said.strip() == "ok"
    assert told.counts["InstancesDestroyed"] == 2


@told_by(times_out_first, long=True)
def test_with_a_slow_destroy_the_second_machine_comes_after_the_first_is_gone(
    told: Retried,
) -> None:
    """N-16: by the provider's own clock; and what was rented is paid."""
    old, new = told.machines
    assert old["ended"] <= new["created"]
    first = told.session["attempts"][0]
    assert first["ended_at"] >= old["ended"]
    assert first["cost_usd"] >= old["billed_usd"] > 0


@dataclass(frozen=True)
class Stopped:
    """A session that was told to end while its first machine was torn down."""

    meanwhile: Row
    stopped: Row
    machines: list[Row]
    launches: list[int]


def stopped_while_replaced(renting: Renting) -> Stopped:
    live = renting.live
    offers = _market(renting, gpus=13, offers=2)
    match = {"offer_id": provider_id(offers[0]["id"])}
    break_it(live, "stuck_loading", match=match, **{"continue": True})
    break_it(live, {"type": "die", "after_s": 0.5}, match=match, **{"continue": True})
    break_it(live, {"type": "destroy_slow", "s": 10}, match=match)
    rental = renting.rent(offers[0], auto_retry=True)
    wait_for(lambda: rental.now()["failed_offers"], 60)
    meanwhile = rental.now()
    stopped = rental.end()
    launches = [len(provider.launches(live, provider_id(one["id"]))) for one in offers]
    return Stopped(meanwhile, stopped, provider.machines(live, rental.id), launches)


@told_by(stopped_while_replaced)
def test_a_stop_while_the_old_machine_is_torn_down_starts_no_other(told: Stopped) -> None:
    """2.7, BUG-011: provisioning without an address until then; the caller's stop is the reason."""
    assert told.meanwhile["status"] == "provisioning"
    assert "ssh_host" not in told.meanwhile
    assert told.stopped["end_reason"] == "user_requested"
    assert told.stopped["attempts"][0]["reason"] == "instance_stopped"
    assert [one["alive"] for one in told.machines] == [False]
    assert told.launches == [1, 0]


def without_another_offer(renting: Renting) -> tuple[Row, float, list[Row]]:
    (offer,) = _market(renting, gpus=9, offers=1)
    with broken(renting.live, "no_capacity", match={"offer_id": provider_id(offer["id"])}):
        rental = renting.rent(offer, auto_retry=True)
        failed = rental.until("failed")
    exhausted = counted(renting.live, "RetriesExhausted", rental.id)
    return failed, exhausted, audit(renting.live, rental.id, "retry_exhausted")


@told_by(without_another_offer)
def test_without_a_comparable_offer_the_session_fails_and_says_so(
    told: tuple[Row, float, list[Row]],
) -> None:
    """N-16."""
    failed, exhausted, lines = told
    assert failed["end_reason"] == "no_capacity"
    assert "no comparable offer" in failed["error"]
    assert (exhausted, len(lines)) == (1, 1)


@dataclass(frozen=True)
class Repriced:
    """A session whose machine costs more than its offer said."""

    session: Row
    machines: list[Row]


def _repriced(renting: Renting, factor: float, status: str) -> Repriced:
    live, offer = renting.live, renting.offer()
    change = {"type": "price_change", "factor": factor, "what": "instance"}
    with broken(live, change, match={"offer_id": provider_id(offer["id"])}):
        rental = renting.rent(offer)
        session = rental.until(status)
    machines = provider.machines(live, rental.id)
    if status == "running":
        rental.end()
    return Repriced(session, machines)


def much_dearer(renting: Renting) -> Repriced:
    return _repriced(renting, 1.2, "failed")


def a_little_dearer(renting: Renting) -> Repriced:
    return _repriced(renting, 1.03, "running")


@told_by(much_dearer)
def test_a_machine_much_dearer_than_accepted_is_ended_unused(told: Repriced) -> None:
    assert told.session["end_reason"] == "price_mismatch"
    assert [one["alive"] for one in told.machines] == [False]
    assert told.session["cost_usd"] >= told.machines[0]["billed_usd"] > 0


@told_by(a_little_dearer)
def test_a_machine_a_little_dearer_runs_at_its_own_price_with_a_warning(told: Repriced) -> None:
    assert "price_differs" in {one["code"] for one in told.session["warnings"]}
    assert told.session["price_per_hour"] == told.machines[0]["price_per_hour"]


def dearer_first(renting: Renting) -> Retried:
    offers = _market(renting, gpus=11, offers=2)
    change = {"type": "price_change", "factor": 1.2, "what": "instance"}
    with broken(renting.live, change, match={"offer_id": provider_id(offers[0]["id"])}):
        rental = renting.rent(offers[0], auto_retry=True)
        rental.until("running", REPLACED_WITHIN_S)
    return _retried(renting, offers, rental)


@told_by(dearer_first)
def test_a_machine_dearer_than_accepted_is_replaced(told: Retried) -> None:
    first, second = told.session["attempts"]
    assert (first["outcome"], first["reason"]) == ("failed", "price_mismatch")
    assert first["price_per_hour"] > told.offers[0]["price_per_hour"]
    assert (second["outcome"], second["offer_id"]) == ("ready", told.offers[1]["id"])
    old, new = told.machines
    assert old["ended"] <= new["created"]
