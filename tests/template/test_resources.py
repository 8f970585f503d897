"""Bucket, secrets, key, queue, layer and outputs; and that every resource says why it exists."""

from __future__ import annotations

import itertools
import json
import re
import string
from fnmatch import fnmatch
from typing import Any

import pytest

from gpu_shopper.core.provider_facts import FACTS
from tests.template.cfn import TEMPLATE, properties, resources, template

RESOURCE_LINE = re.compile(r"^  [A-Z]\w+:$")
SECRET_CHARACTERS = set(string.ascii_letters + string.digits)


def _written_resources() -> list[tuple[str, str]]:
    """(the line before, the resource's own line) of every resource, as written."""
    lines = TEMPLATE.read_text("utf-8").split("\nResources:\n")[1].split("\nOutputs:\n")[0]
    written = lines.splitlines()
    return [
        (before, line) for before, line in itertools.pairwise(written) if RESOURCE_LINE.match(line)
    ]


def test_every_resource_has_a_comment_that_says_why_it_exists() -> None:
    written = _written_resources()
    assert {line.strip(" :") for _, line in written} == set(resources())
    assert not [line for before, line in written if not before.startswith("  # ")]


def _traced_less(rule: dict[str, Any]) -> list[tuple[str, str]]:
    """(method, path) of the routes that a sampling rule fits."""
    return [
        (method, path)
        for path, methods in properties("Api")["DefinitionBody"]["paths"].items()
        for method in methods
        if fnmatch(path, rule["URLPath"]) and method == rule["HTTPMethod"].lower()
    ]


def test_the_rule_that_traces_few_heartbeats_fits_their_route_and_no_other() -> None:
    traced_less = _traced_less(properties("HeartbeatSampling")["SamplingRule"])
    assert traced_less == [("post", "/api/v1/sessions/{session_id}/heartbeat")]


def test_the_rule_that_traces_few_reads_fits_every_read_and_nothing_that_writes() -> None:
    methods = [
        method
        for methods in properties("Api")["DefinitionBody"]["paths"].values()
        for method in methods
    ]
    traced_less = _traced_less(properties("ReadSampling")["SamplingRule"])
    assert [method for method, _ in traced_less] == ["get"] * methods.count("get")


def test_rules_of_tracing_are_of_this_stage_in_an_order_and_without_a_reservoir() -> None:
    """A reservoir is traced before the rate counts: here that would be nearly every request."""
    rules = [
        one["Properties"]["SamplingRule"] for one in resources("AWS::XRay::SamplingRule").values()
    ]
    assert len({rule["Priority"] for rule in rules}) == len(rules) == 2
    assert [rule["ReservoirSize"] for rule in rules] == [0, 0]
    for rule in rules:
        assert rule["ServiceName"] == {"Fn::Sub": "${AWS::StackName}/${Stage}"}
    assert properties("Api")["Name"] == {"Fn::Sub": "${AWS::StackName}"}


def test_the_bucket_is_private_and_encrypted() -> None:
    bucket = properties("SnapshotBucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert "VersioningConfiguration" not in bucket
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]


def test_every_provider_s_snapshots_expire_after_a_day_and_nothing_else_does() -> None:
    """The books of prices lie in the same bucket, under `prices/`."""
    rules = properties("SnapshotBucket")["LifecycleConfiguration"]["Rules"]
    assert {rule["Prefix"] for rule in rules} == {f"{name}/" for name in FACTS}
    assert {(rule["Status"], rule["ExpirationInDays"]) for rule in rules} == {("Enabled", 1)}


def test_the_bucket_refuses_everything_that_does_not_come_over_tls() -> None:
    policy = properties("SnapshotBucketPolicy")
    assert policy["Bucket"] == {"Ref": "SnapshotBucket"}
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(statement["Resource"]) == 2


def test_the_first_operator_key_is_generated_and_makes_a_well_formed_api_key() -> None:
    """N-6: the secret is made by AWS, from letters and digits only, and never in the template."""
    secret = properties("OperatorKeySecret")
    assert "SecretString" not in secret
    generated = secret["GenerateSecretString"]
    assert json.loads(generated["SecretStringTemplate"]) == {"key_id": "operator"}
    assert (generated["GenerateStringKey"], generated["PasswordLength"]) == ("secret", 43)
    assert generated["ExcludePunctuation"] is True
    excluded = set(generated["ExcludeCharacters"])
    assert excluded == set(string.punctuation)
    assert not excluded & SECRET_CHARACTERS


@pytest.mark.parametrize("name", FACTS)
def test_the_secret_of_a_provider_is_an_empty_place(name: str) -> None:
    secret = properties(f"{name.capitalize()}Secret")["SecretString"]
    assert json.loads(secret) == {FACTS[name].credential: ""}


def test_no_output_shows_a_secret() -> None:
    """N-6: the operator key is in no stack output; names of secrets are no secrets."""
    outputs = template()["Outputs"]
    assert all("resolve:secretsmanager" not in str(output) for output in outputs.values())
    secrets = {name: str(body["Value"]) for name, body in outputs.items() if "Secret" in name}
    assert secrets == {
        "OperatorKeySecretName": "{'Ref': 'OperatorKeySecret'}",
        "VastaiSecretName": "{'Ref': 'VastaiSecret'}",
        "TensordockSecretName": "{'Ref': 'TensordockSecret'}",
    }


@pytest.mark.parametrize(
    "name",
    ["ApiUrl", "ApiId", "StageName", "DeploymentId", "SnapshotBucketName"]
    + [f"{each}TableName" for each in ("Sessions", "Inventory", "Prices", "Access", "Operations")]
    + [f"{each}MachineArn" for each in ("Provision", "Teardown")]
    + [f"{each}Name" for each in resources("AWS::Serverless::Function")],
)
def test_what_a_caller_of_the_stack_needs_is_an_output(name: str) -> None:
    assert template()["Outputs"][name]["Value"]


def test_the_probe_key_is_rotated_kept_and_administered_by_the_account_only() -> None:
    key = resources()["ProbeKey"]
    assert key["Properties"]["EnableKeyRotation"] is True
    assert key["DeletionPolicy"] == "Retain"
    (statement,) = key["Properties"]["KeyPolicy"]["Statement"]
    assert statement["Principal"]["AWS"]["Fn::Sub"].endswith(":root")


def test_dead_letters_are_encrypted_and_kept_for_two_weeks() -> None:
    queue = properties("SweepDeadLetters")
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


@pytest.mark.parametrize("name", resources("AWS::Logs::LogGroup"))
def test_every_log_group_forgets(name: str) -> None:
    assert properties(name)["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_every_suppressed_check_carries_its_reason() -> None:
    for resource in resources().values():
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
            assert re.fullmatch(r"CKV2?_AWS_\d+", skip["id"])
            assert len(skip["comment"].split()) >= 4
