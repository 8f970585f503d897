"""What each function is given besides code: role, log group, time, second chances."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.providers.registry import PROVIDERS
from tests.template.cfn import ROOT, parameters, properties, resources, template

FUNCTIONS = {
    "AuthorizerFunction": "authorizer",
    "InventoryApiFunction": "inventory_api",
    "SessionsApiFunction": "sessions_api",
    "CostsApiFunction": "costs_api",
    "HeartbeatApiFunction": "heartbeat_api",
    "OperatorApiFunction": "operator_api",
    "ProvisionStepFunction": "provision_step",
    "VerifySshFunction": "verify_ssh",
    "TeardownStepFunction": "teardown_step",
    "RefreshInventoryFunction": "refresh_inventory",
    "ExpireSessionsFunction": "expire_sessions",
    "ReconcileFunction": "reconcile",
    "AccrueCostsFunction": "accrue_costs",
    "PublishEventsFunction": "publish_events",
    "WebhooksApiFunction": "webhooks_api",
    "DeliverWebhooksFunction": "deliver_webhooks",
    "HardStopFunction": "hard_stop",
    "PublishGaugesFunction": "publish_gauges",
}
EACH_PROVIDER = [json.dumps({"provider": name}, separators=(",", ":")) for name in PROVIDERS]
CHARGES = [
    json.dumps({"provider": name, "what": "charges"}, separators=(",", ":")) for name in PROVIDERS
]
TEMPLATES = [
    json.dumps({"provider": name, "what": "templates"}, separators=(",", ":"))
    for name, facts in FACTS.items()
    if facts.has_templates
]
SWEEPS: dict[str, list[tuple[str, str | None]]] = {
    "RefreshInventoryFunction": [
        *(("InventorySchedule", each) for each in EACH_PROVIDER),
        *(("TemplatesSchedule", each) for each in TEMPLATES),
    ],
    "ExpireSessionsFunction": [("LifecycleSchedule", None)],
    "PublishGaugesFunction": [("GaugesSchedule", None)],
    "ReconcileFunction": [
        *(("ReconcileSchedule", each) for each in EACH_PROVIDER),
        *(("ChargesSchedule", each) for each in CHARGES),
    ],
    "AccrueCostsFunction": [("CostsSchedule", None)],
}
GATEWAY_GIVES_UP_AFTER_S = 29
MEASURED = ROOT / "docs" / "decisions" / "0027-memory-is-what-was-measured-and-half-of-it.md"
each_function = pytest.mark.parametrize("name", FUNCTIONS)
each_sweep = pytest.mark.parametrize("name", SWEEPS)


def _globals() -> dict[str, Any]:
    found: dict[str, Any] = template()["Globals"]["Function"]
    return found


def seconds(value: Any) -> int:
    """A time-out in seconds; a parameter counts with its default."""
    return int(parameters()[value["Ref"]]["Default"]) if isinstance(value, dict) else int(value)


def function_timeout_s(name: str) -> int:
    """The time-out of a function, its own or the shared one."""
    return seconds(properties(name).get("Timeout", _globals()["Timeout"]))


def test_the_template_has_exactly_these_functions() -> None:
    assert set(resources("AWS::Serverless::Function")) == set(FUNCTIONS)


def test_every_folder_of_functions_is_one_function_of_one_file() -> None:
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    assert folders == set(FUNCTIONS.values())


@each_function
def test_a_function_is_built_from_its_own_folder(name: str) -> None:
    assert properties(name)["CodeUri"] == f"functions/{FUNCTIONS[name]}"


@each_function
def test_a_function_has_a_role_that_no_other_function_has(name: str) -> None:
    """N-62: least privilege needs one role per function."""
    role = properties(name)["Role"]["Fn::GetAtt"][0]
    users = [each for each in FUNCTIONS if properties(each)["Role"]["Fn::GetAtt"][0] == role]
    assert users == [name]
    assert resources()[role]["Type"] == "AWS::IAM::Role"


@each_function
def test_a_function_logs_to_its_own_group_for_a_bounded_time(name: str) -> None:
    group = properties(name)["LoggingConfig"]["LogGroup"]["Ref"]
    assert group == name.replace("Function", "Logs")
    assert properties(group)["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@each_function
def test_a_function_may_write_its_own_logs_only(name: str) -> None:
    role = properties(name)["Role"]["Fn::GetAtt"][0]
    (policy,) = properties(role)["Policies"]
    (logs,) = [each for each in policy["PolicyDocument"]["Statement"] if each["Sid"] == "Logs"]
    assert logs["Resource"] == {"Fn::GetAtt": [name.replace("Function", "Logs"), "Arn"]}


def _measured_mb() -> dict[str, tuple[int, int]]:
    """Function → (most that it took, what it is given), of those with a memory of their own."""
    rows = re.findall(r"^\| (\w+Function) \|.*\| (\d+) \| (\d+) \|$", MEASURED.read_text(), re.M)
    return {name: (int(peak), int(given)) for name, peak, given in rows}


def test_a_memory_of_its_own_is_measured_and_leaves_half_as_much_again() -> None:
    own = {name: properties(name).get("MemorySize") for name in FUNCTIONS}
    given = {name: mb for name, mb in own.items() if mb is not None}
    assert {name: mb for name, (_, mb) in _measured_mb().items()} == given
    assert not [name for name, (peak, mb) in _measured_mb().items() if mb < 1.5 * peak]


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name.endswith("ApiFunction")])
def test_an_api_function_has_the_memory_and_so_the_speed_of_all(name: str) -> None:
    assert "MemorySize" not in properties(name)


def test_all_functions_are_traced_and_share_one_runtime_and_layer() -> None:
    shared = _globals()
    assert shared["Tracing"] == "Active"
    assert shared["Runtime"] == "python3.12"
    assert shared["Layers"] == [{"Ref": "SharedLayer"}]
    overridden = {"Tracing", "Runtime", "Layers", "Handler", "Architectures"}
    assert not [name for name in FUNCTIONS if overridden & set(properties(name))]


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name.endswith("ApiFunction")])
def test_an_api_function_gives_up_before_the_gateway_does(name: str) -> None:
    assert function_timeout_s(name) < GATEWAY_GIVES_UP_AFTER_S


def test_no_launch_call_outlives_the_time_after_which_it_counts_as_uncertain() -> None:
    assert properties("ProvisionStepFunction")["Timeout"] == {"Ref": "LaunchCallMaxS"}


def test_a_launch_at_tensordock_may_take_its_time_within_that_of_any_launch() -> None:
    """M-19: the create time-out of 60 s is reached before the function's own end."""
    waits = ("ProviderConnectTimeoutS", "TensordockCreateTimeoutS")
    assert sum(parameters()[name]["Default"] for name in waits) < seconds({"Ref": "LaunchCallMaxS"})


def _defaults_s(*names: str) -> int:
    return sum(parameters()[name]["Default"] for name in names)


ANSWER = ("ProviderConnectTimeoutS", "ProviderReadTimeoutS")


def test_a_launch_may_wait_for_its_turn_twice_and_still_be_answered() -> None:
    """5.0: twice when a key is refused and read again."""
    answer_s = _defaults_s("ProviderConnectTimeoutS", "TensordockCreateTimeoutS")
    needed_s = 2 * _defaults_s("PaceLaunchWaitS") + answer_s
    assert needed_s < seconds({"Ref": "LaunchCallMaxS"})


def test_a_terminate_may_wait_for_its_turn_twice_and_still_be_answered() -> None:
    """5.0, 2.11."""
    needed_s = 2 * _defaults_s("PaceTerminateWaitS", *ANSWER)
    assert needed_s < function_timeout_s("TeardownStepFunction")


def test_a_refresh_may_wait_for_its_turn_and_still_be_in_time() -> None:
    """5.0, 2.1."""
    assert _defaults_s("PaceRefreshWaitS", *ANSWER) < _defaults_s("RefreshGiveUpS")


def test_a_refresh_gives_up_before_it_is_cut_off_and_before_its_lease_ends() -> None:
    cut_off_s = function_timeout_s("RefreshInventoryFunction")
    gives_up_s, lease_s = (
        parameters()[name]["Default"] for name in ("RefreshGiveUpS", "RefreshLeaseS")
    )
    assert gives_up_s < cut_off_s < lease_s


def test_an_ssh_try_with_its_checks_fits_into_the_verifying_functions_time() -> None:
    waits = ("SshConnectTimeoutS", "SshLoginTimeoutS", "SshCommandTimeoutS")
    checks_s = 30
    needed_s = sum(parameters()[name]["Default"] for name in waits) + checks_s
    assert needed_s < function_timeout_s("VerifySshFunction")


def test_no_function_is_locked_into_a_network_so_any_ssh_port_can_be_reached() -> None:
    """X-29: the verifying function can reach any outbound TCP port."""
    assert "VpcConfig" not in _globals()
    assert not [name for name in FUNCTIONS if "VpcConfig" in properties(name)]


@each_sweep
def test_a_sweep_is_started_by_its_schedule_and_nothing_else(name: str) -> None:
    """N-31, R-004: each sweep hangs on its own schedule, for every provider that there is."""
    events = properties(name)["Events"].values()
    assert {event["Type"] for event in events} == {"Schedule"}
    given = [event["Properties"] for event in events]
    assert [(one["Schedule"]["Ref"], one.get("Input")) for one in given] == SWEEPS[name]


@each_sweep
def test_a_failed_sweep_is_kept_and_not_repeated(name: str) -> None:
    """N-65: dead letters and retries are dropped by the emulator, so the text is read."""
    sweep = properties(name)
    queue = {"Fn::GetAtt": ["SweepDeadLetters", "Arn"]}
    assert sweep["DeadLetterQueue"] == {"Type": "SQS", "TargetArn": queue}
    assert sweep["EventInvokeConfig"]["MaximumRetryAttempts"] == 0


@each_sweep
def test_reserved_runs_for_sweeps_are_off_unless_asked_for(name: str) -> None:
    """N-65: reserved concurrency is dropped by the emulator, so the text is read."""
    wanted = [{"Ref": "SweepConcurrency"}, {"Ref": "AWS::NoValue"}]
    assert properties(name)["ReservedConcurrentExecutions"] == {
        "Fn::If": ["ReservesSweeps", *wanted]
    }
    assert parameters()["SweepConcurrency"]["Default"] == 0


def test_only_sweeps_are_scheduled() -> None:
    scheduled = {
        name
        for name in FUNCTIONS
        if any(one["Type"] == "Schedule" for one in properties(name).get("Events", {}).values())
    }
    assert scheduled == set(SWEEPS)


def test_no_record_of_the_audits_stream_keeps_later_ones_back_for_ever() -> None:
    """N-65: the emulator ignores most of this, so the text is read."""
    (stream,) = (
        one["Properties"] for one in properties("PublishEventsFunction")["Events"].values()
    )
    assert stream["Stream"] == {"Fn::GetAtt": ["AuditTable", "StreamArn"]}
    assert stream["StartingPosition"] == "TRIM_HORIZON"
    assert stream["MaximumRecordAgeInSeconds"] == 3600
    assert stream["BisectBatchOnFunctionError"] is True
    assert stream["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    queue = {"Fn::GetAtt": ["EventDeadLetters", "Arn"]}
    assert stream["DestinationConfig"] == {"OnFailure": {"Destination": queue}}
    assert "EventDeadLetters" in str(properties("PublishEventsRole")["Policies"])


def test_the_folders_named_in_the_template_are_relative() -> None:
    assert not [name for name in FUNCTIONS if Path(properties(name)["CodeUri"]).is_absolute()]
