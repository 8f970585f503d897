"""The /sessions routes: what callers see, and every way to ask wrongly."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_shopper.usecases.ledger import accrue_costs
from gpu_shopper.usecases.teardown import ask
from tests.builders import PUBLIC_KEY
from tests.functions.calls import OPERATOR, OTHER, Client
from tests.functions.rentals import PATH, SERVED, UNKNOWN, post
from tests.usecases.story import running
from tests.world import World


def nothing_was_written(world: World) -> bool:
    return world.deps.sessions.scan()["Count"] == 0


def test_a_created_session_is_there_at_once(sessions: Client) -> None:
    """N-14, QA-C5: by id and in the list, exactly as the 201 showed it."""
    reply = post(sessions)
    session = reply.json["session"]
    assert (reply.status, session["status"]) == (201, "pending")
    assert reply.headers["Location"] == f"{PATH}/{session['id']}"
    assert sessions("GET", f"{PATH}/{session['id']}").json == session
    assert sessions("GET", PATH).json == {"sessions": [session], "count": 1}


def test_a_made_key_is_in_the_201_and_nowhere_else(sessions: Client, wired: World) -> None:
    """N-13, N-38: not in the item, not in a later answer."""
    reply = post(sessions)
    private = reply.json["ssh_private_key"]
    assert private.startswith("private ")
    assert reply.json["session"]["ssh_key_source"] == "generated"
    assert private not in sessions("GET", PATH).text
    assert private not in str(wired.deps.sessions.scan())


def test_with_the_callers_own_key_there_is_no_private_key(sessions: Client) -> None:
    """N-13."""
    reply = post(sessions, ssh_public_key=PUBLIC_KEY)
    assert "ssh_private_key" not in reply.json
    assert reply.json["session"]["ssh_key_source"] == "client"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"offer_id": ..., "workload_type": ..., "reservation_hours": ...}, 3),
        ({"reservation_hours": 0}, "reservation_hours must be at least 1"),
        ({"reservation_hours": 13}, "reservation_hours must be at most 12"),
        ({"reservation_hours": ...}, "reservation_hours is required"),
        ({"reservation_hours": 1.5}, "reservation_hours must be a whole number"),
        ({"reservation_hours": "2"}, "reservation_hours must be a whole number"),
        ({"reservation_hours": True}, "reservation_hours must be a whole number"),
        ({"workload_type": "bitcoin"}, "workload_type must be one of llm, llm_vllm, llm_tgi"),
        ({"offer_id": "nope"}, "offer_id must be the id of an offer"),
        ({"offer_id": "x" * 201}, "offer_id must be at most 200 characters"),
        ({"consumer_id": "a b"}, "consumer_id must match"),
        ({"consumer_id": "x" * 129}, "consumer_id must match"),
        ({"max_price": 0}, "max_price must be greater than 0"),
        ({"max_price": 0.0000009}, "max_price must be at least 0.000001"),
        ({"max_price": "1"}, "max_price must be a number"),
        ({"auto_retry": "yes"}, "auto_retry must be true or false"),
        ({"max_retries": -1}, "max_retries must be at least 0"),
        ({"max_retries": 1.5}, "max_retries must be a whole number"),
        ({"retry_scope": "all"}, "retry_scope must be one of same_gpu, same_vram, any"),
        ({"disk_gb": 0}, "disk_gb must be at least 1"),
        ({"disk_gb": 10_001}, "disk_gb must be at most 10000"),
        ({"ssh_timeout_minutes": 0}, "ssh_timeout_minutes must be at least 1"),
        ({"ssh_timeout_minutes": 31}, "ssh_timeout_minutes must be at most 30"),
        ({"docker_image": "a b"}, "docker_image must match"),
        ({"docker_image": "x" * 256}, "docker_image must be at most 255 characters"),
        ({"on_start_cmd": "x" * 4_001}, "on_start_cmd must be at most 4000 characters"),
        ({"model_id": ""}, "model_id must match"),
        ({"model_id": "--trust-remote-code"}, "model_id must match"),
        ({"model_id": "m" * 201}, "model_id must be at most 200 characters"),
        ({"model_id": "a-9999b"}, "model_id needs 36015 GB of disk, more than 10000"),
        ({"launch_mode": "entrypoint"}, "docker_image is required; exposed_ports is required"),
        ({**SERVED, "docker_image": ...}, "docker_image is required"),
        ({**SERVED, "exposed_ports": []}, "exposed_ports is required"),
        ({"launch_mode": "jupyter"}, "launch_mode must be one of ssh, entrypoint"),
        ({"exposed_ports": [0]}, "exposed_ports must be at least 1"),
        ({"exposed_ports": [65_536]}, "exposed_ports must be at most 65535"),
        ({"exposed_ports": [22]}, "exposed_ports must not contain 22"),
        ({"exposed_ports": [80, 80]}, "exposed_ports must not name a port twice"),
        ({"exposed_ports": [*range(1_000, 1_017)]}, "exposed_ports must have at most 16 entries"),
        ({"exposed_ports": "80"}, "exposed_ports must be a list"),
        ({"exposed_ports": ["80"]}, "exposed_ports must be a whole number"),
        ({"health_path": "health"}, "health_path must match"),
        ({"health_path": "/a b"}, "health_path must match"),
        ({"health_path": "/a\r\nHost: x"}, "health_path must match"),
        ({"health_path": "/" + "x" * 256}, "health_path must be at most 256 characters"),
        ({"quantization": "INT2"}, "quantization must be one of FP32, FP16, BF16, FP8, INT8"),
        ({"ssh_public_key": "ssh-dss AAAA"}, "ssh_public_key must be one line"),
        ({"surprise": 1}, "surprise is not known here"),
    ],
)
def test_a_bad_field_is_refused_by_name_and_leaves_nothing(
    sessions: Client, wired: World, fields: dict[str, Any], named: int | str
) -> None:
    """M-9, M-34, M-58, M-79, M-13, N-53: no session, no lock."""
    reply = post(sessions, **fields)
    assert (reply.status, reply.json["error_type"]) == (400, "validation_error")
    if isinstance(named, int):
        assert len(reply.fields) == named
    else:
        assert named in reply.json["error"]
    assert nothing_was_written(wired)


def test_nan_in_a_body_is_refused(sessions: Client, wired: World) -> None:
    """1.1: NaN is no number."""
    body = '{"offer_id":"1001","workload_type":"ssh","reservation_hours":2,"max_price":NaN}'
    reply = sessions("POST", PATH, body=body)
    assert (reply.status, reply.fields) == (400, ["max_price"])
    assert nothing_was_written(wired)


def test_who_rents_for_whom(sessions: Client) -> None:
    """N-5, M-9: consumers for themselves, operators for whom they name."""
    assert post(sessions, consumer_id="bob").status == 403
    reply = post(sessions, OPERATOR)
    assert (reply.status, reply.fields) == (400, ["consumer_id"])
    for_bob = post(sessions, OPERATOR, consumer_id="bob")
    assert for_bob.json["session"]["consumer_id"] == "bob"
    assert post(sessions).json["session"]["consumer_id"] == "alice"


def test_a_second_session_on_the_same_offer_names_the_first(sessions: Client) -> None:
    """M-47, X-12."""
    first = post(sessions).json["session"]["id"]
    reply = post(sessions)
    assert (reply.status, reply.json["error_type"]) == (409, "duplicate_session")
    assert reply.json["session_id"] == first
    assert reply.json["session_status"] == "pending"


def test_an_offer_dearer_than_max_price_is_refused_with_both_prices(sessions: Client) -> None:
    """N-77."""
    reply = post(sessions, max_price=0.3)
    assert (reply.status, reply.json["error_type"]) == (409, "price_above_max")
    assert (reply.json["price_per_hour"], reply.json["max_price"]) == (0.4, 0.3)


def test_too_little_disk_is_raised_with_a_warning(sessions: Client) -> None:
    """1.4: Vast.ai rents at least 8 GB."""
    session = post(sessions, disk_gb=2).json["session"]
    assert session["disk_gb"] == 8
    assert [one["code"] for one in session["warnings"]] == ["disk_raised"]


@pytest.mark.parametrize("session_id", [UNKNOWN, "nope", "1", UNKNOWN.upper(), "a" * 99])
@pytest.mark.parametrize(
    ("method", "tail", "body"),
    [
        ("GET", "", None),
        ("GET", "/diagnostics", None),
        ("DELETE", "", None),
        ("POST", "/done", None),
        ("POST", "/extend", {"additional_hours": 1}),
    ],
)
def test_unknown_and_malformed_ids_are_not_found(
    sessions: Client, session_id: str, method: str, tail: str, body: Any
) -> None:
    """M-1, M-77."""
    reply = sessions(method, f"{PATH}/{session_id}{tail}", body=body)
    assert (reply.status, reply.json["error_type"]) == (404, "session_not_found")


def test_a_foreign_session_looks_like_none(sessions: Client) -> None:
    """M-1, N-52: equal answers but for the request id."""
    mine = post(sessions).json["session"]["id"]
    foreign = sessions("GET", f"{PATH}/{mine}", caller=OTHER)
    unknown = sessions("GET", f"{PATH}/{UNKNOWN}", caller=OTHER)
    assert foreign.status == 404
    assert foreign.json | {"request_id": ""} == unknown.json | {"request_id": ""}
    assert sessions("GET", f"{PATH}/{mine}", caller=OPERATOR).status == 200


def test_done_and_delete_begin_the_end_and_say_so(sessions: Client, wired: World) -> None:
    """M-27: again the same answer; after the end done is refused and DELETE says ended."""
    session_id = post(sessions).json["session"]["id"]
    first = sessions("POST", f"{PATH}/{session_id}/done")
    assert (first.status, first.json["status"]) == (202, "stopping")
    assert sessions("POST", f"{PATH}/{session_id}/done", body={}).json == first.json
    deleted = sessions("DELETE", f"{PATH}/{session_id}")
    assert (deleted.status, deleted.json["message"]) == (202, "session destruction initiated")
    ask(wired.deps, session_id, 1)
    refused = sessions("POST", f"{PATH}/{session_id}/done")
    assert (refused.status, refused.json["error_type"]) == (409, "invalid_state")
    assert (refused.json["status"], refused.json["allowed_events"]) == ("stopped", [])
    again = sessions("DELETE", f"{PATH}/{session_id}")
    assert (again.status, again.json["message"]) == (200, "session destroyed")
    assert sessions("GET", f"{PATH}/{session_id}").json["stopped_at"].endswith("Z")


def test_extend_branch_by_branch(sessions: Client, wired: World) -> None:
    """M-18, M-43, M-71: pending no, running yes, beyond twelve hours no."""
    pending = post(sessions).json["session"]["id"]
    reply = sessions("POST", f"{PATH}/{pending}/extend", body={"additional_hours": 1})
    assert (reply.status, reply.json["allowed_events"]) == (409, ["request_stop"])
    sessions("DELETE", f"{PATH}/{pending}")
    ask(wired.deps, pending, 1)
    session_id = running(wired)
    path = f"{PATH}/{session_id}/extend"
    for body, text in (
        ({"additional_hours": 0}, "additional_hours must be at least 1"),
        ({"additional_hours": 13}, "additional_hours must be at most 12"),
        ({}, "additional_hours is required"),
    ):
        refused = sessions("POST", path, body=body)
        assert (refused.status, refused.json["error"]) == (400, text)
    longer = sessions("POST", path, body={"additional_hours": 10})
    assert (longer.status, longer.json["reservation_hours"]) == (200, 12)
    over = sessions("POST", path, body={"additional_hours": 1})
    assert (over.status, over.json["error_type"]) == (400, "hard_max_exceeded")
    assert (over.json["reservation_hours"], over.json["max_hours"]) == (12, 12)
    sessions("DELETE", f"{PATH}/{session_id}")
    assert sessions("POST", path, body={"additional_hours": 1}).status == 409


def test_the_cost_runs_from_the_launch_to_the_proof(sessions: Client, wired: World) -> None:
    """N-41, BUG-064: to the second, as far as it is booked, and then it stands."""
    session_id = running(wired)
    wired.clock.tick(900)
    assert sessions("GET", f"{PATH}/{session_id}").json["cost_usd"] == 0
    accrue_costs(wired.deps)
    assert sessions("GET", f"{PATH}/{session_id}").json["cost_usd"] == 0.1
    sessions("DELETE", f"{PATH}/{session_id}")
    wired.clock.tick(90)
    ask(wired.deps, session_id, 1)
    from gpu_shopper.usecases.teardown import prove

    prove(wired.deps, session_id, 1)
    ended = sessions("GET", f"{PATH}/{session_id}").json
    assert (ended["status"], ended["cost_usd"]) == ("stopped", 0.11)
    wired.clock.tick(10_000)
    assert sessions("GET", f"{PATH}/{session_id}").json["cost_usd"] == 0.11


def test_a_running_session_shows_how_to_log_in(sessions: Client, wired: World) -> None:
    """M-33: address, user, fingerprint and a known_hosts line; gone after the end."""
    session_id = running(wired)
    session = sessions("GET", f"{PATH}/{session_id}").json
    assert (session["ssh_host"], session["ssh_port"], session["ssh_user"]) == (
        "203.0.113.7",
        30022,
        "root",
    )
    assert session["known_hosts"].startswith("[203.0.113.7]:30022 ssh-ed25519 ")
    assert session["ssh_host_key_fingerprint"].startswith("SHA256:")
    assert session["host_key_source"] == "injected"
    assert session["warnings"] == []
    assert "private gpu-shopper-host" not in str(session)
