"""The answer to a search, read the quick way: never anything but what the slow way reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gpu_shopper.errors.provider import BadProviderReply
from gpu_shopper.providers.http import Reply
from gpu_shopper.providers.vastai import search
from gpu_shopper.providers.vastai.search import Row, row_of, rows_of
from tests.providers.vastai_shapes import offer_row

COLUMNS = [*Row.__struct_fields__, "dlperf", "search"]

leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just(10**400)
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(), inner)),
    max_leaves=5,
)
rows = st.one_of(st.dictionaries(st.sampled_from(COLUMNS), values, max_size=8), values)
answers = st.one_of(
    st.fixed_dictionaries(
        {"offers": st.lists(rows, max_size=4)}, optional={"success": values, "msg": values}
    ),
    values,
)
bodies = st.builds(
    lambda answer, cut: json.dumps(answer).encode()[: cut or None],
    answers,
    st.one_of(st.just(0), st.integers(0, 300)),
)


def plainly(body: bytes) -> list[Row] | None:
    """What the standard library reads; None for what is no search answer."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or not isinstance(answer.get("offers"), list):
        return None
    return None if answer.get("success") is False else [row_of(row) for row in answer["offers"]]


@given(bodies)
@example(b'{"offers": [{"id": 1, "id": 2}], "offers": [{"id": 3}]}')
@example(b'{"offers": [{"id": 1, "dlperf": NaN}, {"id": 2, "dph_base": -Infinity}]}')
@example(b'{"offers": [{"id": 1e400}, {"id": 1.0}, {"id": "1"}, {"dlperf": 1e400}]}')
@example(b'{"offers": [{"gpu_name": "\\ud800"}, {"i\\u0064": 1}]}')
@example(b'{"offers": [{"dlperf": "\xff"}]}')
@example(b'{"offers": [{"dlperf": "\x01"}]}')
@example(b'{"offers": [{"dlperf": 01}]}')
@example(b'{"offers": [{}, null, 7, [], "row"]}')
@example(b'{"offers": [{}], "success": false}')
@example(b'{"offers": [{}], "success": 0}')
@example(b'\xef\xbb\xbf{"offers": [{"id": 1}]}')
@example('{"offers": [{"id": 1}]}'.encode("utf-16"))
@example(b'{"offers": [{"id": 1}]} x')
@example(b'{"offers": [{"dlperf": ' + b"[" * 100_000)
def test_both_ways_read_the_same_or_refuse_the_same(body: bytes) -> None:
    expected = plainly(body)
    try:
        found = rows_of(Reply(200, body))
    except BadProviderReply:
        assert expected is None
        return
    assert expected is not None
    assert repr(found) == repr(expected)  # as text, because NaN equals nothing


def test_an_answer_in_order_never_takes_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: Any) -> Any:
        raise AssertionError("slow")

    monkeypatch.setattr(search, "_slow", never)
    body = json.dumps({"success": True, "offers": [offer_row(), offer_row(id=2)]}).encode()
    assert [row.id for row in rows_of(Reply(200, body))] == [20_000_001, 2]


def test_one_row_out_of_order_costs_no_other_row() -> None:
    body = json.dumps({"offers": [offer_row(id=1), None, offer_row(id=2)]}).encode()
    assert [row.id for row in rows_of(Reply(200, body))] == [1, None, 2]


def test_half_a_body_is_refused_even_when_it_can_be_read() -> None:
    with pytest.raises(BadProviderReply):
        rows_of(Reply(200, b'{"offers": []}', broken="a body of more than 1 bytes"))
