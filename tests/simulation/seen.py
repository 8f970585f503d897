"""A session as the simulation saw it written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gpu_shopper.core.states import State
from tests.simulation.instants import ms_of

type Item = dict[str, Any]

HOLDING = frozenset({State.PENDING.value, State.PROVISIONING.value, State.RUNNING.value})
"""The states in which a customer has a right to the machine."""


@dataclass(eq=False)
class Seen:
    """What was written of one session, as it was written."""

    item: Item
    created_ms: int
    entered_ms: int
    stop_ms: int | None = None
    ended_ms: int | None = None
    replaced_ms: dict[int, int] = field(default_factory=dict)
    known_ms: dict[str, int] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The session's id."""
        return str(self.item["id"])

    @property
    def state(self) -> str:
        """As last written."""
        return str(self.item["state"])

    @property
    def attempt(self) -> Item:
        """The current one."""
        found: Item = self.item["attempts"][-1]
        return found

    @property
    def failed_ms(self) -> int | None:
        """Since when its attempt has failed while another may follow; None when it has not."""
        is_provisioning = self.state == State.PROVISIONING.value
        return self.replaced_ms.get(int(self.attempt["number"])) if is_provisioning else None

    @property
    def expires_ms(self) -> int:
        """Until when the customer has a right to the machine."""
        return ms_of(self.item.get("drain_until") or self.item["expires_at"])

    @property
    def end_due_ms(self) -> int:
        """Since when it is in its state, or, of one that drained, since when its end was due."""
        is_stopping = self.state == State.STOPPING.value
        return self.expires_ms if is_stopping and "drain_until" in self.item else self.entered_ms

    @property
    def holds(self) -> bool:
        """Whether its customer may use the machine."""
        return self.state in HOLDING or bool(self.item.get("drains"))
