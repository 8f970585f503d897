"""Metrics as the functions log them: locally these lines are the metrics."""

from __future__ import annotations

import re

from tests.e2e.aws_view import entries
from tests.e2e.deployed import Deployed
from tests.e2e.renting import Row
from tests.e2e.routes import PATHS, located

STATUSES = {"pending", "provisioning", "running", "stopping", "stopped", "failed"}
PROVIDERS = {"vastai", "tensordock"}


def with_metric(live: Deployed, metric: str) -> list[Row]:
    """Every line that counts this metric."""
    return [row for row in entries(live) if "_aws" in row and metric in row]


def test_the_gauge_of_sessions_is_complete_and_never_negative(live: Deployed) -> None:
    """M-67, M-90, M-91, M-108: by a function that may only read."""
    told = live.functions.invoke("PublishGaugesFunction", {})
    assert told["live"] >= 0
    rows = with_metric(live, "SessionsActive")
    pairs = {(row["Provider"], row["Status"]) for row in rows}
    assert pairs == {(provider, status) for provider in PROVIDERS for status in STATUSES}
    assert min(row["SessionsActive"] for row in rows) >= 0
    assert {row["Deployment"] for row in rows} == {live.endpoints.deployment_id}


def test_requests_are_counted_by_pattern_and_status_on_every_route(live: Deployed) -> None:
    """QA-M7: a path with an id in it is never a dimension."""
    for path in PATHS:
        live.operator.send("OPTIONS", located(path))
    rows = with_metric(live, "HttpRequests")
    patterns = {re.sub(r"\{\w+\}", "{id}", path) for path in PATHS}
    routes = {row["Route"] for row in rows}
    assert patterns <= routes <= {*patterns, "unmatched"}
    assert all("HttpLatency" in row and re.fullmatch(r"\d{3}", row["Status"]) for row in rows)
