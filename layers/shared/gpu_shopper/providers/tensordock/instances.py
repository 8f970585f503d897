"""What is done with instances that exist: look one up, list them all, end one."""

from __future__ import annotations

from gpu_shopper.core.instances import Instance
from gpu_shopper.core.pacing import Turn
from gpu_shopper.errors.provider import ProviderUnavailable
from gpu_shopper.providers.addresses import path_id
from gpu_shopper.providers.http import LISTING_BYTES, Call, HttpClient, Reply, Unanswered
from gpu_shopper.providers.tensordock.replies import accepted, refusal, says_not_found
from gpu_shopper.providers.tensordock.rows import found_in, listed_in

_INSTANCES = "/api/v2/instances"


def find(http: HttpClient, instance_id: str) -> Instance | None:
    """None only for a 404 that says the instance does not exist, or for its word "deleted"."""
    reply = http.read(
        Call(method="GET", path=f"{_INSTANCES}/{path_id(instance_id)}", endpoint="any")
    )
    if says_not_found(reply):
        return None
    return found_in(accepted(reply), instance_id)


def list_all(http: HttpClient) -> list[Instance]:
    """All instances of the account. Raises rather than return a part, or nothing by mistake."""
    call = Call(method="GET", path=_INSTANCES, endpoint="any", limit_bytes=LISTING_BYTES)
    reply = http.read(call)
    return listed_in(accepted(reply))


def terminate(http: HttpClient, instance_id: str) -> None:
    """Ask for the end; silent when the provider says that there is no such instance."""
    path = f"{_INSTANCES}/{path_id(instance_id)}"
    call = Call(method="DELETE", path=path, endpoint="any", turn=Turn.TERMINATE)
    try:
        reply = http.write(call)
    except Unanswered as exc:
        raise ProviderUnavailable(str(exc), timed_out=exc.timed_out) from exc
    if says_not_found(reply) or _is_bare(reply, 404):
        return
    refused = refusal(reply)
    if refused is not None:
        raise refused
    if not _is_bare(reply, 200, 204):
        accepted(reply)


def _is_bare(reply: Reply, *statuses: int) -> bool:
    """One of these statuses without any body."""
    return reply.status in statuses and not reply.body.strip() and reply.broken is None
