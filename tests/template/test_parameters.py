"""One settings table: dataclass, template parameters and functions' environment are the same."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from gpu_shopper.core.settings import Settings
from gpu_shopper.edge.settings import SEPARATOR
from gpu_shopper.providers.registry import PROVIDERS
from tests.template.cfn import parameters, properties, resources, template

ENVIRONMENT_BYTES = 3_584  # of the 4,096 that Lambda allows
LONGEST_PARAMETER_CHARS = 9  # 999,999,999 s are 31 years
LONGEST_LIST_CHARS = 500
LONGEST_PSEUDO = {
    "AWS::Partition": len("aws-us-gov"),
    "AWS::Region": len("ap-southeast-2"),
    "AWS::AccountId": 12,
    "AWS::StackName": 54,
    "AWS::URLSuffix": len("amazonaws.com.cn"),
    "api": len("{api}"),
}
LONGEST_ARN_CHARS = len("arn:aws-us-gov:states:ap-southeast-2:123456789012:stateMachine:")
LONGEST_QUEUE_URL_CHARS = len("https://sqs.ap-southeast-2.amazonaws.com.cn/123456789012/")
# Identifiers whose longest form AWS fixes, or we do.
OF_FIXED_FORM = {"DeploymentId": 8, "Api": 10, "SnapshotBucket": 63, "ProbeKey": 90}
# Made of the stack's name (54 characters at most: a function is named after it), the logical id and
# 14 of AWS's; ARNs have their service, region and account in front, and roles' names end at 64.
LONGEST_STACK_NAME_CHARS = 54
LONGEST_ROLE_ARN_CHARS = len("arn:aws-us-gov:iam::123456789012:role/") + 64
LONGEST_SECRET_ARN_CHARS = (
    len("arn:aws-us-gov:secretsmanager:ap-southeast-2:123456789012:secret:") + 14 + 7
)
OF_THE_STACK = {
    "DeploymentId",
    "Stage",
    "EnabledProviders",
    "VastaiBaseUrl",
    "TensordockBaseUrl",
    "TensordockBillingUrl",
    "AllowedOrigins",
    "PublicUrl",
    "WebhookTargets",
    "AlertsEmail",
    "AlertsUrl",
    "NoticesEmail",
    "NoticesUrl",
    "LogLevel",
    "LogRetentionDays",
    "AuthorizerCacheS",
    "StageRatePerS",
    "StageBurst",
    "LifecycleSchedule",
    "ReconcileSchedule",
    "InventorySchedule",
    "TemplatesSchedule",
    "CostsSchedule",
    "ChargesSchedule",
    "GaugesSchedule",
    "SweepConcurrency",
}
SETTINGS = {field.name: field.default for field in fields(Settings)}


def _parameter(setting: str) -> str:
    return "".join(word.capitalize() for word in setting.split("_"))


def _shared_environment() -> dict[str, object]:
    found: dict[str, object] = template()["Globals"]["Function"]["Environment"]["Variables"]
    return found


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_is_a_number_parameter_with_the_same_default(setting: str) -> None:
    """N-57: every wait, interval, deadline and limit can be overridden by a parameter."""
    parameter = parameters()[_parameter(setting)]
    assert parameter["Type"] == "Number"
    assert parameter["Default"] == SETTINGS[setting]
    assert parameter["MinValue"] <= SETTINGS[setting] <= parameter.get("MaxValue", 10**9)


def test_every_setting_reaches_every_function_in_the_order_of_the_table() -> None:
    separator, numbers = _shared_environment()["SETTINGS"]["Fn::Join"]  # type: ignore[index]
    assert separator == SEPARATOR
    assert numbers == [{"Ref": _parameter(setting)} for setting in SETTINGS]


def test_no_parameter_is_left_that_nobody_reads() -> None:
    assert set(parameters()) == OF_THE_STACK | {_parameter(setting) for setting in SETTINGS}


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_can_be_enabled_and_by_default_one_is(name: str) -> None:
    """N-64: no other name deploys."""
    parameter = parameters()["EnabledProviders"]
    allowed = {one for value in parameter["AllowedValues"] for one in value.split(",")}
    assert name in allowed == set(PROVIDERS)
    assert parameter["Default"] == "vastai"


def test_the_deployment_id_must_be_given_and_be_eight_of_a_to_z_and_digits() -> None:
    """N-17, R-004: without the id, or with one not matching the pattern, nothing is deployed."""
    parameter = parameters()["DeploymentId"]
    assert "Default" not in parameter
    pattern = re.compile(parameter["AllowedPattern"])
    assert pattern.fullmatch("abcd1234")
    refused = ("", "abcd123", "abcd12345", "ABCD1234", "abcd-123", "abcd123\n")
    assert not [each for each in refused if pattern.fullmatch(each)]


def test_a_revoked_key_is_forgotten_within_a_minute_whatever_is_configured() -> None:
    parameter = parameters()["AuthorizerCacheS"]
    assert parameter["Default"] == 30
    assert parameter["MaxValue"] == 60


@pytest.mark.parametrize(
    "name", ["LifecycleSchedule", "ReconcileSchedule", "InventorySchedule", "GaugesSchedule"]
)
def test_sweeps_run_every_minute(name: str) -> None:
    """N-31, R-004: lifecycle, reconcile and inventory refresh run once a minute."""
    assert parameters()[name]["Default"] == "rate(1 minute)"


def test_costs_are_booked_every_five_minutes() -> None:
    """2.16: and at every end."""
    assert parameters()["CostsSchedule"]["Default"] == "rate(5 minutes)"


def test_charges_are_compared_daily() -> None:
    assert parameters()["ChargesSchedule"]["Default"] == "rate(1 day)"


def test_templates_are_looked_after_well_within_their_hour() -> None:
    """2.1: the schedule may come too often, and the lease decides."""
    assert parameters()["TemplatesSchedule"]["Default"] == "rate(5 minutes)"
    assert SETTINGS["templates_refresh_s"] == 3_600


def test_machines_are_told_an_https_address_or_one_of_a_local_run() -> None:
    """2.12: SHOPPER_URL is https; {api} stands for the id that only the deploy makes."""
    pattern = re.compile(parameters()["PublicUrl"]["AllowedPattern"])
    for good in ("", "https://gpu.example.com/v", "http://127.0.0.1:4566/restapis/{api}/local"):
        assert pattern.fullmatch(good)
    for bad in ("http://gpu.example.com", "gpu.example.com", "https://a b", "ftp://127.0.0.1"):
        assert not pattern.fullmatch(bad)


def test_webhooks_to_any_target_are_refused_at_deploy_outside_a_local_run() -> None:
    """1.9: the functions refuse it once more."""
    rule = template()["Rules"]["AnyWebhookTargetOnlyLocally"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "WebhookTargets"}, "any"]}
    (only,) = rule["Assertions"]
    assert only["Assert"] == {"Fn::Equals": [{"Ref": "Stage"}, "local"]}
    assert set(parameters()["WebhookTargets"]["AllowedValues"]) == {"public", "any"}


def _longest(value: object) -> int:
    """Characters of the longest text that this can become in any deployment."""
    match value:
        case {"Fn::Join": [_, [*parts]]}:
            return sum(1 + _longest(part) for part in parts)
        case {"Fn::Join": [_, listed]}:
            return _longest(listed)
        case {"Fn::If": [_, *either]}:
            return max(map(_longest, either))
        case {"Fn::Sub": str(text)}:
            return _longest_text(text)
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            return _longest_named(name)
    assert isinstance(value, str)
    return len(value)


def _longest_text(text: str) -> int:
    named = re.findall(r"\$\{([^}]+)\}", text)
    fixed = re.sub(r"\$\{[^}]+\}", "", text)
    return len(fixed) + sum(LONGEST_PSEUDO.get(one) or _longest_named(one) for one in named)


def _longest_named(name: str) -> int:
    parameter = parameters().get(name)
    if name in OF_FIXED_FORM:
        return OF_FIXED_FORM[name]
    if parameter is None:
        return _longest_made(name)
    if "AllowedValues" in parameter:
        return max(len(str(each)) for each in parameter["AllowedValues"])
    if parameter["Type"] == "CommaDelimitedList":
        return LONGEST_LIST_CHARS
    is_number = parameter["Type"] == "Number"
    return LONGEST_PARAMETER_CHARS if is_number else int(parameter["MaxLength"])


def _longest_made(name: str) -> int:
    """What AWS makes of a resource of the template: its name, or its ARN."""
    made = LONGEST_STACK_NAME_CHARS + len(name) + 14
    kind, given = resources()[name]["Type"], properties(name).get("Name")
    if kind == "AWS::Scheduler::ScheduleGroup":
        return _longest(given)
    if kind in ("AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::Events::EventBus"):
        return made + (LONGEST_QUEUE_URL_CHARS if kind == "AWS::SQS::Queue" else 0)
    if kind == "AWS::IAM::Role":
        return LONGEST_ROLE_ARN_CHARS
    if kind == "AWS::SecretsManager::Secret":
        return LONGEST_SECRET_ARN_CHARS + len(name)
    return LONGEST_ARN_CHARS + made


@pytest.mark.parametrize("name", resources("AWS::Serverless::Function"))
def test_the_environment_of_each_function_leaves_room_in_lambdas_limit(name: str) -> None:
    """A deploy that fails for its size fails in the middle; the next setting must fit, too."""
    own = properties(name)["Environment"]["Variables"]
    every = _shared_environment() | own
    size = sum(len(key) + _longest(value) for key, value in every.items())
    assert size <= ENVIRONMENT_BYTES
