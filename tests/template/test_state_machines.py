"""The state machines, linted: neither AWS at deploy nor the emulator does all of this."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from gpu_shopper.core.polling import ROUND_ENDS_S
from tests.template.cfn import ROOT, parameters, properties
from tests.template.test_functions import function_timeout_s

FOLDER = ROOT / "statemachines"
MACHINES = {
    "provision": "ProvisionMachine",
    "provision_round": "ProvisionRound",
    "teardown": "TeardownMachine",
}
STEPPED = ("provision_round", "teardown")
"""Those whose tasks are steps; the third plays rounds."""

EXPRESS_LIMIT_S = 300
HISTORY_LIMIT_EVENTS = 25_000
EVENTS_OF = {"Task": 5, "Choice": 2, "Wait": 2}
README_ROW = re.compile(r"^\| (\w+) \| `(\w+)`, step `(\w+)` \| ([^|]+) \|", re.MULTILINE)
OUTCOME_SAID = re.compile(r'StepResult\("(\w+)"')
each_machine = pytest.mark.parametrize("machine", MACHINES)
each_stepped = pytest.mark.parametrize("machine", STEPPED)


@cache
def _machine(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / f"{name}.asl.json").read_text("utf-8"))
    return loaded


def _states(machine: str, *kinds: str) -> dict[str, dict[str, Any]]:
    every: dict[str, dict[str, Any]] = _machine(machine)["States"]
    return {name: body for name, body in every.items() if not kinds or body["Type"] in kinds}


def _next(state: dict[str, Any]) -> Iterator[str]:
    for choice in state.get("Choices", []):
        yield choice["Next"]
    for field in ("Next", "Default"):
        if field in state:
            yield state[field]


def _function(machine: str, task: dict[str, Any]) -> str:
    """The logical id of the function a task calls, through the template's substitutions."""
    placeholder = task["Parameters"]["FunctionName"].removeprefix("${").removesuffix("}")
    substitutions = properties(MACHINES[machine])["DefinitionSubstitutions"]
    return str(substitutions[placeholder]["Fn::GetAtt"][0])


def _outcomes(machine: str, task: dict[str, Any]) -> set[str]:
    choice = _states(machine)[task["Next"]]
    return {each["StringEquals"] for each in choice["Choices"]}


@each_machine
def test_the_template_deploys_this_definition_and_fills_every_placeholder(machine: str) -> None:
    deployed = properties(MACHINES[machine])
    text = (FOLDER / f"{machine}.asl.json").read_text("utf-8")
    assert deployed["DefinitionUri"] == f"statemachines/{machine}.asl.json"
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(deployed["DefinitionSubstitutions"])


@each_machine
def test_a_machine_is_logged_without_data_and_traced(machine: str) -> None:
    deployed = properties(MACHINES[machine])
    assert deployed["Tracing"] == {"Enabled": True}
    assert deployed["Logging"]["Level"] == "ALL"
    assert deployed["Logging"]["IncludeExecutionData"] is False


def test_whoever_starts_a_machine_starts_one_whose_names_are_taken_once() -> None:
    """M-6: only STANDARD refuses a second execution of a name; rounds have no name to guard."""
    kinds = {machine: properties(logical)["Type"] for machine, logical in MACHINES.items()}
    assert kinds == {"provision": "STANDARD", "provision_round": "EXPRESS", "teardown": "STANDARD"}


@each_machine
def test_every_next_names_a_state_and_every_state_can_be_reached(machine: str) -> None:
    states = _states(machine)
    reached, waiting = set(), [_machine(machine)["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(_next(states[name]))
    assert reached == set(states)


@each_machine
def test_every_state_says_why_it_is_there(machine: str) -> None:
    assert all(state.get("Comment") for state in _states(machine).values())


@each_stepped
def test_every_task_is_a_task_choice_wait_or_end(machine: str) -> None:
    kinds = {state["Type"] for state in _states(machine).values()}
    assert kinds == {"Task", "Choice", "Wait", "Succeed", "Fail"}


@each_stepped
def test_every_task_waits_a_little_longer_than_its_function_may_run(machine: str) -> None:
    for task in _states(machine, "Task").values():
        given_s = function_timeout_s(_function(machine, task))
        assert given_s < task["TimeoutSeconds"] <= given_s + 60


def test_a_task_outlasts_the_longest_launch_call_that_can_be_configured() -> None:
    longest_s = parameters()["LaunchCallMaxS"]["MaxValue"]
    assert _states("provision_round")["Launch"]["TimeoutSeconds"] > longest_s


@each_machine
def test_every_task_tries_again_a_bounded_number_of_times_with_jitter(machine: str) -> None:
    for task in _states(machine, "Task").values():
        *passing, last = task["Retry"]
        assert last["ErrorEquals"] == ["States.ALL"]
        assert all(each["ErrorEquals"][0].startswith("Lambda.") for each in passing)
        for rule in task["Retry"]:
            assert rule["JitterStrategy"] == "FULL"
            assert 0 < rule["MaxAttempts"] <= 6
            assert rule["MaxDelaySeconds"] <= 30


@each_stepped
def test_every_task_sends_ids_and_a_step_and_keeps_outcome_and_wait_only(machine: str) -> None:
    for task in _states(machine, "Task").values():
        payload = task["Parameters"]["Payload"]
        began = {"round_began_at.$"} if machine == "provision_round" else set()
        assert set(payload) == {"step", "session_id.$", "attempt.$"} | began
        assert set(task["ResultSelector"]) == {"outcome.$", "wait_s.$"}
        assert task["ResultPath"] == "$.last"


@each_stepped
def test_a_choice_looks_at_the_outcome_and_at_nothing_else(machine: str) -> None:
    for choice in _states(machine, "Choice").values():
        for rule in choice["Choices"]:
            assert set(rule) == {"Variable", "StringEquals", "Next"}
            assert rule["Variable"] == "$.last.outcome"


@each_machine
def test_an_unknown_outcome_fails_the_execution(machine: str) -> None:
    for choice in _states(machine, "Choice").values():
        assert _states(machine)[choice["Default"]]["Type"] == "Fail"


@each_machine
def test_a_wait_takes_its_seconds_from_the_step_and_holds_no_number(machine: str) -> None:
    """N-57: no such number appears in state machines."""
    for wait in _states(machine, "Wait").values():
        assert wait["SecondsPath"] == "$.last.wait_s"
        assert not {"Seconds", "Timestamp", "TimestampPath"} & set(wait)


@each_stepped
def test_a_loop_always_passes_a_wait_or_another_kind_of_task(machine: str) -> None:
    for name, task in _states(machine, "Task").items():
        following = set(_next(_states(machine)[task["Next"]]))
        assert name not in following


@each_stepped
def test_the_readme_lists_every_task_with_its_function_and_outcomes(machine: str) -> None:
    text = (FOLDER / "README.md").read_text("utf-8")
    section = text.split(f"## {machine}.asl.json")[1].split("\n## ")[0]
    written = {
        row[0]: (row[1], row[2], set(re.findall(r"`(\w+)`", row[3])))
        for row in README_ROW.findall(section)
    }
    assert written == {
        name: (
            properties(_function(machine, task))["CodeUri"].removeprefix("functions/"),
            task["Parameters"]["Payload"]["step"],
            _outcomes(machine, task),
        )
        for name, task in _states(machine, "Task").items()
    }


def test_every_word_a_step_can_say_is_an_outcome_of_a_machine() -> None:
    """The words are read off the use cases' text, so a new one cannot be forgotten here."""
    sources = (ROOT / "layers/shared/gpu_shopper/usecases").glob("*.py")
    said = {word for file in sources for word in OUTCOME_SAID.findall(file.read_text("utf-8"))}
    tasks = [(machine, task) for machine in STEPPED for task in _states(machine, "Task").values()]
    assert said <= set.union(*(_outcomes(machine, task) for machine, task in tasks))


def _events_of_a_round(machine: str) -> int:
    """More than any round can make: every state of the machine once, and a failed try of each."""
    states = _states(machine).values()
    return sum(EVENTS_OF.get(state["Type"], 1) for state in states)


def test_a_teardown_hands_over_long_before_its_history_is_full() -> None:
    rounds = parameters()["TeardownRoundsPerExecution"]["Default"]
    assert rounds * _events_of_a_round("teardown") < HISTORY_LIMIT_EVENTS / 2


def test_an_hour_of_the_shortest_rounds_fits_into_the_history() -> None:
    rounds = 3600 / parameters()["ProvisionRoundS"]["MinValue"]
    assert rounds * _events_of_a_round("provision") < HISTORY_LIMIT_EVENTS


def test_a_round_is_over_before_aws_ends_it() -> None:
    """The last step begins before the round is over, and has the rest of the five minutes."""
    longest_s = max(one["TimeoutSeconds"] for one in _states("provision_round", "Task").values())
    assert _machine("provision_round")["TimeoutSeconds"] == EXPRESS_LIMIT_S
    assert parameters()["ProvisionRoundS"]["MaxValue"] + longest_s <= EXPRESS_LIMIT_S
    assert ROUND_ENDS_S <= EXPRESS_LIMIT_S - 10, "from state to state it takes time, too"


def test_a_round_is_waited_for_until_aws_has_ended_it() -> None:
    waited_s = _states("provision")["Round"]["TimeoutSeconds"]
    assert EXPRESS_LIMIT_S < waited_s <= EXPRESS_LIMIT_S + 60


def test_a_round_gets_the_ids_that_the_execution_got_and_nothing_else() -> None:
    """What an earlier round answered would make the next one's input longer each time."""
    assert _states("provision")["Round"]["Parameters"] == {
        "StateMachineArn": "${ProvisionRoundArn}",
        "Name.$": "$$.Execution.Name",
        "Input.$": "States.JsonToString($$.Execution.Input)",
    }


def test_a_round_that_did_not_end_well_ends_the_execution_before_its_answer_is_read() -> None:
    broken, *read = _states("provision")["AfterRound"]["Choices"]
    assert broken["Not"] == {"Variable": "$.round.Status", "StringEquals": "SUCCEEDED"}
    assert _states("provision")[broken["Next"]]["Type"] == "Fail"
    assert {rule["Variable"] for rule in read} == {"$.round.Output"}


def test_a_round_ends_with_the_words_that_are_waited_for() -> None:
    states = _states("provision_round")
    assert states["Done"]["OutputPath"] == "$.last.outcome"
    said = {
        rule["StringEquals"]
        for choice in _states("provision_round", "Choice").values()
        for rule in choice["Choices"]
        if rule["Next"] in {"Done", "WaitToRest"}
    }
    rules = _states("provision")["AfterRound"]["Choices"][1:]
    assert {json.loads(rule["StringEquals"]): rule["Next"] for rule in rules} == {
        "done": "Done",
        "rest": "Round",
    }
    assert said == {"done", "rest"}


@pytest.mark.parametrize("machine", ["provision", "teardown"])
def test_a_machine_as_a_whole_ends_some_day(machine: str) -> None:
    assert _machine(machine)["TimeoutSeconds"] == 24 * 3600
