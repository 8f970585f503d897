"""What a machine wrote: Vast.ai has it put on another host, and tells where."""

from __future__ import annotations

from gpu_shopper.errors.provider import BadProviderReply, ProviderUnavailable
from gpu_shopper.providers.addresses import path_id
from gpu_shopper.providers.http import BODY_BYTES, Call, HttpClient, Unanswered
from gpu_shopper.providers.redaction import log_text
from gpu_shopper.providers.vastai.paging import accepted
from gpu_shopper.providers.vastai.replies import refusal

LINES = 100
FETCH_TRIES = 30
FETCH_PAUSE_S = 0.3
FETCH_READ_TIMEOUT_S = 5.0
FETCH_LIMIT_S = 15.0
"""All tries together: the file answers 403 or 404 until it is written, in some seconds."""


def logs(http: HttpClient, instance_id: str) -> str:
    """See `ShowsLogs.logs`."""
    url = _asked_for(http, instance_id)
    deadline_s = http.clock_s() + FETCH_LIMIT_S
    for _ in range(FETCH_TRIES):
        http.wait(FETCH_PAUSE_S)
        text = _written(http, url)
        if text is not None:
            return log_text(text)
        if http.clock_s() > deadline_s:
            break
    raise BadProviderReply("the logs were not written in time")


def _asked_for(http: HttpClient, instance_id: str) -> str:
    path = f"/api/v0/instances/request_logs/{path_id(instance_id)}/"
    call = Call(method="PUT", path=path, endpoint="logs", body={"tail": str(LINES)})
    try:
        reply = http.write(call)
    except Unanswered as exc:
        raise ProviderUnavailable(str(exc), timed_out=exc.timed_out) from exc
    refused = refusal(reply)
    if refused is not None:
        raise refused
    url = accepted(reply).get("result_url")
    if not isinstance(url, str):
        raise BadProviderReply("no word of where the logs will be")
    return url


def _written(http: HttpClient, url: str) -> str | None:
    """The file, or as much of it as is read; None while it is not there."""
    try:
        reply = http.fetch(url, FETCH_READ_TIMEOUT_S)
    except Unanswered:
        return None
    if reply.status != 200:
        return None
    return reply.body[:BODY_BYTES].decode(errors="replace")
