"""A client of the simulator for tests; every call has a time-out."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import paramiko
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TIMEOUT_S = 5.0
START_S = 20.0


def until(seen: Callable[[], bool], within_s: float = TIMEOUT_S) -> bool:
    """Whether `seen` becomes true in time; asked every 10 ms."""
    deadline = time.monotonic() + within_s
    pause = threading.Event()
    while not seen():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.01)
    return True


@dataclass(frozen=True)
class KeyPair:
    """An Ed25519 key pair: the public line and the private key for paramiko."""

    public: str
    private: paramiko.Ed25519Key
    private_text: str

    @classmethod
    def new(cls) -> KeyPair:
        """A fresh pair."""
        secret = Ed25519PrivateKey.generate()
        text = secret.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        ).decode()
        key = paramiko.Ed25519Key.from_private_key(io.StringIO(text))
        return cls(f"{key.get_name()} {key.get_base64()}", key, text)


@dataclass
class Sim:
    """One running simulator, as a client of Vast.ai and as a test see it."""

    url: str
    key: str = "any"
    http: requests.Session = field(default_factory=requests.Session)

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """A provider request with the key."""
        headers = {"Authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        timeout = more.pop("timeout", TIMEOUT_S)
        return self.http.request(
            method, self.url + path, json=body, headers=headers, timeout=timeout, **more
        )

    def control(self, method: str, path: str, body: Any = None, status: int | None = None) -> Any:
        """A control request; its JSON, after a check of the status."""
        answer = self.http.request(method, f"{self.url}/_test/{path}", json=body, timeout=TIMEOUT_S)
        wanted = (200, 201) if status is None else (status,)
        assert answer.status_code in wanted, answer.text
        return answer.json()

    def reset(self, **body: Any) -> None:
        """Everything as after start, and time standing still."""
        self.control("POST", "reset", body)
        self.control("POST", "clock", {"speed": 0})

    def advance(self, seconds: float) -> None:
        """Move the simulator's clock."""
        self.control("POST", "clock", {"advance_s": seconds})

    def fault(self, action: str, **rule: Any) -> dict[str, Any]:
        """Post a rule; parameters of the action under `params`."""
        posted: dict[str, Any] = self.control("POST", "faults", {"action": action, **rule})
        return posted

    def search(self, **query: Any) -> list[dict[str, Any]]:
        """Rows of a search by POST."""
        answer = self.ask("POST", "/api/v0/bundles/", query)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["offers"]
        return rows

    def free_4090(self) -> int:
        """The id of the cheapest rentable single RTX 4090."""
        rows = self.search(
            gpu_name={"eq": "RTX 4090"},
            num_gpus={"eq": 1},
            rentable={"eq": True},
            order=[["dph_total", "asc"]],
        )
        return int(rows[0]["id"])

    def create(self, ask_id: int | None = None, **body: Any) -> requests.Response:
        """Rent an ask, by default the cheapest 4090."""
        body = {"image": "nvidia/cuda", "disk": 50, "label": "t", **body}
        timeout = body.pop("timeout", TIMEOUT_S)
        return self.ask("PUT", f"/api/v0/asks/{ask_id or self.free_4090()}/", body, timeout=timeout)

    def rent(self, key: KeyPair | None = None, **body: Any) -> int:
        """Rent, attach the key and let the machine come up; its id."""
        instance_id = int(self.create(**body).json()["new_contract"])
        if key:
            assert self.attach(instance_id, key).status_code == 200
        self.advance(1)
        return instance_id

    def attach(self, instance_id: int, key: KeyPair) -> requests.Response:
        """Put a public key on a machine."""
        return self.ask("POST", f"/api/v0/instances/{instance_id}/ssh/", {"ssh_key": key.public})

    def get(self, instance_id: int) -> dict[str, Any] | None:
        """The single row, None when there is none."""
        answer = self.ask("GET", f"/api/v0/instances/{instance_id}/")
        row: dict[str, Any] | None = answer.json()["instances"]
        return row

    def list(self, **query: Any) -> dict[str, Any]:
        """One page of the v1 list."""
        text = {k: v if isinstance(v, str) else json.dumps(v) for k, v in query.items()}
        answer = self.ask("GET", "/api/v1/instances/", params=text)
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        return page

    def destroy(self, instance_id: int) -> requests.Response:
        """Ask for the end of a machine."""
        return self.ask("DELETE", f"/api/v0/instances/{instance_id}/")

    def truth(self, instance_id: int) -> dict[str, Any]:
        """What the simulator knows about a machine."""
        rows = self.control("GET", "instances")["instances"]
        found: dict[str, Any] = next(row for row in rows if row["id"] == str(instance_id))
        return found

    def login(self, port: int, key: KeyPair, timeout: float = TIMEOUT_S) -> paramiko.SSHClient:
        """An SSH connection as root. Raises what paramiko raises."""
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())  # noqa: S507 - our own server
        client.connect(
            "127.0.0.1",
            port,
            "root",
            pkey=key.private,
            timeout=timeout,
            banner_timeout=timeout,
            auth_timeout=timeout,
            allow_agent=False,
            look_for_keys=False,
        )
        return client

    def run(self, instance_id: int, key: KeyPair, command: str) -> tuple[str, str, int]:
        """Output, error output and exit code of one command over SSH."""
        port = self.truth(instance_id)["ssh_port"]
        with self.login(port, key) as client:
            _, out, err = client.exec_command(command, timeout=TIMEOUT_S)
            text, problems = out.read().decode(), err.read().decode()
            return text, problems, out.channel.recv_exit_status()


def start(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    """A simulator on a free port, and its URL; fails when it does not come up in time."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "--port", "0", "--until-stdin-closes", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    giving_up = threading.Timer(START_S, process.kill)
    giving_up.start()
    try:
        assert process.stdout is not None
        return process, json.loads(process.stdout.readline())["url"]
    finally:
        giving_up.cancel()


def stop(process: subprocess.Popen[str]) -> int:
    """End a simulator; its exit code."""
    process.terminate()
    try:
        return process.wait(TIMEOUT_S)
    finally:
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
