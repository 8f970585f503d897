"""The /keys routes and the authorizer."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from functions.authorizer import app as authorizer
from gpu_shopper.core.api_keys import ApiKey
from gpu_shopper.core.instants import to_text
from gpu_shopper.edge import wiring
from gpu_shopper.usecases import keys as key_cases
from gpu_shopper.usecases.deps import Deps
from tests.functions.calls import CONSUMER, OPERATOR, RUN, Client
from tests.world import World

PATH = "/api/v1/keys"
METHOD_ARN = "arn:aws:execute-api:eu-west-1:123456789012:abc/dev/GET/api/v1/keys"
SECRET = "B" * 43


@pytest.fixture
def operator(keys: Client) -> Client:
    keys.caller = OPERATOR
    return keys


@pytest.fixture
def authorize(wired: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(authorizer, "deps", lambda: wired.deps)
    monkeypatch.setattr(authorizer, "bootstrap_secret", lambda: SECRET)

    def call(header: str | None) -> dict[str, Any]:
        headers = {} if header is None else {"authorization": header}
        return authorizer.handler({"headers": headers, "methodArn": METHOD_ARN}, RUN)

    return call


def make(client: Client, **body: Any) -> Any:
    reply = client("POST", PATH, body={"role": "consumer", "consumer_id": "alice"} | body)
    assert reply.status == 201, reply.text
    return reply.json


def test_a_new_key_has_the_documented_form_and_is_shown_once(
    operator: Client, wired: World
) -> None:
    """N-2: only the SHA-256 of its secret is stored."""
    made = make(operator, name="ci")
    assert re.fullmatch(r"gsk_[a-z0-9]{8}_[A-Za-z0-9_-]{43}", made["api_key"])
    secret = made["api_key"].split("_", 2)[2]
    assert secret not in operator("GET", PATH).text
    assert secret not in str(wired.deps.access.scan())
    assert operator("GET", PATH).json["keys"] == [made["key"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "role"),
        ({"role": "root"}, "role"),
        ({"role": "consumer"}, "consumer_id"),
        ({"role": "operator", "consumer_id": "a"}, "consumer_id"),
        ({"role": "operator", "name": "x" * 129}, "name"),
        ({"role": "operator", "name": "a\nb"}, "name"),
        ({"role": "operator", "expires_at": "soon"}, "expires_at"),
        ({"role": "operator", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"role": "operator", "expires_at": "2999-01-01T00:00:00Z"}, "expires_at"),
        ({"role": "operator", "expires_at": "9999-12-31T23:59:59-23:59"}, "expires_at"),
        ({"role": "operator", "expires_at": "0001-01-01T00:00:00+23:59"}, "expires_at"),
        ({"role": "operator", "expires_at": "20270101T000000Z"}, "expires_at"),
        ({"role": "operator", "expires_at": "2027-01-01T00:00:00"}, "expires_at"),
        ({"role": "operator", "colour": "red"}, "colour"),
    ],
)
def test_a_bad_key_request_is_refused_by_name(
    operator: Client, wired: World, body: dict[str, Any], field: str
) -> None:
    """M-79, N-53: and nothing is written."""
    reply = operator("POST", PATH, body=body)
    assert (reply.status, reply.fields) == (400, [field])
    kinds = {item["pk"] for item in wired.deps.access.scan()["Items"]}
    assert "KEYS" not in kinds


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", PATH, None),
        ("POST", PATH, {"role": "operator"}),
        ("POST", PATH, {"bad": 1}),
        ("DELETE", f"{PATH}/unknown1", None),
    ],
)
def test_consumers_may_do_nothing_here(keys: Client, method: str, path: str, body: Any) -> None:
    """N-1: 403, also for bad bodies and unknown ids."""
    reply = keys(method, path, body=body, caller=CONSUMER)
    assert (reply.status, reply.json["error_type"]) == (403, "forbidden")


def test_revoking_twice_gives_the_same_answer(operator: Client, wired: World) -> None:
    """1.7: unknown ids are 404."""
    key_id = make(operator)["key"]["id"]
    first = operator("DELETE", f"{PATH}/{key_id}")
    wired.clock.tick(60)
    assert operator("DELETE", f"{PATH}/{key_id}").json == first.json
    assert operator("GET", PATH).json["count"] == 0
    assert operator("GET", PATH, query={"include_revoked": "true"}).json["count"] == 1
    assert operator("DELETE", f"{PATH}/nothere1").json["error_type"] == "key_not_found"


def test_a_name_that_is_too_long_is_told_its_limit(operator: Client) -> None:
    """1.1: messages name the limit."""
    reply = operator("POST", PATH, body={"role": "operator", "name": "x" * 129})
    assert reply.json["error"] == "name must be at most 128 characters"


def test_the_last_operator_key_stays(operator: Client) -> None:
    """1.7: with a second one the first may go."""
    first = make(operator, role="operator", consumer_id=None)["key"]["id"]
    assert operator("DELETE", f"{PATH}/{first}").json["error_type"] == "invalid_state"
    make(operator, role="operator", consumer_id=None)
    assert operator("DELETE", f"{PATH}/{first}").status == 200


def test_the_last_two_operator_keys_cannot_revoke_each_other(
    operator: Client, wired: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1.7: both looked before either wrote; one is told to try again."""
    first = make(operator, role="operator", consumer_id=None)["key"]["id"]
    second = make(operator, role="operator", consumer_id=None)["key"]["id"]
    real = key_cases._is_last_operator

    def overtaken(deps: Deps, key: ApiKey) -> bool:
        answer = real(deps, key)
        monkeypatch.setattr(key_cases, "_is_last_operator", real)
        assert operator("DELETE", f"{PATH}/{second}").status == 200
        return answer

    monkeypatch.setattr(key_cases, "_is_last_operator", overtaken)
    assert operator("DELETE", f"{PATH}/{first}").json["error_type"] == "conflict"
    assert operator("DELETE", f"{PATH}/{first}").json["error_type"] == "invalid_state"


@pytest.mark.parametrize("key_id", ["x", "ABCDEFGH", "a" * 99, "abcd-123"])
def test_what_cannot_be_a_key_id_is_not_found(operator: Client, key_id: str) -> None:
    """1.7: without asking the store for it."""
    assert operator("DELETE", f"{PATH}/{key_id}").json["error_type"] == "key_not_found"


def test_keys_are_filtered_and_paged(operator: Client) -> None:
    """N-58, M-72."""
    for name in ("a", "b", "c"):
        make(operator, consumer_id=name)
    assert operator("GET", PATH, query={"consumer_id": "b"}).json["count"] == 1
    assert operator("GET", PATH, query={"role": "operator"}).json["count"] == 0
    page = operator("GET", PATH, query={"limit": 2}).json
    rest = operator("GET", PATH, query={"limit": 2, "cursor": page["next_cursor"]}).json
    assert (page["count"], rest["count"], "next_cursor" in rest) == (2, 1, False)
    for query in ({"limit": 0}, {"include_revoked": "yes"}, {"role": "x"}):
        assert operator("GET", PATH, query=query).status == 400


def test_a_valid_key_opens_the_whole_api_for_its_owner(operator: Client, authorize: Any) -> None:
    """N-2: the answer is cached for all methods, so it must not name one."""
    made = make(operator)
    allowed = authorize(f"Bearer {made['api_key']}")
    assert allowed["context"] == {
        "key_id": made["key"]["id"],
        "role": "consumer",
        "consumer_id": "alice",
    }
    (statement,) = allowed["policyDocument"]["Statement"]
    assert statement["Effect"] == "Allow"
    assert statement["Resource"] == "arn:aws:execute-api:eu-west-1:123456789012:abc/dev/*"


def test_the_deployments_own_operator_key_works_and_can_be_revoked(
    operator: Client, authorize: Any
) -> None:
    """N-6: written at first use; a revoked one is not written again."""
    assert authorize(f"Bearer gsk_operator_{SECRET}")["context"]["role"] == "operator"
    make(operator, role="operator", consumer_id=None)
    assert operator("DELETE", f"{PATH}/operator").status == 200
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        authorize(f"Bearer gsk_operator_{SECRET}")


def test_every_unusable_key_is_refused_in_the_same_way(
    operator: Client, authorize: Any, wired: World
) -> None:
    """N-3, N-4: missing, other scheme, malformed, unknown, wrong secret, revoked, expired."""
    revoked = make(operator)
    operator("DELETE", f"{PATH}/{revoked['key']['id']}")
    soon = wiring.now() + timedelta(days=1)
    expiring = make(operator, expires_at=to_text(soon))
    wired.clock.at = soon
    unusable = [
        None,
        "",
        "Bearer",
        "Bearer x",
        f"Basic {revoked['api_key']}",
        f"Bearer gsk_unknown1_{SECRET}",
        f"Bearer gsk_operator_{'C' * 43}",
        f"Bearer {revoked['api_key']}",
        f"Bearer {expiring['api_key']}",
        f"Bearer {expiring['api_key']}\n",
    ]
    for header in unusable:
        with pytest.raises(Exception, match=r"^Unauthorized$"):
            authorize(header)


def test_the_last_use_of_a_key_is_known_to_five_minutes(
    operator: Client, authorize: Any, wired: World
) -> None:
    """1.7: one write per five minutes, not per request."""
    made = make(operator)
    authorize(f"Bearer {made['api_key']}")
    first = operator("GET", PATH).json["keys"][0]["last_used_at"]
    wired.clock.tick(299)
    authorize(f"Bearer {made['api_key']}")
    assert operator("GET", PATH).json["keys"][0]["last_used_at"] == first
    wired.clock.tick(1)
    authorize(f"Bearer {made['api_key']}")
    assert operator("GET", PATH).json["keys"][0]["last_used_at"] > first
