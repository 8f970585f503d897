"""Rent one machine, once, and put the SSH keys on it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from gpu_shopper.core.instances import Launched, LaunchRequest
from gpu_shopper.core.normalise import provider_text
from gpu_shopper.errors import (
    LaunchRejected,
    LaunchUncertain,
    ProviderError,
    ProviderUnavailable,
    ShopperError,
)
from gpu_shopper.providers.http import Call, HttpClient, Reply, Unanswered, path_id
from gpu_shopper.providers.vastai.replies import error_text, launch_failure, rented_id, says_yes

DEFAULT_IMAGE = "nvidia/cuda:12.6.3-runtime-ubuntu22.04"
RUNTYPE = "ssh_direc ssh_proxy"
"""Direct SSH with the proxy beside it; the misspelling is what Vast.ai's own client sends."""
MAX_ONSTART_CHARS = 4_000
ATTACH_TRIES = 3
ATTACH_PAUSE_S = 1.0
ATTACH_READ_TIMEOUT_S = 10.0
ATTACH_LIMIT_S = 30.0
"""All keys together: a launch must end within its step's time."""

_ASK_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_ALREADY_THERE = re.compile(r"already (?:exists|attached|associated|added)", re.IGNORECASE)


def launch(http: HttpClient, request: LaunchRequest) -> Launched:
    """One PUT, never repeated after it may have been carried out, then the keys.

    Raises: OfferGone, LaunchRejected, ProviderAuth, RateLimited, ProviderUnavailable (no
    connection was made, so nothing was sent), RentedDespiteError, LaunchUncertain.
    """
    ask_id = request.offer.provider_id
    if _ASK_ID.fullmatch(ask_id) is None:
        raise LaunchRejected("the offer's id is none of Vast.ai's")
    if len(request.on_start_cmd or "") > MAX_ONSTART_CHARS:
        raise LaunchRejected(f"the start-up command is longer than {MAX_ONSTART_CHARS} characters")
    reply = _send(http, Call(method="PUT", path=f"/api/v0/asks/{ask_id}/", body=_body(request)))
    failure = launch_failure(reply)
    if failure is not None:
        raise _without_secrets(failure, request)
    instance_id = rented_id(reply) or ""
    return Launched(
        instance_id=instance_id, key_error=attach_keys(http, instance_id, request.ssh_public_keys)
    )


def attach_keys(http: HttpClient, instance_id: str, keys: Iterable[str]) -> str | None:
    """Let the holders of `keys` log in; None, or why it could not be done. Never raises.

    Safe to repeat: a key that is there already is fine.
    """
    deadline_s = http.clock_s() + ATTACH_LIMIT_S
    errors = [_attach(http, instance_id, key, deadline_s) for key in keys]
    return "; ".join(dict.fromkeys(filter(None, errors))) or None


def _body(request: LaunchRequest) -> dict[str, Any]:
    """No `price`: with one the machine would be interruptible."""
    ports = {f"-p {port}:{port}": "1" for port in request.exposed_ports}
    body: dict[str, Any] = {
        "client_id": "me",
        "label": request.label,
        "disk": float(request.disk_gb),
        "env": {**request.env, **ports},
        "runtype": RUNTYPE,
        # Without it an offer taken meanwhile becomes a queued machine instead of an error.
        "cancel_unavail": True,
    }
    if request.on_start_cmd:
        body["onstart"] = request.on_start_cmd
    if request.template_hash_id:
        return {**body, "template_hash_id": request.template_hash_id}
    return {**body, "image": request.image or DEFAULT_IMAGE}


def _send(http: HttpClient, call: Call) -> Reply:
    try:
        return http.write(call)
    except Unanswered as exc:
        if exc.sent:
            raise LaunchUncertain(str(exc)) from exc
        raise ProviderUnavailable(str(exc)) from exc


def _without_secrets(failure: ProviderError, request: LaunchRequest) -> ProviderError:
    """The same failure, in case the provider's text repeats what we sent."""
    secrets = [request.on_start_cmd or "", *request.env.values()]
    secrets += [part for key in request.ssh_public_keys for part in (key, *key.split()[1:2])]
    text = failure.message
    for secret in sorted(map(provider_text, secrets), key=len, reverse=True):
        if len(secret) >= 8:  # shorter ones are ordinary words
            text = text.replace(secret, "[redacted]")
    failure.message, failure.args = text, (text,)
    return failure


def _attach(http: HttpClient, instance_id: str, key: str, deadline_s: float) -> str | None:
    path = f"/api/v0/instances/{path_id(instance_id)}/ssh/"
    call = Call(
        method="POST", path=path, body={"ssh_key": key}, read_timeout_s=ATTACH_READ_TIMEOUT_S
    )
    error: str | None = "no time was left"
    for tried in range(ATTACH_TRIES):
        pause_s = ATTACH_PAUSE_S * tried
        if http.clock_s() + pause_s + ATTACH_READ_TIMEOUT_S > deadline_s:
            return error
        http.wait(pause_s)
        error = _attach_once(http, call, key)
        if error is None:
            return None
    return error


def _attach_once(http: HttpClient, call: Call, key: str) -> str | None:
    try:
        reply = http.write(call)
    except (Unanswered, ShopperError) as exc:
        return provider_text(str(exc), 200)
    if says_yes(reply) or _ALREADY_THERE.search(reply.text()):
        return None
    return provider_text(error_text(reply).replace(key, "[key]"), 200)
