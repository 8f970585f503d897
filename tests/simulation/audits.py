"""What must hold of the audit: one event for each transition, in the same transaction."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.simulation.scheduler import Violation

type Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Move:
    """A write of a session that must be told: which version, and what it changed."""

    session_id: str
    version: int
    was: str | None
    now: str


class Audits:
    """Compares the sessions of one deployment with their audit, write by write.

    A transaction writes the session first and its events right after: nothing can come between.
    """

    def __init__(self) -> None:
        self.told: Counter[str] = Counter()
        self._untold: Move | None = None

    def session_written(self, before: Item | None, after: Item | None) -> None:
        """A row of the sessions table was written."""
        if after is None or after["sk"] != "SESSION":
            return
        self.check()
        if before is None:
            self._untold = Move(after["id"], 1, None, after["state"])
        elif _is_transition(before, after):
            version = int(after["version"])
            self._untold = Move(after["id"], version, before["state"], after["state"])

    def event_written(self, before: Item | None, after: Item | None) -> None:
        """A row of the audit table was written."""
        if before is not None or after is None:
            raise Violation(f"an audit event was changed: {before}, {after}")
        self.told[after["operation"]] += 1
        details = json.loads(after["details"])
        if "version" not in details:
            return
        session_id, version = after["session_id"], details["version"]
        told = Move(session_id, version, details.get("from"), details.get("to", "pending"))
        if told != self._untold:
            raise Violation(f"M-94 {told} is told, {self._untold} is true")
        self._untold = None

    def check(self) -> None:
        """Every transition so far has its event."""
        if self._untold is not None:
            raise Violation(f"M-94 {self._untold} is not told")


def _is_transition(before: Item, after: Item) -> bool:
    """Another state, another attempt, or more time."""
    return (
        before["state"] != after["state"]
        or len(before["attempts"]) != len(after["attempts"])
        or before["expires_at"] != after["expires_at"]
    )
