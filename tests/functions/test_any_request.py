"""Requests that nobody thought of, made from the API's own document."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.transport.wsgi import WSGI_TRANSPORT

from gpu_shopper.store import operations
from gpu_shopper.store import sessions as session_store
from reference import openapi
from tests.builders import a_session
from tests.functions.calls import OPERATOR, Client
from tests.functions.gateway import AGENTS, Gateway
from tests.world import World

HOLDS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
SERVED_BY = {
    "/": "inventory_api",
    "/api/v1/inventory": "inventory_api",
    "/api/v1/templates": "inventory_api",
    "/api/v1/sessions": "sessions_api",
    AGENTS: "heartbeat_api",
    "/api/v1/keys": "operator_api",
    "/api/v1/orphans": "operator_api",
    "/api/v1/audit": "operator_api",
    "/api/v1/webhooks": "webhooks_api",
}

schema = schemathesis.openapi.from_dict(openapi.document())


@pytest.fixture
def gateway(wired: World) -> Gateway:
    """All functions of a ready deployment that holds the document's samples."""
    deps = wired.deps
    operations.mark_credentials(deps.operations, "vastai", None)
    operations.mark_sweep(deps.operations, "lifecycle", deps.now(), deps.release)
    wired.publish_templates()
    session_store.create(deps.sessions, a_session(version=1), deps.now())
    modules = {
        path: importlib.import_module(f"functions.{name}.app") for path, name in SERVED_BY.items()
    }
    return Gateway({path: module.handler for path, module in modules.items()}, OPERATOR)


@schema.parametrize()
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    # One world serves all requests of a route, as one deployment does.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_answer_is_one_that_the_document_promises(case: Case[Any], gateway: Gateway) -> None:
    """QA-L2: never a 5xx; every error has the three fields, and a word of its status."""
    answer = WSGI_TRANSPORT.send(case, app=gateway)
    case.validate_response(answer, checks=HOLDS)


def test_a_refusal_leaves_no_stack_trace_in_the_log(
    sessions: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """An expected 4xx is no error of ours."""
    assert sessions("GET", "/api/v1/sessions/7b0c2f0e-5a1d-4c7e-9a55-0d6f5f1c2e3a").status == 404
    assert caplog.records == []
