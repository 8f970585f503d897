"""What TensorDock sends, in its real shapes, and the adapter over a scripted network."""

from __future__ import annotations

from functools import partial
from typing import Any

import requests
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from gpu_shopper.core.instances import LaunchRequest
from gpu_shopper.providers.http import HttpClient
from gpu_shopper.providers.tensordock import TensorDock, billing
from gpu_shopper.providers.tensordock.offers import offers_of
from gpu_shopper.providers.tensordock.replies import refusal
from tests.providers.contract import LABEL, PUBLIC_KEY
from tests.providers.stub import Answer, Keys, Network, StoppedClock, Turns

PLACE_ID = "1a2b3c4d-1a2b-4c3d-8e9f-1a2b3c4d5e6f"
GPU = "geforcertx4090-pcie-24gb"
ID = "9f8e7d6c-0000-4000-8000-00000000000a"
CREATE_TIMEOUT_S = 60
PAIR = "pair-of-the-older-api"


def dock(
    network: Network,
    keys: Keys | None = None,
    clock: StoppedClock | None = None,
    turns: Turns | None = None,
) -> TensorDock:
    """The adapter over a scripted network and a stopped clock."""
    known = partial(_http, network, keys or Keys(), clock or StoppedClock(), pace=turns or Turns())
    http = known(base_url="https://dock.test/", refusal=refusal)
    older = known(
        base_url="https://older.test/", refusal=billing.refusal, sign=billing.signed(lambda: PAIR)
    )
    return TensorDock(
        http, create_timeout_s=CREATE_TIMEOUT_S, billing=billing.Billing(older, lambda: PAIR)
    )


def _http(network: Network, keys: Keys, time: StoppedClock, **more: Any) -> HttpClient:
    return HttpClient(
        credentials=keys,
        connect_timeout_s=5,
        read_timeout_s=30,
        transport=network,
        wait=time.wait,
        clock_s=time.read,
        chance=lambda: 0.5,
        **more,
    )


def gpu_row(**changes: Any) -> dict[str, Any]:
    """One GPU type at a location: two cards at most."""
    row = {
        "v0Name": GPU,
        "displayName": "NVIDIA GeForce RTX 4090 PCIe 24GB",
        "max_count": 2,
        "price_per_hr": 0.35,
        "resources": {"max_vcpus": 64, "max_ram_gb": 256, "max_storage_gb": 4_000},
        "pricing": {"per_vcpu_hr": 0.003, "per_gb_ram_hr": 0.002, "per_gb_storage_hr": 0.00005},
        "network_features": {
            "dedicated_ip_available": True,
            "port_forwarding_available": True,
            "network_storage_available": False,
        },
    }
    return row | changes


def location(*gpus: Any, **changes: Any) -> dict[str, Any]:
    """A location with these GPU rows, by default one."""
    place = {
        "id": PLACE_ID,
        "city": "Chubbuck",
        "stateprovince": "Idaho",
        "country": "United States",
        "tier": 2,
        "gpus": list(gpus) or [gpu_row()],
    }
    return place | changes


def market(*places: Any) -> Answer:
    """The answer of `/locations`."""
    return Answer({"data": {"locations": list(places)}})


def instance_row(**changes: Any) -> dict[str, Any]:
    """An instance that runs, as a single read shows it."""
    row = {
        "type": "virtualmachine",
        "id": ID,
        "name": LABEL,
        "status": "running",
        "ipAddress": "203.0.113.9",
        "portForwards": [{"internal_port": 22, "external_port": 20456}],
        "resources": {
            "vcpu_count": 8,
            "ram_gb": 32,
            "storage_gb": 100,
            "gpus": {GPU: {"count": 1, "v0Name": GPU}},
        },
        "rateHourly": 0.44321,
    }
    return row | changes


def nested(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose fields are in `attributes`."""
    return {
        "type": "virtualmachine",
        "id": row["id"],
        "attributes": {key: value for key, value in row.items() if key not in ("id", "type")},
    }


def lists(*rows: dict[str, Any]) -> list[Answer]:
    """The same instances in each of the three shapes of the list."""
    return [
        Answer({"data": list(rows)}),
        Answer({"data": {"instances": list(rows)}}),
        Answer({"data": {"type": "list", "attributes": {"instances": [*map(nested, rows)]}}}),
    ]


def launch_request(gpus: int = 1, **changes: Any) -> LaunchRequest:
    """What we ask for: an offer of `gpu_row`, one key."""
    offer = next(one for one in offers_of(location(), gpu_row()) if one.gpu_count == gpus)
    asked: dict[str, Any] = {
        "offer": offer,
        "label": LABEL,
        "disk_gb": 100,
        "ssh_public_keys": (PUBLIC_KEY,),
    }
    return LaunchRequest(**(asked | changes))


def created(status: str = "running") -> Answer:
    """A launch that was accepted: no address, no price."""
    row = {"type": "virtualmachine", "id": ID, "name": LABEL, "status": status}
    return Answer({"data": row}, 201)


def in_body(status: Any, text: str, **more: Any) -> Answer:
    """HTTP 200 that says in its body that it failed."""
    return Answer({"status": status, "error": text, **more})


def error(text: str, status: int = 400, **more: Any) -> Answer:
    """The usual error shape."""
    return Answer({"error": text, **more}, status)


def invalid(*messages: str, status: int = 400) -> Answer:
    """A refused body: the answer is an array, not an object."""
    rows = [
        {"code": "custom", "message": message, "path": ["data", "attributes"]}
        for message in messages
    ]
    return Answer(rows, status)


NO_NODES = in_body(400, "No available nodes found")
NO_IPS = "No available public IPs on hostnode"
BAD_TOKEN = error("Unauthorized", 401)
HTML_502 = Answer("<html><body>502 Bad Gateway</body></html>", 502)
NO_SUCH_INSTANCE = Answer({"status": 404, "error": "Instance not found"}, 404)
NO_ROUTE = Answer(
    {
        "statusCode": 404,
        "error": "Not Found",
        "message": f"Route GET:/api/v2/instance/{ID} not found",
    },
    404,
)
DONE = Answer({"data": {"type": "success", "attributes": {}}})
_POOL = HTTPConnectionPool("dock.test")
REFUSED = requests.ConnectionError(
    MaxRetryError(_POOL, "/", NewConnectionError(HTTPConnection("dock.test"), "refused"))
)
RESET = requests.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError(104)))
TIMED_OUT = requests.ReadTimeout("Read timed out.")
NO_CONNECT = requests.ConnectTimeout("timed out")
