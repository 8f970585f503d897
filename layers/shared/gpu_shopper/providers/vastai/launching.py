"""Rent one machine, once, and put the SSH keys on it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from gpu_shopper.core.instances import Launched, LaunchRequest
from gpu_shopper.core.normalise import provider_text
from gpu_shopper.core.pacing import Turn
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.errors import ShopperError
from gpu_shopper.errors.provider import LaunchRejected, LaunchUncertain, ProviderUnavailable
from gpu_shopper.providers.addresses import path_id
from gpu_shopper.providers.host_keys import install
from gpu_shopper.providers.http import Call, HttpClient, Reply, Unanswered
from gpu_shopper.providers.redaction import redacted, without_secrets
from gpu_shopper.providers.vastai.offers import PROVIDER
from gpu_shopper.providers.vastai.replies import error_text, launch_failure, rented_id, says_yes

DEFAULT_IMAGE = "nvidia/cuda:12.6.3-runtime-ubuntu22.04"
RUNTYPE = "ssh_direc ssh_proxy"
"""Direct SSH with the proxy beside it; the misspelling is what Vast.ai's own client sends."""
ENTRYPOINT = "args"
"""The image's entrypoint as it is; Vast.ai puts no SSH server beside it."""
ATTACH_TRIES = 3
ATTACH_PAUSE_S = 1.0
ATTACH_READ_TIMEOUT_S = 10.0
ATTACH_LIMIT_S = 20.0
"""All keys together: a launch must end within its step's time."""

_ASK_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_ALREADY_THERE = re.compile(r"already (?:exists|attached|associated|added)", re.IGNORECASE)


def launch(http: HttpClient, request: LaunchRequest) -> Launched:
    """One PUT, never repeated after it may have been carried out, then the keys.

    Raises: OfferGone, NoCapacity, LaunchRejected, ProviderAuth, RateLimited, TooSoon,
    ProviderUnavailable (no connection was made, so nothing was sent), RentedDespiteError,
    LaunchUncertain.
    """
    ask_id = request.offer.provider_id
    if _ASK_ID.fullmatch(ask_id) is None:
        raise LaunchRejected("the offer's id is none of Vast.ai's")
    limit = FACTS[PROVIDER].start_up_chars
    if len(_onstart(request)) > limit:
        raise LaunchRejected(f"the start-up command is longer than {limit} characters")
    reply = _send(http, _call(ask_id, request))
    failure = launch_failure(reply)
    if failure is not None:
        raise without_secrets(failure, request)
    instance_id, accepted_s = rented_id(reply) or "", http.clock_s()
    key_error = attach_keys(http, instance_id, request.ssh_public_keys)
    age_ms = math.ceil((http.clock_s() - accepted_s) * 1_000)
    return Launched(instance_id=instance_id, key_error=key_error, age_ms=age_ms)


def attach_keys(http: HttpClient, instance_id: str, keys: Iterable[str]) -> str | None:
    """Let the holders of `keys` log in; None, or why it could not be done. Never raises.

    Safe to repeat: a key that is there already is fine.
    """
    deadline_s = http.clock_s() + ATTACH_LIMIT_S
    errors = [_attach(http, instance_id, key, deadline_s) for key in keys]
    return "; ".join(dict.fromkeys(filter(None, errors))) or None


def _call(ask_id: str, request: LaunchRequest) -> Call:
    return Call(
        method="PUT",
        path=f"/api/v0/asks/{ask_id}/",
        endpoint="create",
        turn=Turn.LAUNCH,
        body=_body(request),
    )


def _body(request: LaunchRequest) -> dict[str, Any]:
    """No `price`: with one the machine would be interruptible."""
    ports = {f"-p {port}:{port}": "1" for port in request.exposed_ports}
    body: dict[str, Any] = {
        "client_id": "me",
        "label": request.label,
        "disk": float(request.disk_gb),
        "env": {**request.env, **ports},
        "runtype": ENTRYPOINT if request.entrypoint else RUNTYPE,
        # Without it an offer taken meanwhile becomes a queued machine instead of an error.
        "cancel_unavail": True,
    }
    onstart = _onstart(request)
    if onstart:
        body["onstart"] = onstart
    if request.template_hash_id:
        return {**body, "template_hash_id": request.template_hash_id}
    return {**body, "image": request.image or DEFAULT_IMAGE}


def _onstart(request: LaunchRequest) -> str:
    """Our commands first: the caller's may take long, or end the script."""
    ours = install(request.host_key) if request.host_key else []
    return "\n".join([*ours, *filter(None, [request.agent_cmd, request.on_start_cmd])])


def _send(http: HttpClient, call: Call) -> Reply:
    try:
        return http.write(call)
    except Unanswered as exc:
        if exc.sent:
            raise LaunchUncertain(str(exc), timed_out=exc.timed_out) from exc
        raise ProviderUnavailable(str(exc), timed_out=exc.timed_out) from exc


def _attach(http: HttpClient, instance_id: str, key: str, deadline_s: float) -> str | None:
    error: str | None = "no time was left"
    for tried in range(ATTACH_TRIES):
        pause_s = ATTACH_PAUSE_S * tried
        if http.clock_s() + pause_s + ATTACH_READ_TIMEOUT_S > deadline_s:
            return error
        http.wait(pause_s)
        error = _attach_once(http, instance_id, key)
        if error is None:
            return None
    return error


def _attach_once(http: HttpClient, instance_id: str, key: str) -> str | None:
    try:
        call = Call(
            method="POST",
            path=f"/api/v0/instances/{path_id(instance_id)}/ssh/",
            endpoint="attach",
            body={"ssh_key": key},
            read_timeout_s=ATTACH_READ_TIMEOUT_S,
        )
        reply = http.write(call)
    except (Unanswered, ShopperError) as exc:
        return provider_text(str(exc), 200)
    if says_yes(reply) or _ALREADY_THERE.search(reply.text()):
        return None
    return provider_text(redacted(error_text(reply), [key]), 200)
