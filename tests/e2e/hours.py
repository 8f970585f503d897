"""Hours that pass in a moment: the instants in a session's item are moved, as if it were older."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gpu_shopper.core.instants import to_text
from local import aws
from local.stack import outputs
from tests.e2e.deployed import Deployed


def move(live: Deployed, session_id: str, **instants: datetime) -> None:
    """Set these instants, among them `due_at`, when the sweeps look at the session next.

    The version grows, which keeps writers that had read before from undoing it.
    """
    names = {f"#{name}": name for name in instants}
    values: dict[str, Any] = {f":{name}": {"S": to_text(at)} for name, at in instants.items()}
    moved = ", ".join(f"#{name} = :{name}" for name in instants)
    aws.client("dynamodb", live.endpoints.emulator_url).update_item(
        TableName=outputs(live.endpoints.emulator_url)["SessionsTableName"],
        Key={"pk": {"S": f"SESSION#{session_id}"}, "sk": {"S": "SESSION"}},
        UpdateExpression=f"SET {moved} ADD version :one",
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=values | {":one": {"N": "1"}},
    )
