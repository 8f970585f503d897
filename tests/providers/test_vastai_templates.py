"""Vast.ai's templates: which rows become one, and what makes the whole list worthless."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from gpu_shopper.core.templates import Template
from gpu_shopper.errors.provider import (
    BadProviderReply,
    ProviderAuth,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from gpu_shopper.providers.vastai.templates import SCRIPT_CHARS, Unreadable, template_of
from tests.providers.stub import Answer, Network
from tests.providers.vastai_shapes import BAD_KEY, HTML_502, template_row, vast

TOO_MANY = Answer("API requests too frequent: endpoint threshold=3.0", 429)


def listing(*rows: Any, **more: Any) -> Answer:
    body = {"success": True, "templates_found": len(rows), "templates": list(rows)}
    return Answer(body | more)


def listed(answer: Answer) -> list[Template]:
    return vast(Network(answer)).list_templates()


def test_a_row_becomes_a_template() -> None:
    (template,) = listed(listing(template_row()))
    assert template == Template(
        id=101,
        hash_id="38a9dab633743d43107eb9a80d4ada9e",
        name="Open WebUI (Ollama)",
        image="vastai/ollama",
        tag="0.15.4",
        env="-p 1111:1111 -e A=1",
        onstart="#!/bin/sh\nentrypoint.sh\n",
        runtype="ssh",
        args_str=None,
        use_ssh=True,
        ssh_direct=True,
        recommended=True,
        recommended_disk_gb=32.5,
        extra_filters='{"gpu_ram": {"gte": 8000}}',
        creator_id=62_897,
        created_at=datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC),
        count_created=10_000,
    )


def test_the_recommended_ones_are_asked_for_once() -> None:
    network = Network(listing())
    assert vast(network).list_templates() == []
    (sent,) = network.sent
    assert (sent.method, sent.path) == ("GET", "/api/v0/template/")
    assert json.loads(sent.query["select_filters"]) == {"recommended": {"eq": True}}


@pytest.mark.parametrize("recommended", [False, None, 1, "true", ...])
def test_a_template_that_is_not_recommended_is_read_over(recommended: Any) -> None:
    """5.1: whatever the provider's own filter lets through."""
    other = template_row(recommended=recommended, hash_id=None)
    if recommended is ...:
        del other["recommended"]
    assert len(listed(listing(other, template_row(), other, other))) == 1


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", None),
        ("id", "101"),
        ("id", True),
        ("hash_id", None),
        ("hash_id", ""),
        ("hash_id", "a/b"),
        ("hash_id", "a" * 65),
        ("hash_id", "ab\n"),
        ("name", None),
        ("name", " "),
        ("name", "n" * 257),
        ("image", None),
        ("image", "\x00"),
        ("image", "i" * 256),
        ("onstart", "x" * (SCRIPT_CHARS + 1)),
        ("env", "\ud800"),
        ("extra_filters", "x" * (SCRIPT_CHARS + 1)),
    ],
)
def test_a_row_that_cannot_be_used_is_skipped_counted_and_told(
    column: str, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """2.1: a bad row is skipped."""
    with pytest.raises(Unreadable):
        template_of(template_row(**{column: value}))
    with caplog.at_level(logging.WARNING):
        assert len(listed(listing(template_row(**{column: value}), *[template_row()] * 4))) == 4
    assert [record.__dict__["unreadable"] for record in caplog.records] == [1]


@pytest.mark.parametrize(
    ("column", "value", "field"),
    [
        ("onstart", "x" * SCRIPT_CHARS, "x" * SCRIPT_CHARS),
        ("name", "n" * 256, "n" * 256),
        ("name", " two\nlines ", "two lines"),
        ("tag", None, None),
        ("tag", "", None),
        ("env", {"A": 1}, None),
        ("use_ssh", None, False),
        ("use_ssh", "true", False),
        ("recommended_disk_space", 0, None),
        ("recommended_disk_space", -1, None),
        ("recommended_disk_space", 10_000, 10_000),
        ("recommended_disk_space", 10_001, None),
        ("recommended_disk_space", "32", None),
        ("recommended_disk_space", float("nan"), None),
        ("extra_filters", None, None),
        ("extra_filters", {"num_gpus": {"eq": 1}}, '{"num_gpus": {"eq": 1}}'),
        ("extra_filters", [1], None),
        ("created_at", 0, None),
        ("created_at", "2025-10-09", None),
        ("created_at", 1e20, None),
        ("count_created", None, None),
        ("count_created", -1, None),
        ("creator_id", "x", None),
    ],
)
def test_what_is_missing_or_odd_in_a_usable_row_is_absent(
    column: str, value: Any, field: Any
) -> None:
    renamed = {"recommended_disk_space": "recommended_disk_gb"}.get(column, column)
    assert getattr(template_of(template_row(**{column: value})), renamed) == field


def test_conditions_that_cannot_be_read_are_told_once_a_fetch(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """1.3: ignored with a warning in the log."""
    odd = template_row(extra_filters='{"gpu_ram": 8000, "num_gpus": {"gte": 2}}')
    with caplog.at_level(logging.WARNING):
        listed(listing(odd, template_row()))
    (record,) = caplog.records
    assert (record.__dict__["hash_id"], record.__dict__["ignored"]) == (odd["hash_id"], ["gpu_ram"])


@pytest.mark.parametrize(("bad", "good", "accepted"), [(1, 4, True), (1, 3, False), (3, 0, False)])
def test_more_than_a_fifth_of_bad_rows_is_an_error(bad: int, good: int, accepted: bool) -> None:
    """2.1: 20 % pass, 21 % do not."""
    answer = listing(*[7] * bad, *[template_row()] * good)
    if accepted:
        assert len(listed(answer)) == good
    else:
        with pytest.raises(BadProviderReply):
            listed(answer)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (listing(template_row(), templates_found=2), BadProviderReply),
        (listing(template_row(), success=False), BadProviderReply),
        (Answer({"success": True}), BadProviderReply),
        (Answer({"templates": {}}), BadProviderReply),
        (Answer([]), BadProviderReply),
        (Answer("<html>"), BadProviderReply),
        (Answer({"templates": []}, 404), BadProviderReply),
        (HTML_502, ProviderUnavailable),
        (TOO_MANY, RateLimited),
        (BAD_KEY, ProviderAuth),
    ],
)
def test_a_list_that_is_not_whole_is_no_list(answer: Answer, error: type[ProviderError]) -> None:
    """2.1: discarded as a whole."""
    with pytest.raises(error):
        listed(answer)


def test_a_missing_total_and_a_smaller_one_are_no_reason_to_doubt() -> None:
    for total in (None, 0, "2"):
        assert len(listed(listing(template_row(), templates_found=total))) == 1
