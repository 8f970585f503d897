"""TensorDock's list of instances, whole or an error, and the end of one."""

from __future__ import annotations

import pytest

from gpu_shopper.core.instances import Health
from gpu_shopper.errors.provider import (
    BadProviderReply,
    ProviderAuth,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from gpu_shopper.providers.http import BODY_BYTES
from tests.providers.contract import LABEL
from tests.providers.stub import Answer, Network
from tests.providers.tensordock_shapes import (
    BAD_TOKEN,
    DONE,
    HTML_502,
    ID,
    NO_ROUTE,
    NO_SUCH_INSTANCE,
    RESET,
    TIMED_OUT,
    dock,
    error,
    in_body,
    instance_row,
    invalid,
    lists,
)

MANY = [instance_row(id=f"i-{number}") for number in range(300)]
ROWS = [instance_row(id="a"), instance_row(id="b", name=None), instance_row(id="c", name="else")]


@pytest.mark.parametrize("answer", lists(*ROWS), ids=["flat", "in data", "in attributes"])
def test_the_list_is_read_in_each_of_its_shapes(answer: Answer) -> None:
    """N-17: the label is the name, whatever the shape of the list."""
    network = Network(answer)
    found = dock(network).list_instances()
    assert [(one.id, one.label) for one in found] == [("a", LABEL), ("b", None), ("c", "else")]
    assert {(one.health, one.gpu_type) for one in found} == {(Health.UP, "RTX 4090")}
    assert network.methods() == ["GET /api/v2/instances"]


@pytest.mark.parametrize("answer", lists(*MANY), ids=["flat", "in data", "in attributes"])
def test_a_long_list_is_read_to_its_end(answer: Answer) -> None:
    assert len(answer.raw()) > BODY_BYTES
    assert len(dock(Network(answer)).list_instances()) == 300


@pytest.mark.parametrize("answer", lists(), ids=["flat", "in data", "in attributes"])
def test_an_empty_account_is_an_empty_list(answer: Answer) -> None:
    assert dock(Network(answer)).list_instances() == []


@pytest.mark.parametrize("answer", lists(*ROWS[:1], instance_row(id="d", status="deleted")))
def test_an_instance_that_is_listed_as_deleted_is_gone(answer: Answer) -> None:
    assert [one.id for one in dock(Network(answer)).list_instances()] == ["a"]


UNTRUE_LISTS = {
    "server error": error("Internal server error", 500),
    "error in 200": in_body(500, "Internal server error"),
    "error in 200 with rows": Answer({"status": 400, "error": "?", "data": []}),
    "error beside rows": Answer({"error": "timeout", "data": []}),
    "errors beside rows": Answer({"errors": [{"message": "timeout"}], "data": []}),
    "error beside many rows": Answer({"error": "?", "data": MANY}),
    "error in 200 with many rows": Answer({"status": 500, "data": MANY}),
    "denied": Answer({"success": False, "data": []}),
    "no rows": Answer({}),
    "null rows": Answer({"data": None}),
    "instances at the top": Answer({"instances": []}),
    "a bare array": Answer([]),
    "validation errors": invalid("bad"),
    "validation errors in 200": invalid("bad", status=200),
    "null in data": Answer({"data": {"instances": None}}),
    "nothing in data": Answer({"data": {}}),
    "nothing in attributes": Answer({"data": {"type": "list", "attributes": {}}}),
    "attributes of a wrong type": Answer({"data": {"attributes": []}}),
    "an object of rows": Answer({"data": {"instances": {ID: instance_row()}}}),
    "a row that is no row": Answer({"data": [1]}),
    "a row without id": Answer({"data": [instance_row(id=None)]}),
    "an id that is no path": Answer({"data": [instance_row(id="a/b")]}),
    "a row without name": Answer({"data": [{"id": "a", "status": "running"}]}),
    "a name of a wrong type": Answer({"data": [instance_row(name=7)]}),
    "attributes that are none": Answer({"data": [{"id": "a", "attributes": 1}]}),
    "two names": Answer({"data": [{**instance_row(), "attributes": {"name": "else"}}]}),
    "a row twice": Answer({"data": [instance_row(), instance_row()]}),
    "two lists": Answer('{"data": [], "data": [{"id": "a", "name": null}]}'),
    "a total that is more": Answer({"data": {"instances": [], "total": 3}}),
    "a next page": Answer({"data": [], "next": "/api/v2/instances?page=2"}),
    "more to come": Answer({"data": {"attributes": {"instances": [], "has_more": True}}}),
    "half": Answer('{"data": ['),
    "html": Answer("<html></html>"),
    "nothing": Answer(""),
    "no content": Answer("", 204),
    "partial content": Answer({"data": []}, 206),
    "not found": NO_SUCH_INSTANCE,
    "no route": NO_ROUTE,
    "no token": BAD_TOKEN,
    "too large": Answer("x" * 11_000_000),
    "bad gateway": HTML_502,
    "throttled": Answer("slow down", 429),
    "hanging": TIMED_OUT,
    "reset": RESET,
    "elsewhere": Answer("", 302, {"Location": "/login"}),
}


@pytest.mark.parametrize("answer", UNTRUE_LISTS.values(), ids=UNTRUE_LISTS.keys())
def test_a_list_that_is_not_whole_raises(answer: Answer | Exception) -> None:
    """X-2: a listing that fails is an error, whatever the status."""
    with pytest.raises(ProviderError):
        dock(Network(answer)).list_instances()


@pytest.mark.parametrize(
    "answer",
    [
        DONE,
        Answer({"success": True}),
        Answer("", 204),
        Answer("", 200),
        NO_SUCH_INSTANCE,
        in_body(404, "Instance not found"),
        Answer("", 404),
    ],
)
def test_a_terminate_is_silent_when_accepted_or_gone(answer: Answer) -> None:
    network = Network(answer)
    dock(network).terminate(ID)
    assert network.methods() == [f"DELETE /api/v2/instances/{ID}"]


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (BAD_TOKEN, ProviderAuth),
        (in_body(401, "Unauthorized"), ProviderAuth),
        (error("slow down", 429), RateLimited),
        (in_body(429, "slow down"), RateLimited),
        (HTML_502, ProviderUnavailable),
        (in_body(500, "Internal server error"), ProviderUnavailable),
        (TIMED_OUT, ProviderUnavailable),
        (RESET, ProviderUnavailable),
        (NO_ROUTE, BadProviderReply),
        (Answer("<html>404</html>", 404), BadProviderReply),
        (error("locked", 409), BadProviderReply),
        (in_body(400, "cannot be deleted now"), BadProviderReply),
        (Answer({"success": False}), BadProviderReply),
        (Answer("<html>hello</html>"), BadProviderReply),
        (Answer("", 302), BadProviderReply),
    ],
)
def test_a_terminate_that_was_not_accepted_raises(
    answer: Answer | Exception, failure: type[ProviderError]
) -> None:
    network = Network(answer)
    with pytest.raises(ProviderError) as caught:
        dock(network).terminate(ID)
    assert type(caught.value) is failure
    assert len(network.sent) == (2 if failure is ProviderAuth else 1)
