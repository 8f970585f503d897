"""Rent one machine, once."""

from __future__ import annotations

from typing import Any

from gpu_shopper.core.instances import Launched, LaunchRequest
from gpu_shopper.core.offer_ids import tensordock_id, tensordock_location
from gpu_shopper.core.pacing import Turn
from gpu_shopper.core.ssh_keys import checked_public_key
from gpu_shopper.errors.provider import LaunchRejected, LaunchUncertain, ProviderUnavailable
from gpu_shopper.providers.http import Call, HttpClient, Reply, Unanswered
from gpu_shopper.providers.redaction import without_secrets
from gpu_shopper.providers.tensordock.offers import RAM_GB, VCPUS
from gpu_shopper.providers.tensordock.replies import launch_failure, rented_id
from gpu_shopper.providers.tensordock.startup import commands

IMAGE = "ubuntu2204"
"""Ubuntu 24.04 comes without a driver there."""
_KIND = "virtualmachine"


def launch(http: HttpClient, request: LaunchRequest, *, read_timeout_s: float) -> Launched:
    """One POST, never repeated after it may have been carried out.

    Raises: NoCapacity, OfferGone, LaunchRejected, ProviderAuth, RateLimited, TooSoon,
    ProviderUnavailable (no connection was made, so nothing was sent), RentedDespiteError,
    LaunchUncertain.
    """
    call = Call(
        method="POST",
        path="/api/v2/instances",
        endpoint="any",
        turn=Turn.LAUNCH,
        body=_body(request),
        read_timeout_s=read_timeout_s,
    )
    reply = _send(http, call)
    failure = launch_failure(reply)
    if failure is not None:
        raise without_secrets(failure, request)
    return Launched(instance_id=rented_id(reply) or "")


def _body(request: LaunchRequest) -> dict[str, Any]:
    """With an address of its own and no forwarded ports: those asked for are hints only."""
    offer, keys = request.offer, _keys(request)
    if request.image or request.template_hash_id or request.env or request.entrypoint:
        raise LaunchRejected("TensorDock's machines take no image, template or environment")
    attributes = {
        "name": request.label,
        "type": _KIND,
        "image": IMAGE,
        "resources": {
            "vcpu_count": offer.vcpus or VCPUS,
            "ram_gb": offer.ram_gb or RAM_GB,
            "storage_gb": request.disk_gb,
            "gpus": {offer.gpu_name_raw: {"count": offer.gpu_count}},
        },
        "location_id": _location(request),
        "useDedicatedIp": True,
        "ssh_key": keys[0],
        "cloud_init": {"runcmd": _commands(keys, request)},
    }
    return {"data": {"type": _KIND, "attributes": attributes}}


def _commands(keys: list[str], request: LaunchRequest) -> list[str]:
    return commands(keys, request.on_start_cmd, request.host_key, request.agent_cmd)


def _location(request: LaunchRequest) -> str:
    """The location in the offer's id, if the id is the one of what is asked for."""
    offer = request.offer
    try:
        location_id = tensordock_location(offer.provider_id)
        own_id = tensordock_id(location_id, offer.gpu_name_raw, offer.gpu_count)
    except ValueError as exc:
        raise LaunchRejected("the offer's id is none of TensorDock's") from exc
    if own_id != offer.provider_id:
        raise LaunchRejected("the offer's id names another GPU than the offer")
    return location_id


def _keys(request: LaunchRequest) -> list[str]:
    try:
        keys = [checked_public_key(key) for key in request.ssh_public_keys]
    except ValueError as exc:
        raise LaunchRejected("an SSH key that cannot be used") from exc
    if not keys:
        raise LaunchRejected("TensorDock rents nothing without an SSH key")
    return keys


def _send(http: HttpClient, call: Call) -> Reply:
    try:
        return http.write(call)
    except Unanswered as exc:
        if exc.sent:
            raise LaunchUncertain(str(exc), timed_out=exc.timed_out) from exc
        raise ProviderUnavailable(str(exc), timed_out=exc.timed_out) from exc
