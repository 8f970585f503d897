"""Signatures, names of events, addresses and waits of webhooks."""

from __future__ import annotations

from typing import get_args

import pytest

from gpu_shopper.core.audit import OPERATIONS
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.webhooks import (
    CONSUMER_EVENTS,
    DEPLOYMENT_EVENTS,
    HEARD,
    Target,
    event_of,
    signature,
    target_of,
    wait_before_next_s,
)
from gpu_shopper.edge.webhooks import EventName
from tests.template.cfn import properties


def test_the_signature_is_that_of_the_contract() -> None:
    """N-75: vector of 1.9."""
    body = b'{"id":"00000000-0000-4000-8000-000000000001","type":"webhook.test"}'
    expected = "v1=b55e603eb89e22f9f385376cd3e8e40ec5d806953b2e0e01e6832e0b38da386b"
    assert signature("whsec_" + 43 * "A", 1_770_465_600, body) == expected


def test_tries_come_after_30_s_2_min_10_min_and_1_h_and_then_no_more() -> None:
    """N-75."""
    waits = [wait_before_next_s(tries, Settings()) for tries in range(1, 6)]
    assert waits == [30, 120, 600, 3600, None]


@pytest.mark.parametrize(
    ("operation", "details", "event"),
    [
        ("session_running", {}, "session.running"),
        ("session_expiring", {}, "session.expiring"),
        ("attempt_failed", {"event": "retry_launch", "to": "pending"}, "session.retrying"),
        ("attempt_failed", {"event": "fail_provisioning", "to": "stopping"}, "session.stopping"),
        ("session_stopping", {"to": "stopping"}, "session.stopping"),
        ("session_expired", {"to": "stopping"}, "session.stopping"),
        ("hard_max_enforced", {"to": "stopping"}, "session.stopping"),
        ("session_destroyed", {"status": "stopped", "to": "stopped"}, "session.stopped"),
        ("session_destroyed", {"status": "failed"}, "session.failed"),
        ("host_key_changed", {}, "session.host_key_changed"),
        ("budget_alert", {"alert_type": "warning"}, "budget.warning"),
        ("budget_alert", {"alert_type": "exceeded"}, "budget.exceeded"),
        ("orphan_detected", {}, "orphan.detected"),
        ("ghost_detected", {}, "ghost.detected"),
        ("destroy_delayed", {}, "destroy.delayed"),
        ("provider_unavailable", {}, "provider.unavailable"),
        ("provider_recovered", {}, "provider.recovered"),
        ("provider_auth_failed", {}, "provider.auth_failed"),
        ("session_created", {}, None),
        ("key_created", {}, None),
        ("attempt_started", {"to": "provisioning"}, None),
    ],
)
def test_an_audit_event_has_the_name_that_webhooks_know(
    operation: str, details: dict[str, str], event: str | None
) -> None:
    assert event_of(operation, details) == event
    assert event is None or event in DEPLOYMENT_EVENTS


def test_the_rule_lets_exactly_those_operations_through_that_webhooks_may_hear_of() -> None:
    assert properties("WebhooksRule")["EventPattern"]["detail-type"] == list(HEARD)
    assert set(HEARD) <= set(OPERATIONS)


def test_callers_may_name_exactly_the_events_that_there_are() -> None:
    assert get_args(EventName) == DEPLOYMENT_EVENTS
    assert set(CONSUMER_EVENTS) < set(DEPLOYMENT_EVENTS)


def test_the_parts_of_a_url_are_those_that_a_request_needs() -> None:
    assert target_of("https://a.example/x?y=1", public_only=True) == Target(
        is_tls=True, host="a.example", port=443, path="/x?y=1"
    )
    assert target_of("https://[2606:4700::1]:8443", public_only=True) == Target(
        is_tls=True, host="2606:4700::1", port=8443, path="/"
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/",
        "ftp://a.example/",
        "a.example",
        "https://",
        "https:///x",
        "https://user@a.example/",
        "https://user:pass@a.example/",
        "https://@a.example/",
        "https://a.example/#part",
        "https://a.example/#",
        "https://a.example:22/",
        "https://a.example:1023/",
        "https://a.example:0/",
        "https://a.example:99999/",
        "https://a.example:x/",
        "https://a.example/a b",
        "https://a.example/\r\nX-Evil: 1",
        "https://ä.example/",
        "https://[::1/",
        "https://a.example/" + "x" * 2_031,
    ],
)
def test_a_url_that_may_not_be_is_refused(url: str) -> None:
    """N-46: with a text that goes on after the field's name."""
    with pytest.raises(ValueError, match=r"^must "):
        target_of(url, public_only=True)


@pytest.mark.parametrize("port", [443, 1024, 65535])
def test_ports_that_may_be_are_taken(port: int) -> None:
    url = f"https://a.example:{port}/" + "x" * (2_048 - len(f"https://a.example:{port}/"))
    assert target_of(url, public_only=True).port == port


def test_a_local_run_may_send_without_tls_to_any_port() -> None:
    assert target_of("http://127.0.0.1:80/x", public_only=False).is_tls is False
    with pytest.raises(ValueError, match="https"):
        target_of("file:///etc/passwd", public_only=False)
