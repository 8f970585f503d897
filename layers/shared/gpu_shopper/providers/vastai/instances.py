"""What is done with instances that exist: look one up, list them all, end one."""

from __future__ import annotations

import json

from gpu_shopper.core.instances import Instance
from gpu_shopper.core.pacing import Turn
from gpu_shopper.errors.provider import BadProviderReply, ProviderUnavailable
from gpu_shopper.providers.addresses import path_id
from gpu_shopper.providers.http import LISTING_BYTES, Call, HttpClient, Unanswered
from gpu_shopper.providers.vastai.paging import Paged, accepted, every_row
from gpu_shopper.providers.vastai.replies import refusal, says_not_found
from gpu_shopper.providers.vastai.rows import instance_of

PAGE_ROWS = 25
_ORDER = json.dumps([{"col": "id", "dir": "asc"}])


def find(http: HttpClient, instance_id: str) -> Instance | None:
    """None only for `{"instances": null}`, or a 404 whose body says that it does not exist."""
    path = f"/api/v0/instances/{path_id(instance_id)}/"
    reply = http.read(Call(method="GET", path=path, endpoint="find", params={"owner": "me"}))
    if reply.status == 404 and says_not_found(reply):
        return None
    body = accepted(reply)
    if "instances" in body and body["instances"] is None and not body.get("error"):
        return None
    instance = instance_of(body.get("instances"))
    if instance.id != instance_id:
        raise BadProviderReply("the answer shows another instance than the one asked for")
    return instance


def list_all(http: HttpClient) -> list[Instance]:
    """All instances of the account, once each. Raises BadProviderReply rather than a part."""
    return every_row(http, _LIST)


def _page_call(token: str) -> Call:
    params = {"limit": str(PAGE_ROWS), "order_by": _ORDER}
    if token:
        params["after_token"] = token
    return Call(
        method="GET",
        path="/api/v1/instances/",
        endpoint="list",
        params=params,
        limit_bytes=LISTING_BYTES,
    )


_LIST = Paged(
    ask=_page_call,
    rows="instances",
    total="total_instances",
    read=instance_of,
    identity=lambda instance: instance.id,
)


def terminate(http: HttpClient, instance_id: str) -> None:
    """Ask for the end; silent when the provider says that there is no such instance."""
    path = f"/api/v0/instances/{path_id(instance_id)}/"
    call = Call(method="DELETE", path=path, endpoint="destroy", turn=Turn.TERMINATE, body={})
    try:
        reply = http.write(call)
    except Unanswered as exc:
        raise ProviderUnavailable(str(exc), timed_out=exc.timed_out) from exc
    if reply.status in (200, 404) and says_not_found(reply):
        return
    refused = refusal(reply)
    if refused is not None:
        raise refused
    accepted(reply)
