"""The provider's side of a test: what it really holds, what it was asked, and its faults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.e2e.deployed import Deployed, wait_for
from tests.e2e.renting import STRAY_GPU, Rental, Row


def machines(live: Deployed, session_id: str) -> list[Row]:
    """Every machine that was ever rented for this session, hidden ones too."""
    rows: list[Row] = live.simulator.get("/_test/instances")["instances"]
    return [row for row in rows if session_id in (row["label"] or "")]


def machine(live: Deployed, instance_id: str) -> Row:
    """The truth about one machine."""
    rows: list[Row] = live.simulator.get("/_test/instances")["instances"]
    return next(row for row in rows if row["id"] == instance_id)


def machine_of(live: Deployed, rental: Rental) -> Row:
    """The one machine of this session, as soon as there is one."""
    found: list[Row] = wait_for(lambda: machines(live, rental.id), 20)
    assert len(found) == 1
    return found[0]


def patch(live: Deployed, instance_id: str, **change: Any) -> Row:
    """Change one machine from outside."""
    changed: Row = live.simulator.post(f"/_test/instances/{instance_id}", change)
    return changed


def requests(live: Deployed, method: str, path: str) -> list[Row]:
    """What the provider was asked, oldest first; `path` may be a glob."""
    query = {"method": method, "path": path}
    rows: list[Row] = live.simulator.call("GET", "/_test/requests", params=query)["requests"]
    return rows


def launches(live: Deployed, offer_id: str) -> list[Row]:
    """Every request to rent this offer."""
    return requests(live, "PUT", f"/api/v0/asks/{offer_id}/")


def destroys(live: Deployed, instance_id: str) -> list[Row]:
    """Every request to end this machine."""
    return requests(live, "DELETE", f"/api/v0/instances/{instance_id}/")


def plant(live: Deployed, label: str) -> str:
    """A machine on our account that we did not rent; its id."""
    wish = {"provider": "vastai", "label": label, "gpu_type": STRAY_GPU}
    planted = live.simulator.post("/_test/orphan", wish)
    instance_id: str = planted["instance_id"]
    return instance_id


def break_it(live: Deployed, action: str | Row, **rule: Any) -> str:
    """Post a fault rule; its id."""
    action = {"type": action} if isinstance(action, str) else action
    posted = live.simulator.post("/_test/faults", {"action": action, **rule})
    rule_id: str = posted["id"]
    return rule_id


def mend(live: Deployed, rule_id: str) -> None:
    """Take a fault rule away."""
    live.simulator.delete(f"/_test/faults/{rule_id}")


@contextmanager
def broken(live: Deployed, action: str | Row, **rule: Any) -> Iterator[str]:
    """A fault rule as long as the block lasts."""
    rule_id = break_it(live, action, **rule)
    try:
        yield rule_id
    finally:
        mend(live, rule_id)
