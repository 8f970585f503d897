"""The tables, as text: the emulator drops TTL, recovery and encryption, so they are read here."""

from __future__ import annotations

import boto3
import pytest
from moto import mock_aws

from tests.template.cfn import resources, table_definitions

TABLES = (
    "SessionsTable",
    "InventoryTable",
    "PricesTable",
    "CostsTable",
    "AccessTable",
    "OperationsTable",
    "AuditTable",
    "WebhooksTable",
)


def test_the_template_has_exactly_the_tables_the_store_knows() -> None:
    assert set(resources("AWS::DynamoDB::Table")) == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_on_demand_recoverable_encrypted_and_expires_by_ttl(name: str) -> None:
    """N-65: what the emulator drops is asserted on the template's text."""
    given = resources()[name]["Properties"]
    assert given["BillingMode"] == "PAY_PER_REQUEST"
    assert given["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert given["SSESpecification"]["SSEEnabled"] is True
    assert given["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


@pytest.mark.parametrize(
    "name",
    ["SessionsTable", "AccessTable", "PricesTable", "CostsTable", "AuditTable", "WebhooksTable"],
)
def test_tables_that_cannot_be_rebuilt_outlive_the_stack(name: str) -> None:
    table = resources()[name]
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_due_sessions_are_found_by_an_index_that_holds_keys_only() -> None:
    (index,) = resources()["SessionsTable"]["Properties"]["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "by_due"
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["due_partition", "due_at"]
    assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}


@mock_aws
def test_the_tables_as_written_can_be_created() -> None:
    client = boto3.client("dynamodb", region_name="eu-central-1")
    for definition in table_definitions().values():
        client.create_table(**definition)
    assert set(client.list_tables()["TableNames"]) == set(TABLES)
