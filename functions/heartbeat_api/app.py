"""The heartbeat route: the only one for agents, with a token of their session and no API key."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Body

from gpu_shopper.core.instants import to_text
from gpu_shopper.edge import http
from gpu_shopper.edge.answers.heartbeats import HeartbeatAnswer
from gpu_shopper.edge.answers.values import instant
from gpu_shopper.edge.bodies import HeartbeatBody
from gpu_shopper.edge.heartbeats import check_session_id, note_failure, session_of
from gpu_shopper.edge.logs import logged
from gpu_shopper.edge.wiring import deps, frame
from gpu_shopper.usecases import heartbeats

app = http.new_app()


@app.post("/api/v1/sessions/<session_id>/heartbeat")
def heartbeat(
    session_id: str,
    body: Annotated[HeartbeatBody, Body()],
) -> HeartbeatAnswer:
    """Keep what the agent tells, and tell it until when its session is reserved."""
    check_session_id(body, session_id)
    session = app.context["session"]
    heartbeats.receive(
        deps(),
        session,
        idle_s=body.idle_seconds,
        gpu_util_pct=None if body.gpu_util_pct is None else Decimal(str(body.gpu_util_pct)),
        memory_used_mb=body.memory_used_mb,
        status=body.status,
    )
    return HeartbeatAnswer(
        session_id=session.id,
        session_status=session.state.value,
        expires_at=to_text(session.expires_at),
        drain_until=instant(session.drain_until),
        next_heartbeat_seconds=deps().settings.heartbeat_every_s,
    )


@logged
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """One request."""
    answer = http.serve(app, event, context, frame(), _admit)
    if answer["statusCode"] >= 500:
        note_failure(deps())
    return answer


def _admit(event: dict[str, Any]) -> None:
    """Who has no token of a live session learns nothing, not even what the body should be.

    Other methods have no route here, which needs no token to be told.
    """
    if event["httpMethod"] == "POST":
        app.context["session"] = session_of(deps(), event)
