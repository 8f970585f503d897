"""One world: emulator, simulator and the deployed stack, with keys to use it.

`make up`, `make run` and the end-to-end tests start the same one.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from local import aws, paths, sam_local, stack
from local.api import Api
from local.build import build
from local.emulator import Emulator
from local.endpoints import Endpoints
from local.functions import FIRST_SWEEPS, WARMED_ROUTES, WARMING, Functions
from local.network import wait_until
from local.parameters import local_stage
from local.simulator import Simulator
from local.together import together

_READY_WITHIN_S = 30.0


class NotReady(Exception):
    """The API did not become ready; the message is what it waits for."""


@dataclass(frozen=True)
class ProviderKeys:
    """The only keys that this world's simulator accepts."""

    vastai_key: str
    tensordock_token: str


class World:
    """Everything below `workdir`; start it once, stop it from anywhere."""

    def __init__(self, workdir: Path, say: Callable[[str], None] = lambda _: None) -> None:
        self.emulator = Emulator(workdir / "emulator")
        self.simulator = Simulator(workdir / "simulator")
        self._say = say

    def start(self, deployment_id: str, overrides: Mapping[str, str] | None = None) -> Endpoints:
        """Start, deploy and wait until the API is ready; `overrides` are template parameters."""
        keys = ProviderKeys(secrets.token_hex(16), secrets.token_hex(16))
        built = self._start_processes(keys)
        self._say("deploying template.yaml")
        self.deploy(built, deployment_id, overrides)
        self._say("filling the secrets, first sweeps, keys")
        self._fill_secrets(keys)
        return self._make_ready(deployment_id, keys)

    def deploy(
        self, built: Path, deployment_id: str, overrides: Mapping[str, str] | None = None
    ) -> None:
        """Create or update the stack from a built template. Raises StackFailed."""
        parameters = local_stage(paths.SAMCONFIG) | {
            "DeploymentId": deployment_id,
            "VastaiBaseUrl": self.simulator.url,
            "TensordockBaseUrl": f"{self.simulator.url}/tensordock",
            "TensordockBillingUrl": f"{self.simulator.url}/tensordock",
            "PublicUrl": f"{self.emulator.url}/_aws/execute-api/{{api}}/local",
        }
        stack.deploy(self.emulator.url, built, parameters | dict(overrides or {}))

    def stop(self) -> None:
        """End both processes and all their children. Silent if nothing runs."""
        self.emulator.kill()  # saving its state for a restart would take seconds
        self.simulator.stop()

    def is_running(self) -> bool:
        """Whether both processes are alive."""
        return self.emulator.is_running() and self.simulator.is_running()

    def write_for_sam_local(self, variables: Path) -> None:
        """Write what `sam local invoke` needs to use this world."""
        ids = stack.physical_ids(self.emulator.url)
        sam_local.write(build(), variables, self.emulator.url, ids)

    def functions(self) -> Functions:
        """The deployed functions, to be invoked directly."""
        return Functions(self.emulator.url, stack.physical_ids(self.emulator.url))

    def api_url(self) -> str:
        """Where the API's stage answers."""
        api, stage = stack.api_and_stage(self.emulator.url)
        return f"{self.emulator.url}/_aws/execute-api/{api}/{stage}"

    def _start_processes(self, keys: ProviderKeys) -> Path:
        self._say("building template.yaml, starting the emulator and the simulator")
        with ThreadPoolExecutor(1) as pool:
            building = pool.submit(build)
            self.emulator.start()
            self.simulator.start(**asdict(keys))
            return building.result()

    def _fill_secrets(self, keys: ProviderKeys) -> None:
        ids = stack.physical_ids(self.emulator.url)
        manager = aws.client("secretsmanager", self.emulator.url)
        for secret, value in (
            ("VastaiSecret", {"api_key": keys.vastai_key}),
            # The older API, which tells the balance, wants a pair; only the token is secret.
            ("TensordockSecret", {"api_token": keys.tensordock_token, "api_key": "local"}),
        ):
            manager.put_secret_value(SecretId=ids[secret], SecretString=json.dumps(value))

    def _make_ready(self, deployment_id: str, keys: ProviderKeys) -> Endpoints:
        operator_key = self._operator_key()
        self._warm_up(operator_key)
        self._wait_until_ready()
        consumer_key = self._make_consumer_key(operator_key)
        return Endpoints(
            api_url=self.api_url(),
            operator_key=operator_key,
            consumer_key=consumer_key,
            simulator_url=self.simulator.url,
            vastai_url=self.simulator.url,
            tensordock_url=f"{self.simulator.url}/tensordock",
            emulator_url=self.emulator.url,
            deployment_id=deployment_id,
            **asdict(keys),
        )

    def _warm_up(self, operator_key: str) -> None:
        """Make the first sweeps, and start one worker of every function on the way."""
        functions, operator = self.functions(), Api(self.api_url(), operator_key)

        def routes() -> None:  # in turns: at the same time, each would start an authorizer
            for path in WARMED_ROUTES:
                operator.get(path)

        events = FIRST_SWEEPS | WARMING
        calls: list[Callable[[], object]] = [routes]
        calls += [partial(functions.invoke_each, name, each) for name, each in events.items()]
        together(calls)

    def _operator_key(self) -> str:
        physical_id = stack.physical_ids(self.emulator.url)["OperatorKeySecret"]
        manager = aws.client("secretsmanager", self.emulator.url)
        generated = json.loads(manager.get_secret_value(SecretId=physical_id)["SecretString"])
        return f"gsk_{generated['key_id']}_{generated['secret']}"

    def _make_consumer_key(self, operator_key: str) -> str:
        wish = {"role": "consumer", "consumer_id": "demo"}
        made = Api(self.api_url(), operator_key).post("/api/v1/keys", wish)
        api_key: str = made["api_key"]
        return api_key

    def _wait_until_ready(self) -> None:
        api = Api(self.api_url())
        if not wait_until(lambda: api.send("GET", "/ready").status_code == 200, _READY_WITHIN_S):
            raise NotReady(f"the API is not ready: {api.send('GET', '/ready').text}")
