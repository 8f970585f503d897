"""Runs the state machines as statemachines/*.asl.json write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from gpu_shopper.usecases.deps import Machine, StepResult
from tests.simulation.faults import RandomFaults
from tests.simulation.scheduler import SECOND, Scheduler
from tests.template.cfn import ROOT, properties

_MACHINES = {Machine.PROVISION: "ProvisionMachine", Machine.TEARDOWN: "TeardownMachine"}
HANDED_OVER_MS = 30
"""From one state to the next, and to the function of a task."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A function died, or raised; `error` is the name that the state machine sees."""

    error: str
    cause: Exception | None = None


type Done = Callable[[StepResult | Failure], None]
type Invoke = Callable[[str, dict[str, Any], Done], None]
"""Runs a function by its logical id with that payload."""


@cache
def definition(machine: Machine) -> dict[str, Any]:
    """The state machine as it is deployed."""
    text = (ROOT / properties(_MACHINES[machine])["DefinitionUri"]).read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@cache
def _function_of(machine: Machine, placeholder: str) -> str:
    substitutions = properties(_MACHINES[machine])["DefinitionSubstitutions"]
    return str(substitutions[placeholder.removeprefix("${").removesuffix("}")]["Fn::GetAtt"][0])


@dataclass(eq=False)
class Execution:
    """One execution. It knows nothing of sessions beyond what its input says."""

    machine: Machine
    name: str
    data: dict[str, Any]
    scheduler: Scheduler
    faults: RandomFaults
    invoke: Invoke
    on_end: Callable[[Execution, str], None]
    status: str = "RUNNING"
    retried: dict[int, int] = field(default_factory=dict)

    def begin(self) -> None:
        """Enter the first state in a moment."""
        self._soon(definition(self.machine)["StartAt"])

    def kill(self) -> None:
        """End here; a function that runs goes on, and nobody hears of it."""
        self._end("KILLED")

    def _soon(self, state: str, wait_ms: int = HANDED_OVER_MS) -> None:
        self.scheduler.after(wait_ms, lambda: self._enter(state))

    def _enter(self, name: str) -> None:
        if self.status != "RUNNING":
            return
        state = definition(self.machine)["States"][name]
        match state["Type"]:
            case "Task":
                self.retried = {}
                self._run_task(name, state)
            case "Choice":
                self._soon(self._chosen(state), 0)
            case "Wait":
                wait_s = int(_at_path(self.data, state["SecondsPath"]))
                self._soon(state["Next"], wait_s * SECOND)
            case "Succeed":
                self._end("SUCCEEDED")
            case "Fail":
                self._end("FAILED")
            case other:
                raise NotImplementedError(f"{other}: teach tests/simulation/executions.py")

    def _end(self, status: str) -> None:
        if self.status == "RUNNING":
            self.status = status
            self.on_end(self, status)

    def _chosen(self, state: dict[str, Any]) -> str:
        for choice in state["Choices"]:
            if _at_path(self.data, choice["Variable"]) == choice["StringEquals"]:
                return str(choice["Next"])
        return str(state["Default"])

    def _run_task(self, name: str, state: dict[str, Any]) -> None:
        if self.status != "RUNNING":
            return
        odds = self.faults.odds
        if self.faults.happens(odds.execution_killed):
            self.kill()
            return
        parameters = state["Parameters"]
        function = _function_of(self.machine, parameters["FunctionName"])
        payload = _filled(parameters["Payload"], self.data)
        self.invoke(function, payload, lambda told: self._told(name, state, told))
        if self.faults.happens(odds.redelivered):
            again_ms = self.faults.between(0, 70 * SECOND)
            self.scheduler.after(again_ms, lambda: self.invoke(function, payload, _ignored))

    def _told(self, name: str, state: dict[str, Any], told: StepResult | Failure) -> None:
        if self.status != "RUNNING":
            return
        if isinstance(told, Failure):
            self._retry(name, state, told)
            return
        answer = {"Payload": {"outcome": told.outcome, "wait_s": told.wait_s}}
        assert state["ResultPath"] == "$.last"
        self.data = self.data | {"last": _filled(state["ResultSelector"], answer)}
        self._soon(state["Next"])

    def _retry(self, name: str, state: dict[str, Any], failure: Failure) -> None:
        for number, retrier in enumerate(state.get("Retry", [])):
            if not {failure.error, "States.ALL"} & set(retrier["ErrorEquals"]):
                continue
            tries = self.retried.get(number, 0)
            if tries >= retrier["MaxAttempts"]:
                break
            self.retried[number] = tries + 1
            most_s = retrier["IntervalSeconds"] * retrier["BackoffRate"] ** tries
            most_s = min(most_s, retrier["MaxDelaySeconds"])
            assert retrier["JitterStrategy"] == "FULL"
            wait_ms = self.faults.between(0, most_s * SECOND)
            self.scheduler.after(wait_ms, lambda: self._run_task(name, state))
            return
        self._end("FAILED")


def _ignored(_told: StepResult | Failure) -> None:
    return None


def _filled(template: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """`template` with every `name.$` replaced by what its path names."""
    return {
        name.removesuffix(".$"): _at_path(data, value) if name.endswith(".$") else value
        for name, value in template.items()
    }


def _at_path(data: Any, path: str) -> Any:
    assert path.startswith("$."), path
    for name in path[2:].split("."):
        data = data[name]
    return data
