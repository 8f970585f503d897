"""Who may do what: nobody more than the matrix says, and that under conditions."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.template.cfn import properties, resources
from tests.template.privileges import (
    ALL,
    GET,
    INVOKE,
    ITEM_ACTIONS,
    MATRIX,
    PASS_ROLE,
    PUT,
    QUERY,
    TIMERS,
)

REQUEST_ROUTES = (
    "InventoryApi",
    "SessionsApi",
    "HeartbeatApi",
    "CostsApi",
    "OperatorApi",
    "WebhooksApi",
)
BY_NAME = {
    "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}"
    ":stateMachine:${AWS::StackName}-provision": "ProvisionMachine",
    "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}"
    ":schedule/${HardStops}/*": TIMERS,
    "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}"
    ":function:${AWS::StackName}-hard-stop": "HardStopFunction",
}
NAMELESS = ("xray:", "logs:")


def _statements(role: str) -> list[dict[str, Any]]:
    policies = properties(role)["Policies"]
    return [each for policy in policies for each in policy["PolicyDocument"]["Statement"]]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _on_aws(resources: Any) -> list[Any]:
    """Resources of a statement, without what is allowed in a local run only."""
    absent = {"Ref": "AWS::NoValue"}
    every = [each["Fn::If"][1] if "Fn::If" in each else each for each in _list(resources)]
    return [each for each in every if each != absent]


def _named(resource: Any) -> str:
    if "Fn::GetAtt" in resource:
        return str(resource["Fn::GetAtt"][0])
    if "Ref" in resource:
        return str(resource["Ref"])
    text = str(resource["Fn::Sub"])
    return BY_NAME.get(text, text.replace("${", "").replace(".Arn}", ""))


def _granted(function: str) -> dict[str, set[str]]:
    granted: dict[str, set[str]] = {}
    for statement in _statements(f"{function}Role"):
        if statement["Sid"] == "Logs":
            continue
        actions = set(_list(statement["Action"]))
        for resource in _on_aws(statement["Resource"]):
            kept = {ALL} if actions == ITEM_ACTIONS else actions
            granted.setdefault(_named(resource), set()).update(kept)
    return granted


@pytest.mark.parametrize("function", MATRIX)
def test_a_function_may_do_exactly_what_the_matrix_says(function: str) -> None:
    """N-62: each function's policy names tables and actions."""
    assert _granted(function) == MATRIX[function]


def test_the_matrix_is_complete() -> None:
    functions = {name.removesuffix("Function") for name in resources("AWS::Serverless::Function")}
    assert functions == set(MATRIX)


@pytest.mark.parametrize("function", REQUEST_ROUTES)
def test_no_function_behind_a_route_can_read_a_secret_or_use_a_probe_key(function: str) -> None:
    """N-62: consumer routes can neither read provider secrets nor decrypt probe keys."""
    granted = _granted(function)
    for own in ("RepeatKey", "WebhookKey"):
        granted.pop(own, None)
    actions = {action for each in granted.values() for action in each}
    assert not [each for each in actions if each.startswith(("secretsmanager:", "kms:"))]


@pytest.mark.parametrize("function", ["WebhooksApi", "DeliverWebhooks", "OperatorApi"])
def test_a_webhooks_secret_is_bound_to_it(function: str) -> None:
    (statement,) = [s for s in _statements(f"{function}Role") if s["Sid"] == "WebhookKey"]
    wanted = {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["webhook_id"]}}
    assert statement["Condition"] == wanted


def test_what_a_repeat_shows_again_is_opened_by_the_sessions_function_alone() -> None:
    """N-11, N-62: with a key of its own, bound to the session."""
    assert [name for name in MATRIX if "RepeatKey" in _granted(name)] == ["SessionsApi"]
    (statement,) = [s for s in _statements("SessionsApiRole") if "RepeatKey" in str(s["Resource"])]
    wanted = {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["session_id"]}}
    assert statement["Condition"] == wanted


def test_whoever_seals_a_probe_key_cannot_open_it_and_the_other_way_round() -> None:
    using = {name: actions for name in MATRIX if (actions := _granted(name).get("ProbeKey", set()))}
    assert using == {"ProvisionStep": {"kms:Encrypt"}, "VerifySsh": {"kms:Decrypt"}}


@pytest.mark.parametrize("function", ["ProvisionStep", "VerifySsh"])
def test_a_probe_key_is_bound_to_its_session(function: str) -> None:
    (statement,) = [s for s in _statements(f"{function}Role") if "ProbeKey" in str(s["Resource"])]
    wanted = {"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["session_id"]}}
    assert statement["Condition"] == wanted


@pytest.mark.parametrize("function", ["InventoryApi", "SessionsApi", "CostsApi", "WebhooksApi"])
def test_a_route_that_counts_requests_can_touch_token_buckets_but_no_key(function: str) -> None:
    (statement,) = [s for s in _statements(f"{function}Role") if s["Sid"] == "RateLimit"]
    wanted = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["RATE#*"]}}
    assert statement["Condition"] == wanted


def test_whoever_sets_budgets_cannot_change_the_ledger() -> None:
    (statement,) = [s for s in _statements("OperatorApiRole") if s["Sid"] == "Budgets"]
    wanted = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["BUDGET*"]}}
    assert statement["Condition"] == wanted


def test_whoever_sets_budgets_can_seal_a_receivers_secret_and_not_open_it() -> None:
    """N-62: and change webhooks, not the record of what was delivered."""
    own = [s for s in _statements("OperatorApiRole") if s["Sid"] == "BudgetWebhooks"]
    wanted = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["HOOKS", "OWNER#*"]}}
    assert [statement["Condition"] for statement in own] == [wanted]
    assert _granted("OperatorApi")["WebhookKey"] == {"kms:Encrypt"}


def test_whoever_takes_heartbeats_reads_sessions_and_writes_heartbeats_only() -> None:
    """2.12: the route without an API key can change no session."""
    allowed = {
        (statement["Action"], *statement["Condition"]["ForAllValues:StringLike"].popitem()[1])
        for statement in copy.deepcopy(_statements("HeartbeatApiRole"))
        if statement["Sid"] != "Logs"
    }
    assert allowed == {(GET, "SESSION#*"), (PUT, "BEAT#*"), (PUT, "HEARTBEATS")}


def test_no_roles_own_policy_uses_a_wildcard_for_a_resource_or_an_action() -> None:
    """N-62: no `*` resource where one can be named."""
    for role in resources("AWS::IAM::Role"):
        if "Policies" not in properties(role):
            continue
        for statement in _statements(role):
            assert "*" not in _list(statement["Resource"])
            assert not [action for action in _list(statement["Action"]) if "*" in action]


def test_only_actions_that_cannot_name_a_resource_are_allowed_on_all() -> None:
    """N-62: traces and log delivery exist on `*` only."""
    for name in resources("AWS::IAM::ManagedPolicy"):
        for statement in properties(name)["PolicyDocument"]["Statement"]:
            assert all(action.startswith(NAMELESS) for action in statement["Action"])


def test_a_timers_role_is_given_to_the_scheduler_alone() -> None:
    """N-62: with PassRole alone, a function could give it to anything."""
    for function in ("ProvisionStep", "HardStop"):
        (statement,) = [s for s in _statements(f"{function}Role") if s["Action"] == PASS_ROLE]
        assert statement["Condition"] == {
            "StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}
        }


def test_a_timer_may_invoke_the_function_that_ends_its_session_and_nothing_else() -> None:
    (statement,) = _statements("HardStopTimerRole")
    assert statement["Action"] == INVOKE
    assert _named(statement["Resource"]) == "HardStopFunction"
    assert properties("HardStopFunction")["FunctionName"] == {
        "Fn::Sub": "${AWS::StackName}-hard-stop"
    }


@pytest.mark.parametrize(
    ("machine", "functions"),
    [
        ("ProvisionRound", {"ProvisionStepFunction", "VerifySshFunction"}),
        ("TeardownMachine", {"TeardownStepFunction"}),
    ],
)
def test_a_machine_may_invoke_its_own_functions_only(machine: str, functions: set[str]) -> None:
    (statement,) = _statements(f"{machine}Role")
    assert statement["Action"] == "lambda:InvokeFunction"
    assert {_named(each) for each in _list(statement["Resource"])} == functions


def test_the_provision_machine_may_play_its_rounds_and_nothing_else() -> None:
    (statement,) = _statements("ProvisionMachineRole")
    assert statement["Action"] == "states:StartSyncExecution"
    assert _named(statement["Resource"]) == "ProvisionRound"


def test_whoever_may_write_sessions_may_tell_so_in_the_audit_and_change_nothing_there() -> None:
    """N-29: an event is in the transaction of the change, which fails without this right."""
    # The heartbeats' function may put rows of its own only.
    writers = [name for name in MATRIX if ALL in _granted(name).get("SessionsTable", set())]
    assert "SessionsApi" in writers
    assert [name for name in writers if PUT not in _granted(name).get("AuditTable", set())] == []
    environments = {n: properties(f"{n}Function")["Environment"]["Variables"] for n in writers}
    assert [name for name, own in environments.items() if "AUDIT_TABLE" not in own] == []
    others = {action for name in MATRIX for action in _granted(name).get("AuditTable", set())}
    assert others == {PUT, QUERY}
