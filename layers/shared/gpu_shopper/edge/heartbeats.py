"""Heartbeats in: whose they are, before anything else is looked at."""

from __future__ import annotations

import re
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from gpu_shopper.core.session import Session
from gpu_shopper.edge.bodies import HeartbeatBody
from gpu_shopper.edge.sessions import session_id_of
from gpu_shopper.errors import SessionNotFound, Unauthorized, ValidationFailed
from gpu_shopper.usecases import heartbeats
from gpu_shopper.usecases.deps import Deps

_PATH = re.compile(r"/api/v1/sessions/(?P<session_id>[^/]+)/heartbeat/?")


def session_of(deps: Deps, event: dict[str, Any]) -> Session:
    """The session whose token came with the request. Raises Unauthorized."""
    match = _PATH.fullmatch(event["path"])
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    try:
        session_id = session_id_of(match["session_id"] if match else "")
    except SessionNotFound as exc:
        raise Unauthorized(heartbeats.REFUSED) from exc
    return heartbeats.authenticate(deps, session_id, headers.get("authorization"))


def note_failure(deps: Deps) -> None:
    """Remember that a heartbeat got an error of ours; where even that fails, the log has it."""
    try:
        heartbeats.note_failure(deps)
    except (BotoCoreError, ClientError):
        return


def check_session_id(body: HeartbeatBody, session_id: str) -> None:
    """Raises ValidationFailed when the body names another session than the path."""
    if body.session_id is not None and body.session_id.lower() != session_id.lower():
        text = "session_id must be the one in the path"
        raise ValidationFailed([("session_id", text)])
