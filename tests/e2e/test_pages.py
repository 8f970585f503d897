"""Lists in pages, and budgets: what operators read and set."""

from __future__ import annotations

from tests.e2e.deployed import Deployed

KEYS = "/api/v1/keys"
BUDGET = "/api/v1/budgets/thrifty"


def test_a_cursor_is_good_for_its_question_and_its_caller(live: Deployed) -> None:
    """N-58: and walking all pages yields each key once."""
    for number in range(3):
        live.new_key(f"paged-{number}")
    wanted = {"consumer_id": "paged-1", "include_revoked": "true"}
    assert len(live.operator.get(KEYS, **wanted)["keys"]) == 1
    first = live.operator.get(KEYS, limit=1)
    cursor = first["next_cursor"]
    another = live.caller(live.operator.post(KEYS, {"role": "operator"})["api_key"])
    for caller, query in (
        (live.operator, {"limit": 1, "cursor": cursor, "role": "consumer"}),
        (live.operator, {"limit": 1, "cursor": _altered(cursor)}),
        (another, {"limit": 1, "cursor": cursor}),
    ):
        answer = caller.send("GET", KEYS, params=query)
        assert answer.status_code == 400
        assert [one["field"] for one in answer.json()["details"]] == ["cursor"]
    old = {one["id"] for one in live.operator.get(KEYS, limit=200)["keys"]}
    assert len(old) < 200
    walked = [one["id"] for one in first["keys"]]
    while cursor:
        page = live.operator.get(KEYS, limit=20, cursor=cursor)
        walked += [one["id"] for one in page["keys"]]
        cursor = page.get("next_cursor")
    assert len(walked) == len(set(walked))
    assert old <= set(walked)


def _altered(cursor: str) -> str:
    return cursor[:-1] + ("A" if cursor[-1] != "A" else "B")


def test_a_budget_is_set_shown_changed_and_deleted(live: Deployed) -> None:
    """N-43: by operators; the consumer itself may look."""
    operator, thrifty = live.operator, live.new_consumer("thrifty")
    assert thrifty.send("GET", BUDGET).json()["error_type"] == "budget_not_found"
    wanted = {"monthly_limit_usd": 12.5, "enforce": True}
    assert operator.send("PUT", BUDGET, json=wanted).status_code == 201
    assert operator.send("PUT", BUDGET, json=wanted | {"enforce": False}).status_code == 200
    shown = thrifty.get(BUDGET)
    assert (shown["monthly_limit_usd"], shown["enforce"]) == (12.5, False)
    assert (shown["spent_usd"], shown["reserved_usd"], shown["percentage"]) == (0, 0, 0)
    assert thrifty.send("PUT", BUDGET, json=wanted).status_code == 403
    assert operator.send("DELETE", BUDGET).status_code == 200
    assert operator.send("DELETE", BUDGET).json()["error_type"] == "budget_not_found"
