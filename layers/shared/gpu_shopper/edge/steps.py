"""State-machine tasks and schedules: events in, outcomes out."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from aws_lambda_powertools import Logger
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from gpu_shopper.usecases.deps import OrphanAct, OrphanWish, StepResult


class StepEvent(BaseModel):
    """What a state machine sends with each task; more fields may come with later versions.

    `round_began_at` is when the execution began, if it is a round of provisioning.
    """

    step: str
    session_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{36}$")]
    attempt: Annotated[int, Field(ge=1, le=99)]
    round_began_at: AwareDatetime | None = None


class HardStopEvent(BaseModel):
    """What a session's own timer sends."""

    session_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{36}$")]


class ProviderEvent(BaseModel):
    """What a schedule sends to a sweep that works on one provider."""

    provider: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,32}$")]


class OrphanEvent(ProviderEvent):
    """What the operators' function sends to have one machine destroyed or adopted."""

    act: OrphanAct
    instance_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,128}$")]
    key_id: str
    reason: str | None = None

    def wish(self) -> OrphanWish:
        """The same in the use cases' words."""
        return OrphanWish(self.act, self.provider, self.instance_id, self.key_id, self.reason)


class ReconcileEvent(ProviderEvent):
    """What a schedule sends to have a provider's machines compared, or what it charged.

    `day` is for one UTC day of charges; without it, the last whole days are compared.
    """

    what: Literal["machines", "charges"] = "machines"
    day: date | None = None


class RefreshEvent(ProviderEvent):
    """What a schedule sends to have something of a provider fetched: its offers unless said."""

    what: Literal["offers", "templates"] = "offers"


def told(logger: Logger, asked: StepEvent, result: StepResult) -> dict[str, Any]:
    """What a step's state machine gets; one log line says the same."""
    answer = {"outcome": result.outcome, "wait_s": result.wait_s}
    asked_for = asked.model_dump(exclude={"round_began_at"})
    logger.info("step", extra={**asked_for, **answer})
    return answer
