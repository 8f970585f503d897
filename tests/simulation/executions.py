"""Runs the state machines as statemachines/*.asl.json write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from gpu_shopper.core.instants import to_text
from gpu_shopper.usecases.deps import Machine, StepResult
from tests.simulation.faults import RandomFaults
from tests.simulation.scheduler import SECOND, Scheduler
from tests.template.cfn import ROOT, properties

MACHINES = {Machine.PROVISION: "ProvisionMachine", Machine.TEARDOWN: "TeardownMachine"}
"""By logical id."""

HANDED_OVER_MS = 30
"""From one state to the next, and to the function of a task."""

_ROUND = "arn:aws:states:::aws-sdk:sfn:startSyncExecution"
_RETRY_EVERYTHING = "States.ALL"


@dataclass(frozen=True, slots=True)
class Failure:
    """A function died, or raised; `error` is the name that the state machine sees."""

    error: str
    cause: Exception | None = None


type Done = Callable[[StepResult | Failure], None]
type Invoke = Callable[[str, dict[str, Any], Done], None]
"""Runs a function by its logical id with that payload."""


@cache
def definition(machine: str) -> dict[str, Any]:
    """The state machine with this logical id as it is deployed."""
    text = (ROOT / properties(machine)["DefinitionUri"]).read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@cache
def is_express(machine: str) -> bool:
    """Whether its executions are paid by time and end when theirs is over."""
    return bool(properties(machine)["Type"] == "EXPRESS")


@cache
def _stands_for(machine: str, placeholder: str) -> str:
    """The logical id of the function, or of the state machine, behind a placeholder."""
    substitutions = properties(machine)["DefinitionSubstitutions"]
    given = substitutions[placeholder.removeprefix("${").removesuffix("}")]
    return str(given["Ref"] if "Ref" in given else given["Fn::GetAtt"][0])


@dataclass(eq=False, kw_only=True)
class Execution:
    """One execution. It knows nothing of sessions beyond what its input says.

    `machine` is a logical id. A round is an execution that this one begins, and waits for.
    """

    machine: str
    name: str
    data: dict[str, Any]
    scheduler: Scheduler
    faults: RandomFaults
    invoke: Invoke
    on_end: Callable[[Execution, str], None]
    round_begins: Callable[[Execution], None]
    round_ends: Callable[[Execution, str], None]
    status: str = "RUNNING"
    context: dict[str, Any] = field(default_factory=dict)
    retried: dict[int, int] = field(default_factory=dict)

    def begin(self) -> None:
        """Enter the first state in a moment."""
        self.context = {
            "Name": self.name,
            "Input": self.data,
            "StartTime": to_text(self.scheduler.now()),
        }
        if is_express(self.machine):
            ends_ms = self.scheduler.now_ms + definition(self.machine)["TimeoutSeconds"] * SECOND
            self.scheduler.at(ends_ms, lambda: self._end("TIMED_OUT"), is_routine=True)
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
                self.data = _at_path(self.data, state.get("OutputPath", "$"))
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
            if self._holds(choice):
                return str(choice["Next"])
        return str(state["Default"])

    def _holds(self, rule: dict[str, Any]) -> bool:
        if "Not" in rule:
            return not self._holds(rule["Not"])
        return bool(_at_path(self.data, rule["Variable"]) == rule["StringEquals"])

    def _run_task(self, name: str, state: dict[str, Any]) -> None:
        if self.status != "RUNNING":
            return
        if self.faults.happens(self.faults.odds.execution_killed):
            self.kill()
            return
        if state["Resource"] == _ROUND:
            self._play_round(state)
            return
        parameters = state["Parameters"]
        function = _stands_for(self.machine, parameters["FunctionName"])
        payload = self._filled(parameters["Payload"])
        self.invoke(function, payload, lambda told: self._told(name, state, told))
        if self.faults.happens(self.faults.odds.redelivered):
            again_ms = self.faults.between(0, 70 * SECOND)
            self.scheduler.after(again_ms, lambda: self.invoke(function, payload, _ignored))

    def _play_round(self, state: dict[str, Any]) -> None:
        """Begin another execution, and hear of its end: an answer, whichever way it ends."""
        asked = self._filled(state["Parameters"])
        begun = replace(
            self,
            machine=_stands_for(self.machine, asked["StateMachineArn"]),
            name=asked["Name"],
            data=json.loads(asked["Input"]),
            on_end=lambda ended, status: self._heard(state, ended, status),
            context={},
            retried={},
        )
        self.round_begins(begun)
        begun.begin()

    def _heard(self, state: dict[str, Any], ended: Execution, status: str) -> None:
        """What AWS answers of an EXPRESS execution; one that was stopped has failed."""
        answer = {"Status": "FAILED" if status == "KILLED" else status}
        if status == "SUCCEEDED":
            answer["Output"] = json.dumps(ended.data)
        self.round_ends(ended, status)
        if self.status == "RUNNING":
            self._keep(state, answer)

    def _told(self, name: str, state: dict[str, Any], told: StepResult | Failure) -> None:
        if self.status != "RUNNING":
            return
        if isinstance(told, Failure):
            self._retry(name, state, told)
            return
        answer = {"Payload": {"outcome": told.outcome, "wait_s": told.wait_s}}
        self._keep(state, _selected(state["ResultSelector"], answer))

    def _keep(self, state: dict[str, Any], result: dict[str, Any]) -> None:
        self.data = self.data | {state["ResultPath"].removeprefix("$."): result}
        self._soon(state["Next"])

    def _retry(self, name: str, state: dict[str, Any], failure: Failure) -> None:
        for number, retrier in enumerate(state.get("Retry", [])):
            if not {failure.error, _RETRY_EVERYTHING} & set(retrier["ErrorEquals"]):
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

    def _filled(self, template: dict[str, Any]) -> dict[str, Any]:
        """`template` with every `name.$` replaced by what its path names."""
        return {
            name.removesuffix(".$"): self._value(text) if name.endswith(".$") else text
            for name, text in template.items()
        }

    def _value(self, path: str) -> Any:
        if path.startswith("States.JsonToString("):
            return json.dumps(self._value(path[len("States.JsonToString(") : -1]))
        if path.startswith("$$.Execution."):
            return _at_path(self.context, "$." + path.removeprefix("$$.Execution."))
        return _at_path(self.data, path)


def _ignored(_told: StepResult | Failure) -> None:
    return None


def _selected(template: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    return {name.removesuffix(".$"): _at_path(data, path) for name, path in template.items()}


def _at_path(data: Any, path: str) -> Any:
    assert path.startswith("$"), path
    for name in path.split(".")[1:]:
        data = data[name]
    return data
