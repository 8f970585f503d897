"""What is told to those who rent, prolong and end sessions."""

from __future__ import annotations

from gpu_shopper.edge.answers.sessions import SessionBody
from gpu_shopper.edge.answers.values import Shown
from gpu_shopper.usecases.agents import Reported
from gpu_shopper.usecases.costs import SessionCost
from gpu_shopper.usecases.sessions import Created


class CreatedBody(Shown):
    """The new session; its secrets are in this answer, and for a while in those to repeats."""

    session: SessionBody
    ssh_private_key: str | None = None
    agent_token: str | None = None

    @classmethod
    def of(cls, created: Created, cost: SessionCost, told: Reported | None = None) -> CreatedBody:
        """What was created, or found again, with its cost; of its agent what it `told`."""
        return cls(
            session=SessionBody.of(created.session, cost, told),
            ssh_private_key=created.secrets.get("ssh_private_key"),
            agent_token=created.secrets.get("agent_token"),
        )


class StopBody(Shown):
    """What was asked for; the work goes on in the teardown machine."""

    message: str
    session_id: str
    status: str
    drain_until: str | None = None


class OverriddenBody(Shown):
    """How long a session may live now; it expires when it did."""

    session_id: str
    hard_max_hours: int
    hard_max_at: str
    expires_at: str


class ExtendedBody(Shown):
    """The new end of a session."""

    message: str = "session extended"
    session_id: str
    new_expires_at: str
    reservation_hours: int
