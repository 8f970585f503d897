"""Vast.ai's answers in the shapes that were recorded, with values of our own."""

from __future__ import annotations

from typing import Any

import requests
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from gpu_shopper.core.instances import LaunchRequest
from gpu_shopper.providers.http import HttpClient
from gpu_shopper.providers.vastai import VastAi
from gpu_shopper.providers.vastai.offers import offer_of
from gpu_shopper.providers.vastai.replies import refusal
from gpu_shopper.providers.vastai.search import row_of
from tests.providers.stub import Answer, Keys, Network, StoppedClock, Turns

LABEL = "shopper-ab12cd34-7b0c2f0e-5a1d-4c7e-9a55-0d6f5f1c2e3a-1"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBase64OfAKeyForTests0123456789 someone"


def vast(
    network: Network,
    keys: Keys | None = None,
    clock: StoppedClock | None = None,
    turns: Turns | None = None,
) -> VastAi:
    """The adapter over a scripted network and a stopped clock."""
    time = clock or StoppedClock()
    http = HttpClient(
        base_url="https://vast.test/",
        credentials=keys or Keys(),
        pace=turns or Turns(),
        refusal=refusal,
        connect_timeout_s=5,
        read_timeout_s=30,
        transport=network,
        wait=time.wait,
        clock_s=time.read,
        chance=lambda: 0.5,
    )
    return VastAi(http, listing_limit_s=240)


def offer_row(**changes: Any) -> dict[str, Any]:
    """A row of the search."""
    row = {
        "id": 20_000_001,
        "ask_contract_id": 20_000_001,
        "machine_id": 4_242,
        "host_id": 77,
        "gpu_name": "RTX 4090",
        "num_gpus": 1,
        "gpu_frac": 0.125,
        "gpu_ram": 24564,
        "gpu_total_ram": 24564,
        "cpu_cores": None,
        "cpu_cores_effective": 16.0,
        "cpu_ram": 515_000,
        "disk_space": 812.4,
        "inet_up": 801.2,
        "inet_down": 934.9,
        "inet_up_cost": 0.0026666666666666666,
        "inet_down_cost": 0.002,
        "storage_cost": 0.2,
        "dph_base": 0.4,
        "dph_total": 0.413888888888889,
        "min_bid": 0.2,
        "reliability2": 0.9987654321,
        "reliability": 0.9987654321,
        "verification": "verified",
        "cuda_max_good": 12.8,
        "compute_cap": 890,
        "cpu_arch": "amd64",
        "static_ip": False,
        "driver_version": "570.153.02",
        "geolocation": "Oregon, US ",
        "duration": 1_000_000.5,
        "rentable": True,
        "rented": False,
        "is_bid": False,
        "external": None,
    }
    return row | changes


def template_row(**changes: Any) -> dict[str, Any]:
    """A row of the templates."""
    row = {
        "id": 101,
        "hash_id": "38a9dab633743d43107eb9a80d4ada9e",
        "name": "Open WebUI (Ollama)",
        "image": "vastai/ollama",
        "tag": "0.15.4",
        "env": "-p 1111:1111 -e A=1",
        "onstart": "#!/bin/sh\nentrypoint.sh\n",
        "runtype": "ssh",
        "args_str": "",
        "use_ssh": True,
        "ssh_direct": True,
        "jup_direct": False,
        "recommended": True,
        "recommended_disk_space": 32.5,
        "extra_filters": '{"gpu_ram": {"gte": 8000}}',
        "creator_id": 62_897,
        "created_at": 1_760_000_000.5,
        "count_created": 10_000,
        "private": False,
        "readme": "# Ollama",
    }
    return row | changes


def instance_row(**changes: Any) -> dict[str, Any]:
    """A row of an instance that runs."""
    row = {
        "id": 33402296,
        "machine_id": 4_242,
        "label": LABEL,
        "actual_status": "running",
        "intended_status": "running",
        "cur_state": "running",
        "next_state": "running",
        "status_msg": "success, running vastai/base-image_cuda-12.6/ssh\n",
        "gpu_name": "RTX 4090",
        "num_gpus": 1,
        "dph_base": 0.4,
        "dph_total": 0.413888888888889,
        "ssh_host": "ssh7.vast.ai",
        "ssh_port": 12296,
        "public_ipaddr": "203.0.113.7\n",
        "ports": {
            "22/tcp": [{"HostIp": "", "HostPort": "30022"}, {"HostIp": "::"}],
            "8000/tcp": [{"HostIp": "", "HostPort": "30800"}],
            "9000/udp": [{"HostIp": "", "HostPort": "30900"}],
        },
        "volume_info": [],
    }
    return row | changes


def page(rows: list[dict[str, Any]], total: int | None = None, token: str | None = None) -> Answer:
    """One page of the v1 list."""
    body = {
        "success": True,
        "instances_found": len(rows),
        "total_instances": len(rows) if total is None else total,
        "label_counts": {},
        "next_token": token,
        "instances": rows,
    }
    return Answer(body)


def charge_row(**changes: Any) -> dict[str, Any]:
    """One entry of the bill: four days of one instance."""
    row = {
        "start": 1730419200,
        "end": 1730678400,
        "type": "instance",
        "source": "instance-33402296",
        "description": "Instance 33402296 Charges - 4 days",
        "amount": 38.421,
        "metadata": {"template_id": 101, "label": LABEL, "endpoint_id": 19392},
        "items": [
            {
                "start": 1730419200,
                "end": 1730678400,
                "type": "gpu",
                "source": None,
                "description": "96.000 hours at $0.389/hour",
                "amount": 37.344,
                "metadata": {},
                "items": [],
            }
        ],
    }
    return row | changes


def bill(rows: list[dict[str, Any]], total: int | None = None, token: str | None = None) -> Answer:
    """One page of the charges."""
    body = {
        "success": True,
        "count": len(rows),
        "total": len(rows) if total is None else total,
        "next_token": token,
        "results": rows,
    }
    return Answer(body)


def launch_request(**changes: Any) -> LaunchRequest:
    """What we ask for: the offer of `offer_row`, one key."""
    offer = offer_of(row_of(offer_row()))
    assert offer is not None
    asked: dict[str, Any] = {
        "offer": offer,
        "label": LABEL,
        "disk_gb": 50,
        "ssh_public_keys": (KEY,),
    }
    return LaunchRequest(**(asked | changes))


def error(name: str, msg: str = "", status: int = 400, **more: Any) -> Answer:
    """The usual error shape."""
    return Answer({"success": False, "error": name, "msg": msg, **more}, status)


RENTED = Answer({"success": True, "new_contract": 33402296, "instance_api_key": "x" * 64})
DONE = Answer({"success": True})
LOGS_URL = "https://s3.amazonaws.com/public.vast.ai/instance_logs/abc.log"
LOGS = Answer({"success": True, "result_url": LOGS_URL, "msg": "Log request sent."})
WRITTEN = f"\x1b[32mstarting\x1b[0m\r\nHF_TOKEN=hf_0123456789abcdef\nauthorized: {KEY}\nready\n"
NO_SUCH_ASK_TEXT = "error 404/3603: no_such_ask  Instance type by id 20000001 is not available."
STALE = error("invalid_args", NO_SUCH_ASK_TEXT, ask_id=20_000_001)
BAD_KEY = error("auth_error", "Invalid user key", 404)
NO_KEY = error("auth_error", "This action requires login.", 403)
NO_RIGHT = error("auth_error", "Insufficient permission.", 401)
HTML_502 = Answer("<html><body>502 Bad Gateway</body></html>", 502)
THROTTLED = [
    Answer("API requests too frequent: endpoint threshold=4.5", 429),
    Answer({"detail": "API requests too frequent endpoint threshold=1.0"}, 429),
    error("rate_limit_exceeded", "Too many requests.", 429),
    Answer(
        {
            "message": "too many requests by the client.\n\nAPI requests too frequent: "
            "endpoint threshold=4.5*1.0\n\n",
            "code": "429 Too Many Requests",
        },
        429,
    ),
]
_POOL = HTTPConnectionPool("vast.test")
REFUSED = requests.ConnectionError(
    MaxRetryError(_POOL, "/", NewConnectionError(HTTPConnection("vast.test"), "refused"))
)
RESET = requests.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError(104)))
TIMED_OUT = requests.ReadTimeout("Read timed out.")
NO_CONNECT = requests.ConnectTimeout("timed out")

UNCLEAR_ANSWERS = [
    HTML_502,
    Answer("", 200),
    Answer("<html>hello</html>", 200),
    Answer('{"success": true, "new_contr', 200),
    Answer([], 200),
    Answer("null", 200),
    Answer({}, 200),
    Answer({"success": True}, 200),
    Answer({"success": False}, 200),
    Answer({"success": False, "error": "something_new", "msg": "?"}, 200),
    Answer({"success": True, "new_contract": None}, 200),
    Answer({"success": True, "new_contract": "see mail"}, 200),
    Answer({"success": True, "new_contract": 1.5}, 200),
    Answer({"success": True, "new_contract": True}, 200),
    Answer({"success": True, "new_contract": [33402296]}, 200),
    Answer('{"new_contract": 5, "new_contract": 6, "success": true}', 200),
    Answer({"result": {"new_contract": 33402296}}, 400),
    error("invalid_args", "odd", 400, result={"new_contract": 33402296}),
    error("invalid_args", "odd", 400, new_contract="see mail"),
    error("no_such_ask", NO_SUCH_ASK_TEXT, 400, new_contract=0),
    error("internal_error", "Internal server error.", 500),
    Answer({"success": False, "error": "unavailable", "msg": "Service is not available"}, 503),
    error("unavailable", "Required resources are currently unavailable, state change queued", 400),
    error("no_capacity", "no capacity: state change queued", 200),
    Answer("Request Timeout", 408),
    Answer("<html>404</html>", 404),
    Answer("Bad Request", 400),
    Answer({}, 400),
    Answer("", 301, {"Location": "https://elsewhere.test/"}),
    Answer("", 308, {"Location": "::::"}),
    Answer("x" * 5_000_000, 200),
    Answer('{"a":' * 100_000, 200),
    Answer("1" * 10_000, 200),
]
"""Answers to a launch after which something may have been rented."""
