"""The /sessions routes: check, write, answer. Launching and ending happen elsewhere."""

from __future__ import annotations

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from gpu_shopper.core.instants import to_text
from gpu_shopper.core.session import Session
from gpu_shopper.core.states import TERMINAL
from gpu_shopper.edge import http
from gpu_shopper.edge.answers.diagnostics import DiagnosticsBody
from gpu_shopper.edge.answers.session_acts import (
    CreatedBody,
    ExtendedBody,
    OverriddenBody,
    StopBody,
)
from gpu_shopper.edge.answers.sessions import SessionBody, SessionsBody
from gpu_shopper.edge.answers.values import instant
from gpu_shopper.edge.bodies import (
    CreateSessionBody,
    ExtendBody,
    NoBody,
    OverrideBody,
    SessionsQuery,
)
from gpu_shopper.edge.callers import admit, caller_of, operator_of
from gpu_shopper.edge.logs import logged
from gpu_shopper.edge.repeats import idempotency_key_of, keyed_request
from gpu_shopper.edge.sessions import (
    created_body,
    listed_for,
    new_session_of,
    session_body,
    session_id_of,
)
from gpu_shopper.edge.wiring import deps, frame
from gpu_shopper.usecases import extending, sessions

app = http.new_app()


@app.post("/api/v1/sessions")
def create_session(
    body: Annotated[CreateSessionBody, Body()],
) -> Response[CreatedBody]:
    """Record a session and start its provisioning."""
    event = app.current_event.raw_event
    caller, key = caller_of(event), idempotency_key_of(event)
    wanted = new_session_of(body, caller, deps().enabled_providers)
    request = keyed_request(event, key, wanted.consumer_id)
    created = sessions.create(deps(), caller, wanted, request)
    answer = created_body(deps(), created)
    location = f"/api/v1/sessions/{created.session.id}"
    return Response(201, http.JSON, answer, headers={"Location": location})


@app.get("/api/v1/sessions")
def list_sessions(query: Annotated[SessionsQuery, Query()]) -> SessionsBody:
    """Sessions of the caller, newest first; operators see all."""
    return listed_for(deps(), caller_of(app.current_event.raw_event), query)


@app.get("/api/v1/sessions/<session_id>")
def get_session(session_id: str) -> SessionBody:
    """One session as it is now."""
    caller = caller_of(app.current_event.raw_event)
    session = sessions.get(deps(), caller, session_id_of(session_id))
    return session_body(deps(), session)


@app.get("/api/v1/sessions/<session_id>/diagnostics")
def get_diagnostics(session_id: str) -> DiagnosticsBody:
    """What the last check of a running session's machine found; nothing is asked now."""
    caller = caller_of(app.current_event.raw_event)
    session = sessions.get_running(deps(), caller, session_id_of(session_id))
    return DiagnosticsBody.of(session, deps().now())


@app.post("/api/v1/sessions/<session_id>/done")
def signal_done(
    session_id: str,
    body: Annotated[NoBody | None, Body()] = None,  # noqa: ARG001
) -> Response[StopBody]:
    """The caller is done: begin the end."""
    caller = caller_of(app.current_event.raw_event)
    session = sessions.request_stop(deps(), caller, session_id_of(session_id))
    return _stopping(session, "session shutdown initiated", instant(session.drain_until))


@app.delete("/api/v1/sessions/<session_id>")
def delete_session(session_id: str) -> Response[StopBody]:
    """End the session at once; one that has ended is simply shown."""
    caller = caller_of(app.current_event.raw_event)
    session = sessions.destroy(deps(), caller, session_id_of(session_id))
    ended = session.state in TERMINAL
    return _stopping(session, "session destroyed" if ended else "session destruction initiated")


@app.post("/api/v1/sessions/<session_id>/extend")
def extend_session(
    session_id: str,
    body: Annotated[ExtendBody, Body()],
) -> ExtendedBody:
    """Reserve more hours, within the hard maximum."""
    caller = caller_of(app.current_event.raw_event)
    hours = body.additional_hours
    session = extending.extend(deps(), caller, session_id_of(session_id), hours)
    return ExtendedBody(
        session_id=session.id,
        new_expires_at=to_text(session.expires_at),
        reservation_hours=session.reservation_hours,
    )


@app.post("/api/v1/sessions/<session_id>/override")
def override_hard_max(
    session_id: str,
    body: Annotated[OverrideBody, Body()],
) -> OverriddenBody:
    """Let one session live longer than others; extending it is another request."""
    caller = operator_of(app.current_event.raw_event)
    asked = (session_id_of(session_id), body.max_hours, body.reason)
    session = extending.override(deps(), caller, *asked)
    return OverriddenBody(
        session_id=session.id,
        hard_max_hours=session.hard_max_hours,
        hard_max_at=to_text(session.hard_max_at),
        expires_at=to_text(session.expires_at),
    )


def _stopping(session: Session, message: str, drain_until: str | None = None) -> Response[StopBody]:
    body = StopBody(
        message=message,
        session_id=session.id,
        status=session.state.value,
        drain_until=drain_until,
    )
    return Response(200 if session.state in TERMINAL else 202, http.JSON, body)


@logged
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """One request."""
    return http.serve(app, event, context, frame(), _admit)


def _admit(event: dict[str, Any]) -> None:
    """Operators' routes are closed to others before anything about the request is judged."""
    admit(deps(), event)
    if event["path"].endswith("/override"):
        operator_of(event)
