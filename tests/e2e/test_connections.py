"""More callers at once than the stage lets through."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

from local import aws, stack
from tests.e2e.deployed import Deployed
from tests.e2e.renting import Renting

CONNECTIONS, LET_THROUGH = 500, 10
LIST_CALLS = "/~1api~1v1~1sessions/GET/throttling"


@contextmanager
def stage_lets_through(live: Deployed, calls: int) -> Iterator[None]:
    """The stage's own limit on lists of sessions, low enough for a machine of two cores."""
    url = live.endpoints.emulator_url
    gateway = aws.client("apigateway", url)
    api, stage = stack.api_and_stage(url)
    limits = {f"{LIST_CALLS}/burstLimit": str(calls), f"{LIST_CALLS}/rateLimit": "1"}
    lower = [{"op": "replace", "path": path, "value": limits[path]} for path in limits]
    gateway.update_stage(restApiId=api, stageName=stage, patchOperations=lower)
    try:
        yield
    finally:
        back = [{"op": "remove", "path": path} for path in limits]
        gateway.update_stage(restApiId=api, stageName=stage, patchOperations=back)


def test_five_hundred_new_connections_at_once_are_all_answered(rough_renting: Renting) -> None:
    """M-25: none is reset; each gets the list, or JSON that says when to come again."""
    live, caller = rough_renting.live, rough_renting.consumer()
    assert caller.send("GET", "/api/v1/sessions").status_code == 200
    url, key = urlsplit(caller.url), str(caller.http.headers["Authorization"])
    assert url.hostname
    crowd = [HTTPConnection(url.hostname, url.port, timeout=60) for _ in range(CONNECTIONS)]
    with stage_lets_through(live, LET_THROUGH):
        for connection in crowd:
            connection.connect()
        for connection in crowd:
            connection.request("GET", f"{url.path}/api/v1/sessions", headers={"Authorization": key})
        answers = [(answer, json.loads(answer.read())) for answer in map(_answer, crowd)]
    assert {answer.status for answer, _ in answers} == {200, 429}
    for answer, body in answers:
        if answer.status == 429:
            assert body["error_type"] == "rate_limited"
            assert int(answer.headers["Retry-After"]) >= 1


_answer = HTTPConnection.getresponse
