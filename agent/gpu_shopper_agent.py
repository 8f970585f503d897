"""The optional agent of Cloud GPU Shopper on a rented machine: one file, standard library only.

It tells the control plane every 30 s that the machine is alive and whether its GPUs idle, and it
is a second line of defence: it powers the machine off when the reservation has long expired, or
when nobody has answered for half an hour. Runs on Python 3.8 and later. Its settings are the
variables SHOPPER_* of its environment; the token among them is in no answer and no output.

Text costs room: what is left of this file without comments, docstrings and types must fit into the
start-up commands of every provider (`reference/agent.py`).
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HEARTBEAT_S = 30
HEARTBEAT_TIMEOUT_S = 10
SAMPLE_S = 5
BUSY_PCT = 5
UNREACHABLE_AFTER = 3
SMI = "nvidia-smi --query-gpu=utilization.gpu,memory.used --format=csv,noheader,nounits"


def instant(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 instant in UTC."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Settings:
    """What the environment says. Raises KeyError or ValueError, naming no value."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.session_id = env["SHOPPER_SESSION_ID"]
        self.token = env["SHOPPER_AGENT_TOKEN"]
        self.expires_at = instant(env["SHOPPER_EXPIRES_AT"])
        self.url = urlsplit(env["SHOPPER_URL"])
        self.port = int(env.get("SHOPPER_AGENT_PORT", 8081))
        grace = env.get("SHOPPER_SELF_DESTRUCT_GRACE", "30m")
        self.grace_s = int(grace[:-1]) * {"s": 1, "m": 60, "h": 3600}[grace[-1]]
        self.failsafe = int(env.get("SHOPPER_FAILSAFE_THRESHOLD", 60))
        secure = self.url.scheme == "https" or self.url.hostname in ("127.0.0.1", "localhost")
        if not secure or self.failsafe < 1:
            raise ValueError


class Agent:
    """The machine's state as the agent knows it; every edge to the outside is an argument.

    `wall` and `tick` are seconds since 1970 and of a clock that nobody sets, `post` sends a body
    and gives status and text, `sample` gives what nvidia-smi prints, `power_off` ends the machine.
    """

    def __init__(
        self,
        settings: Settings,
        wall: Callable[[], float],
        tick: Callable[[], float],
        post: Callable[[str], tuple[int, bytes]],
        sample: Callable[[], bytes],
        power_off: Callable[[], object],
    ) -> None:
        self.settings = settings
        self.expires_at = settings.expires_at
        self.wall = wall
        self.tick = tick
        self.post = post
        self.sample = sample
        self.power_off = power_off
        self.started = self.next_beat = tick()
        self.failures = 0
        self.idle_since = self.started
        self.idle_s: int | None = None
        self.gpu_pct: float | None = None
        self.memory_mb: int | None = None

    def step(self) -> None:
        """One round: end the machine if it is time, look at its GPUs, tell the control plane."""
        if self.wall() >= self.expires_at + self.settings.grace_s:
            self.power_off()
        self.look()
        if self.tick() >= self.next_beat:
            self.next_beat = self.tick() + HEARTBEAT_S
            self.beat()
        if self.failures >= self.settings.failsafe:
            self.power_off()

    def look(self) -> None:
        """Take one sample. A GPU at work ends the idle time; without a sample it is unknown."""
        now = self.tick()
        try:
            gpus = [
                [float(cell) for cell in line.split(b",")] for line in self.sample().splitlines()
            ]
            self.gpu_pct = sum(gpu[0] for gpu in gpus) / len(gpus)
            self.memory_mb = int(sum(gpu[1] for gpu in gpus))
            if self.idle_s is None or max(gpus)[0] >= BUSY_PCT:
                self.idle_since = now
            self.idle_s = int(now - self.idle_since)
        except Exception:
            self.idle_s = self.gpu_pct = self.memory_mb = None

    def beat(self) -> None:
        """Send one heartbeat and adopt the reservation's end that comes back."""
        body = {
            "session_id": self.settings.session_id,
            "status": "running",
            "idle_seconds": self.idle_s,
            "gpu_util_pct": self.gpu_pct,
            "memory_used_mb": self.memory_mb,
        }
        self.failures += 1
        try:
            status, text = self.post(json.dumps(body))
            if status == 200:
                self.failures = 0
                self.expires_at = instant(json.loads(text)["expires_at"])
        except Exception:
            pass

    def page(self, path: str) -> Any:
        """What the local API shows at `path`, or None."""
        shown = {
            "status": "ok",
            "session_id": self.settings.session_id,
            "uptime": int(self.tick() - self.started),
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.wall())),
        }
        if path == "/health":
            return shown
        if path == "/status":
            return {
                **shown,
                "idle_seconds": self.idle_s,
                "gpu_utilization_pct": self.gpu_pct,
                "memory_used_mb": self.memory_mb,
                "shopper_reachable": self.failures < UNREACHABLE_AFTER,
                "heartbeat_failures": self.failures,
            }


def local_api(agent: Agent) -> type[BaseHTTPRequestHandler]:
    """Answers requests from the machine itself."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def answer(self) -> None:
            shown = agent.page(self.path)
            self.send_response(404 if shown is None else 200 if self.command == "GET" else 405)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(json.dumps(shown).encode())

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

        def log_message(self, *_: Any) -> None:
            """Nothing is written."""

    return Handler


def poster(settings: Settings) -> Callable[[str], tuple[int, bytes]]:
    """Sends heartbeats to the control plane and nowhere else: redirects are not followed."""

    def post(body: str) -> tuple[int, bytes]:
        url = settings.url
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        line = kind(url.netloc, timeout=HEARTBEAT_TIMEOUT_S)
        path = url.path + "/api/v1/sessions/" + settings.session_id + "/heartbeat"
        headers = {
            "Authorization": "Bearer " + settings.token,
            "Content-Type": "application/json",
        }
        try:
            line.request("POST", path, body, headers)
            answer = line.getresponse()
            return answer.status, answer.read(9999)
        finally:
            line.close()

    return post


def nvidia_smi() -> bytes:
    """What nvidia-smi prints within 5 s. Raises when there is no such tool, or it fails."""
    return subprocess.check_output(SMI.split(), timeout=SAMPLE_S)


def power_off() -> None:
    """End the machine, or at least the agent."""
    for command in ("shutdown -h now", "poweroff"):
        try:
            if subprocess.call(command.split(), timeout=SAMPLE_S) == 0:
                break
        except Exception:
            pass
    os._exit(1)


def main() -> None:
    """Run until the machine ends."""
    settings = Settings(os.environ)
    agent = Agent(settings, time.time, time.monotonic, poster(settings), nvidia_smi, power_off)
    try:
        server = ThreadingHTTPServer(("127.0.0.1", settings.port), local_api(agent))
        threading.Thread(target=server.serve_forever, daemon=True).start()
    except OSError:
        pass
    while True:
        agent.step()
        time.sleep(SAMPLE_S)


if __name__ == "__main__":
    main()
