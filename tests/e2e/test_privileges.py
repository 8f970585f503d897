"""Functions enforce nothing themselves: their roles do. Asked with each role's credentials."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local import aws, stack
from local.emulator import REGION
from tests.e2e.deployed import Deployed

API_ROLES = (
    "AuthorizerRole",
    "InventoryApiRole",
    "SessionsApiRole",
    "OperatorApiRole",
    "HeartbeatApiRole",
    "WebhooksApiRole",
)


@pytest.fixture(scope="module")
def ids(live: Deployed) -> dict[str, str]:
    """Logical to physical ids of the stack."""
    return stack.physical_ids(live.endpoints.emulator_url)


def _as(live: Deployed, role: str, service: str) -> Any:
    """A client of `service` with the rights of `role`."""
    url = live.endpoints.emulator_url
    arn = f"arn:aws:iam::000000000000:role/{role}"
    made = aws.client("sts", url).assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    return boto3.client(
        service,  # type: ignore[call-overload]  # its overloads want a literal
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=made["AccessKeyId"],
        aws_secret_access_key=made["SecretAccessKey"],
        aws_session_token=made["SessionToken"],
    )


def _refusal(act: Any, **how: Any) -> str:
    with pytest.raises(ClientError) as refused:
        act(**how)
    return str(refused.value.response["Error"]["Code"])


@pytest.mark.parametrize("role", API_ROLES)
def test_no_api_function_reads_a_provider_s_key(
    live: Deployed, ids: dict[str, str], role: str
) -> None:
    secrets = _as(live, ids[role], "secretsmanager")
    code = _refusal(secrets.get_secret_value, SecretId=ids["VastaiSecret"])
    assert code == "AccessDeniedException"


def test_whoever_shows_price_history_cannot_write_it(live: Deployed, ids: dict[str, str]) -> None:
    """N-62."""
    role = ids["InventoryApiRole"]
    item = {"pk": {"S": "vastai"}, "sk": {"S": "hourly#2026-02-07"}, "cells": {"S": "{}"}}
    writing = {"RequestItems": {ids["PricesTable"]: [{"PutRequest": {"Item": item}}]}}
    code = _refusal(_as(live, role, "dynamodb").batch_write_item, **writing)
    assert code == "AccessDeniedException"
    book = {"Bucket": ids["SnapshotBucket"], "Key": "prices/vastai.json.gz", "Body": b""}
    assert _refusal(_as(live, role, "s3").put_object, **book) == "AccessDenied"


@pytest.mark.parametrize("role", [*API_ROLES, "ProvisionStepRole", "TeardownStepRole"])
def test_only_the_verifying_function_opens_probe_keys(
    live: Deployed, ids: dict[str, str], role: str
) -> None:
    """N-37."""
    key, context = ids["ProbeKey"], {"session_id": "some"}
    root = aws.client("kms", live.endpoints.emulator_url)
    sealed = root.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
    opening = {"KeyId": key, "CiphertextBlob": sealed, "EncryptionContext": context}
    assert _refusal(_as(live, ids[role], "kms").decrypt, **opening) == "AccessDeniedException"
    opened = _as(live, ids["VerifySshRole"], "kms").decrypt(**opening)
    assert opened["Plaintext"] == b"x"
    other = opening | {"EncryptionContext": {"session_id": "another"}}
    assert _refusal(_as(live, ids["VerifySshRole"], "kms").decrypt, **other)


@pytest.mark.parametrize("role", ["InventoryApiRole", "OperatorApiRole", "VerifySshRole"])
def test_only_the_sessions_function_opens_what_repeats_show_again(
    live: Deployed, ids: dict[str, str], role: str
) -> None:
    """N-11, N-62."""
    sealing = {"KeyId": ids["RepeatKey"], "EncryptionContext": {"session_id": "some"}}
    mine = _as(live, ids["SessionsApiRole"], "kms")
    opening = sealing | {
        "CiphertextBlob": mine.encrypt(Plaintext=b"x", **sealing)["CiphertextBlob"]
    }
    assert mine.decrypt(**opening)["Plaintext"] == b"x"
    assert _refusal(_as(live, ids[role], "kms").decrypt, **opening) == "AccessDeniedException"
