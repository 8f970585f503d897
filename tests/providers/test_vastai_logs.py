"""The logs of a machine: from another host, without our key, short and without secrets."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_shopper.errors.provider import (
    BadProviderReply,
    ProviderAuth,
    ProviderError,
    ProviderUnavailable,
)
from gpu_shopper.providers.http import BODY_BYTES
from gpu_shopper.providers.redaction import LOG_CHARS, log_text
from tests.providers.stub import Answer, Network, StoppedClock
from tests.providers.vastai_shapes import (
    BAD_KEY,
    DONE,
    HTML_502,
    KEY,
    LOGS,
    LOGS_URL,
    NO_CONNECT,
    REFUSED,
    THROTTLED,
    TIMED_OUT,
    WRITTEN,
    error,
    vast,
)

ID = "33402296"
NOT_YET = Answer("<Error><Code>AccessDenied</Code></Error>", 403)
PEM = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----"


def test_logs_are_asked_for_and_fetched_from_where_they_are_put_without_our_key() -> None:
    network = Network(LOGS, Answer("hello\n"))
    assert vast(network).logs(ID) == "hello"
    asked, fetched = network.sent
    assert (asked.method, asked.path) == ("PUT", f"/api/v0/instances/request_logs/{ID}/")
    assert asked.body == {"tail": "100"}
    assert f"https://{fetched.host}{fetched.path}" == LOGS_URL
    assert "Authorization" not in fetched.headers
    assert "key-one" not in str(fetched)


def test_logs_that_are_not_written_yet_are_asked_for_again_and_again() -> None:
    clock = StoppedClock()
    network = Network(LOGS, NOT_YET, Answer("", 404), TIMED_OUT, Answer("at last"))
    assert vast(network, clock=clock).logs(ID) == "at last"
    assert clock.waits == [0.3] * 4


def test_logs_that_are_never_written_are_given_up_after_thirty_tries() -> None:
    network = Network(LOGS, NOT_YET)
    with pytest.raises(BadProviderReply, match="not written in time"):
        vast(network).logs(ID)
    assert len(network.sent) == 1 + 30


def test_a_slow_host_is_given_up_after_fifteen_seconds() -> None:
    clock = StoppedClock()

    def slow(_sent: Any) -> Answer:
        clock.now_s += 5
        return NOT_YET

    network = Network(LOGS, slow)
    with pytest.raises(BadProviderReply):
        vast(network, clock=clock).logs(ID)
    assert len(network.sent) == 1 + 3


@pytest.mark.parametrize(
    "url",
    [
        None,
        5,
        "",
        "abc.log",
        "http://s3.amazonaws.com/abc.log",
        "ftp://s3.amazonaws.com/abc.log",
        "https://user:word@s3.amazonaws.com/abc.log",
        "https://127.0.0.1/latest",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/x",
        "https://[broken/x",
        "https://localhost/x",
        "https://db.internal/x",
        "file:///etc/passwd",
    ],
)
def test_an_address_that_is_no_public_one_by_tls_is_not_called(url: Any) -> None:
    network = Network(Answer({"success": True, "result_url": url}), Answer("secret"))
    with pytest.raises(ProviderError):
        vast(network).logs(ID)
    assert len(network.sent) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (BAD_KEY, ProviderAuth),
        (HTML_502, ProviderUnavailable),
        (THROTTLED[0], ProviderError),
        (error("no_such_instance", status=404), BadProviderReply),
        (DONE, BadProviderReply),
        (Answer({"success": False, "result_url": LOGS_URL}), BadProviderReply),
        (TIMED_OUT, ProviderUnavailable),
        (REFUSED, ProviderUnavailable),
        (NO_CONNECT, ProviderUnavailable),
    ],
)
def test_a_refused_request_is_an_error_of_ours(answer: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        vast(Network(answer)).logs(ID)


def test_an_id_that_is_none_is_never_sent() -> None:
    network = Network(LOGS)
    with pytest.raises(BadProviderReply):
        vast(network).logs("../users")
    assert network.sent == []


def test_of_a_huge_file_64_kb_are_read_and_16_000_characters_kept() -> None:
    """M-59"""
    line = "x" * 99 + "\n"
    text = vast(Network(LOGS, Answer(line * 50_000))).logs(ID)
    assert len(text) == LOG_CHARS
    assert len(line) * 50_000 > BODY_BYTES


def test_colours_and_carriage_returns_go_and_lines_stay() -> None:
    assert log_text("\x1b[31mred\x1b[0m\r\n10%\r20%\n\n\x07bell\x00") == "red\n10%\n20%\nbell"


@pytest.mark.parametrize(
    "secret",
    [
        PEM,
        PEM[40:],
        KEY,
        "HF_TOKEN=hf_0123456789abcdef",
        '"api_key": "0123456789abcdef"',
        "AWS_SECRET_ACCESS_KEY=0123456789abcdef",
        "authorization: Bearer 0123456789abcdef",
        "http://0.0.0.0:8080/?token=0123456789abcdef&x=1",
        "password: hunter2hunter2",
    ],
)
def test_keys_and_tokens_are_taken_out_and_the_rest_stays(secret: str) -> None:
    shown = log_text(f"{secret}\nready to serve\n")
    for part in ("b3Blbn", "1rZXkt", KEY.split()[1], "0123456789abcdef", "hunter2"):
        assert part not in shown
    assert shown.endswith("ready to serve")


def test_a_private_key_without_its_end_hides_all_that_follows() -> None:
    assert log_text(f"starting\n{PEM[:60]}\nMIIEpAIBAAK\n") == "starting\n[key]"


def test_ordinary_lines_are_left_as_they_are() -> None:
    text = "tokens per second: 93.2\nkey: value\nBEGIN training\nloss=0.1234567890"
    assert log_text(text) == text


def test_a_recorded_start_up_is_readable_and_harmless() -> None:
    shown = vast(Network(LOGS, Answer(WRITTEN))).logs(ID)
    assert shown.split("\n") == [
        "starting",
        "HF_TOKEN=[hidden]",
        "authorized: ssh-ed25519 [key] someone",
        "ready",
    ]
