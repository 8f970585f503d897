"""Whether two bodies are the same one."""

from __future__ import annotations

import json

import pytest

from gpu_shopper.core.repeats import body_digest

BODY = (
    '{"offer_id": "vastai-1001", "reservation_hours": 2, "max_price": 1, "exposed_ports": [1, 2]}'
)


def digest(text: str) -> str:
    return body_digest(json.loads(text))


@pytest.mark.parametrize(
    "same",
    [
        '{"max_price":1,"exposed_ports":[1,2],"reservation_hours":2,"offer_id":"vastai-1001"}',
        BODY.replace(" ", "\n\t"),
        BODY.replace("vastai", "v\\u0061stai"),
        BODY.replace(": 1,", ": 1.0,"),
        BODY.replace(": 1,", ": 10e-1,"),
    ],
)
def test_a_body_written_otherwise_is_the_same(same: str) -> None:
    """N-9: order of fields, white space, escapes and notations of a number do not matter."""
    assert digest(same) == digest(BODY)


@pytest.mark.parametrize(
    "other",
    [
        BODY.replace("1001", "1002"),
        BODY.replace(": 2", ": 3"),
        BODY.replace(": 1,", ": 1.5,"),
        BODY.replace(": 1,", ": true,"),
        BODY.replace(": 1,", ': "1",'),
        BODY.replace("[1, 2]", "[2, 1]"),
        BODY.replace("{", '{"auto_retry": false, '),
        BODY.replace("{", '{"disk_gb": null, '),
    ],
)
def test_a_body_with_another_value_is_another(other: str) -> None:
    """N-9: also where it would have meant the same."""
    assert digest(other) != digest(BODY)


def test_a_digest_tells_nothing_of_its_body() -> None:
    """1.4: what must not be shown again, such as a start command, is not in it."""
    assert len(digest('{"on_start_cmd": "export TOKEN=secret"}')) == 64
