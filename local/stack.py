"""Packages a built template and deploys it: what `sam deploy` does, in a tenth of its time.

Artefacts are uploaded under the hash of their content. Zips are stored, not deflated: the emulator
unpacks the layer for every function worker it starts.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local import aws, cloudformation
from local.gateway import put_gateway_responses

STACK = "gpu-shopper"
_BUCKET = "gpu-shopper-artefacts"
_DEPLOY_WITHIN_S = 120.0
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest instant a zip can hold: equal content, equal bytes
_ZIPPED = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}
_PLAIN = {"AWS::Serverless::StateMachine": "DefinitionUri"}


class StackFailed(Exception):
    """The stack did not reach a complete state; the message says which resource refused."""


def deploy(
    emulator_url: str, built_template: Path, parameters: Mapping[str, str], *, name: str = STACK
) -> dict[str, str]:
    """Create or update the stack and wait for it. Returns its outputs. Raises StackFailed."""
    template = cloudformation.read(built_template)
    formation = aws.client("cloudformation", emulator_url)
    request: dict[str, Any] = {
        "StackName": name,
        "TemplateURL": _upload(emulator_url, template, built_template.parent),
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
        ],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    if _create_or_update(formation, request):
        _wait(formation, name)
    if any(each["Type"] == "AWS::Serverless::Api" for each in template["Resources"].values()):
        api = api_and_stage(emulator_url, name=name)
        put_gateway_responses(emulator_url, template, parameters, api)
    return outputs(emulator_url, name=name)


def outputs(emulator_url: str, *, name: str = STACK) -> dict[str, str]:
    """Output name → value of a deployed stack."""
    stack = aws.client("cloudformation", emulator_url).describe_stacks(StackName=name)["Stacks"][0]
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def physical_ids(emulator_url: str, *, name: str = STACK) -> dict[str, str]:
    """Logical id → physical id of the stack's resources."""
    return {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for each in _resources(emulator_url, name)
    }


def api_and_stage(emulator_url: str, *, name: str = STACK) -> tuple[str, str]:
    """The ids of the stack's REST API and of its stage."""
    by_type = {
        each["ResourceType"]: each["PhysicalResourceId"] for each in _resources(emulator_url, name)
    }
    return by_type["AWS::ApiGateway::RestApi"], by_type["AWS::ApiGateway::Stage"]


def zipped(folder: Path) -> bytes:
    """Every file below `folder` as one zip; equal content gives equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(str(file.relative_to(folder)), _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())
    return buffer.getvalue()


def _resources(emulator_url: str, name: str) -> list[dict[str, str]]:
    pages = aws.client("cloudformation", emulator_url).get_paginator("list_stack_resources")
    return [
        each for page in pages.paginate(StackName=name) for each in page["StackResourceSummaries"]
    ]


def _upload(emulator_url: str, template: dict[str, Any], base: Path) -> str:
    """Put the artefacts and the template into a bucket; returns the template's address."""
    s3 = aws.client("s3", emulator_url)
    s3.create_bucket(Bucket=_BUCKET)
    for resource in template["Resources"].values():
        _upload_artefact(s3, resource, base)
    key = _put(s3, json.dumps(template).encode(), ".json")
    return f"{emulator_url}/{_BUCKET}/{key}"


def _upload_artefact(s3: Any, resource: dict[str, Any], base: Path) -> None:
    kind, properties = resource["Type"], resource.get("Properties", {})
    for field, pack in ((_ZIPPED.get(kind), zipped), (_PLAIN.get(kind), Path.read_bytes)):
        if field in properties and isinstance(properties[field], str):
            source = (base / properties[field]).resolve()
            key = _put(s3, pack(source), source.suffix or ".zip")
            properties[field] = f"s3://{_BUCKET}/{key}"


def _put(s3: Any, content: bytes, suffix: str) -> str:
    key = hashlib.sha256(content).hexdigest()[:32] + suffix
    s3.put_object(Bucket=_BUCKET, Key=key, Body=content)
    return key


def _create_or_update(formation: Any, request: dict[str, Any]) -> bool:
    """Whether there is something to wait for."""
    try:
        formation.create_stack(**request)
    except formation.exceptions.AlreadyExistsException:
        return _update(formation, request)
    return True


def _update(formation: Any, request: dict[str, Any]) -> bool:
    try:
        formation.update_stack(**request)
    except ClientError as refused:
        if "No updates are to be performed" in str(refused):
            return False
        raise
    return True


def _wait(formation: Any, name: str) -> None:
    until = time.monotonic() + _DEPLOY_WITHIN_S
    status = "UNKNOWN"
    while time.monotonic() < until:
        status = formation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return
        if not status.endswith("_IN_PROGRESS"):
            break
        time.sleep(0.1)
    raise StackFailed(f"{name} is {status}: {_reasons(formation, name)}")


def _reasons(formation: Any, name: str) -> str:
    events = formation.describe_stack_events(StackName=name)["StackEvents"]
    said = [
        f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
        for event in events
        if event["ResourceStatus"].endswith("_FAILED") and event.get("ResourceStatusReason")
    ]
    return "; ".join(reversed(said)) or "no reason given"
