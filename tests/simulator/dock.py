"""A client of the simulated TensorDock for tests; every call has a time-out."""

from __future__ import annotations

from typing import Any

import requests

from tests.simulator.driver import KeyPair, Sim

API = "/tensordock/api/v2"
CARD = "geforcertx4090-pcie-24gb"


class Dock:
    """One running simulator, as a client of TensorDock sees it; `sim` has the controls."""

    def __init__(self, sim: Sim, key: KeyPair) -> None:
        self.sim = sim
        self.key = key

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """A provider request with the token."""
        return self.sim.ask(method, API + path, body, **more)

    def gpus(self, v0_name: str | None = CARD) -> list[dict[str, Any]]:
        """What every location offers of a GPU, with the location's id as `at`."""
        locations = self.ask("GET", "/locations").json()["data"]["locations"]
        pairs = ((place, gpu) for place in locations for gpu in place["gpus"])
        rows = [{**gpu, "at": place["id"]} for place, gpu in pairs]
        return [gpu for gpu in rows if v0_name in (None, gpu["v0Name"])]

    def attributes(self, **changes: Any) -> dict[str, Any]:
        """What our adapter would send, for the roomiest location; None leaves a field out."""
        gpu = max(self.gpus(), key=lambda row: row["resources"]["max_vcpus"])
        line = self.key.public
        commands = [
            command
            for home in ("/root", "/home/user")
            for command in (
                f"mkdir -p {home}/.ssh && chmod 700 {home}/.ssh",
                f"printf '%s\\n' '{line}' > {home}/.ssh/authorized_keys",
            )
        ]
        sent = {
            "name": "gs-1",
            "type": "virtualmachine",
            "image": "ubuntu2204",
            "resources": resources(),
            "location_id": gpu["at"],
            "useDedicatedIp": True,
            "ssh_key": line,
            "cloud_init": {"runcmd": commands},
        } | changes
        return {name: value for name, value in sent.items() if value is not None}

    def create(self, timeout: float = 5.0, **changes: Any) -> requests.Response:
        """Ask for a machine."""
        return self.send(self.attributes(**changes), timeout)

    def send(self, attributes: dict[str, Any], timeout: float = 5.0) -> requests.Response:
        """Post a create."""
        body = {"data": {"type": "virtualmachine", "attributes": attributes}}
        return self.ask("POST", "/instances", body, timeout=timeout)

    def rent(self, **changes: Any) -> str:
        """Ask for a machine and let it come up; its id."""
        instance_id: str = self.create(**changes).json()["data"]["id"]
        self.sim.advance(1)
        return instance_id

    def get(self, instance_id: str) -> dict[str, Any]:
        """One machine, flat."""
        answer = self.ask("GET", f"/instances/{instance_id}")
        assert answer.status_code == 200, answer.text
        row: dict[str, Any] = answer.json()
        return row

    def list(self) -> list[dict[str, Any]]:
        """All machines, in the first of the three shapes."""
        rows: list[dict[str, Any]] = self.ask("GET", "/instances").json()["data"]
        return rows

    def delete(self, instance_id: str) -> requests.Response:
        """Ask for the end of a machine."""
        return self.ask("DELETE", f"/instances/{instance_id}")

    def gone(self, instance_id: str) -> bool:
        """Whether a single look says that there is none."""
        return self.ask("GET", f"/instances/{instance_id}").status_code == 404

    def truth(self, instance_id: str) -> dict[str, Any]:
        """What the simulator knows about a machine."""
        return self.sim.truth(int(instance_id))

    def alive(self) -> int:
        """How many machines cost."""
        return int(self.sim.control("GET", "instances")["alive"])


def resources(**changes: Any) -> dict[str, Any]:
    """One GPU with modest everything."""
    small = {"vcpu_count": 4, "ram_gb": 16, "storage_gb": 100, "gpus": {CARD: {"count": 1}}}
    return small | changes


def no_capacity(answer: requests.Response, text: str = "No available nodes found") -> bool:
    """Whether it is a refusal within HTTP 200."""
    return answer.status_code == 200 and answer.json() == {"status": 400, "error": text}
