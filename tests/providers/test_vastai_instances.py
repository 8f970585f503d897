"""What Vast.ai shows of instances, and what it must never be taken for."""

from __future__ import annotations

import pytest

from gpu_shopper.core.instances import Health, HostPort
from gpu_shopper.core.pacing import Turn
from gpu_shopper.errors.provider import (
    BadProviderReply,
    ProviderAuth,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from tests.providers.stub import Answer, Keys, Network, StoppedClock, Turns
from tests.providers.vastai_shapes import (
    BAD_KEY,
    DONE,
    HTML_502,
    LABEL,
    NO_KEY,
    NO_RIGHT,
    RESET,
    THROTTLED,
    TIMED_OUT,
    error,
    instance_row,
    page,
    vast,
)

ID = "33402296"
NOT_ABSENCE = [
    Answer({}),
    Answer([]),
    Answer("null"),
    Answer(""),
    Answer("<html>hello</html>"),
    Answer('{"instances": nul'),
    Answer('{"instances": NaN}'),
    Answer('{"instances": -Infinity}'),
    Answer('{"instances": {"id": 33402296, "label": null}, "instances": null}'),
    Answer({"instances": []}),
    Answer({"instances": {}}),
    Answer({"instances": "none"}),
    Answer({"instances": False}),
    Answer({"instances": None, "success": False, "error": "oops"}),
    Answer({"instances": None, "error": "auth"}),
    Answer({"success": True}),
    Answer({"success": False, "error": "no_such_instance"}),
    Answer({"instances": instance_row(id=5)}),
    Answer({"instances": instance_row(id="33402296")}),
    Answer({"instances": instance_row(label=7)}),
    Answer({"instances": None}, 404),
    Answer({"instances": None}, 500),
    Answer({"instances": None}, 301, {"Location": "/elsewhere"}),
    Answer("Not Found", 404),
    Answer("<html>404</html>", 404),
    Answer({"detail": "Not Found"}, 404),
    Answer({"error": "no_such_instance"}, 404),
    Answer("x" * 100_000, 404),
    Answer({"success": False, "error": "no_such_instance", "pad": "x" * 100_000}, 404),
    error("no_such_instance", status=500),
    error("deprecated_endpoint", status=410),
    BAD_KEY,
    NO_KEY,
    NO_RIGHT,
    HTML_502,
    *THROTTLED,
    TIMED_OUT,
    RESET,
]


@pytest.mark.parametrize("answer", NOT_ABSENCE)
def test_a_lookup_that_says_nothing_clear_raises(answer: Answer | Exception) -> None:
    with pytest.raises(ProviderError):
        vast(Network(answer)).find(ID)


@pytest.mark.parametrize(
    "answer",
    [
        Answer({"instances": None}),
        error("no_such_instance", status=404),
        error("not_found", status=404),
    ],
)
def test_an_instance_is_gone_when_the_provider_says_exactly_that(answer: Answer) -> None:
    network = Network(answer)
    assert vast(network).find(ID) is None
    assert network.methods() == [f"GET /api/v0/instances/{ID}/"]


def test_an_instance_is_shown_in_our_words() -> None:
    found = vast(Network(Answer({"instances": instance_row()}))).find(ID)
    assert found is not None
    assert (found.id, found.provider, found.label) == (ID, "vastai", LABEL)
    assert (found.health, found.status, found.gpu_type) == (Health.UP, "running", "RTX 4090")
    assert found.price_microusd_per_hour == 413_889
    assert found.machine_id == "4242"
    assert found.message == "success, running vastai/base-image_cuda-12.6/ssh"
    assert found.port_map == {
        22: HostPort("203.0.113.7", 30022),
        8000: HostPort("203.0.113.7", 30800),
    }


def test_the_list_is_read_to_its_last_page() -> None:
    """QA-H1"""
    rows = [instance_row(id=number) for number in range(1, 61)]
    network = Network(
        page(rows[:25], 60, "a"), page(rows[25:50], 60, "b"), page(rows[50:], 60, None)
    )
    turns = Turns()
    found = vast(network, turns=turns).list_instances()
    assert [int(one.id) for one in found] == list(range(1, 61))
    assert [one.query.get("after_token") for one in network.sent] == [None, "a", "b"]
    assert {one.query["limit"] for one in network.sent} == {"25"}
    assert {one.path for one in network.sent} == {"/api/v1/instances/"}
    assert turns.asked == [("list", Turn.USUAL)] * 3


def test_an_empty_account_is_an_empty_list() -> None:
    assert vast(Network(page([]))).list_instances() == []


ROWS = [instance_row(id=number) for number in range(1, 4)]
UNTRUE_LISTS = {
    "fewer rows than the total": [page(ROWS[:2], 3)],
    "more rows than the total": [page(ROWS, 2)],
    "empty with a total": [page([], 1)],
    "doubled rows": [page(ROWS + ROWS, 6)],
    "a total of nothing": [Answer({"success": True, "instances": ROWS, "total_instances": None})],
    "no total": [Answer({"success": True, "instances": [], "next_token": None})],
    "a negative total": [page([], -1)],
    "a total in words": [Answer({"success": True, "instances": [], "total_instances": "0"})],
    "success false": [Answer({"success": False, "instances": [], "total_instances": 0})],
    "success in words": [Answer({"success": "no", "instances": [], "total_instances": 0})],
    "retired": [error("deprecated_endpoint", status=200)],
    "retired, with 410": [error("deprecated_endpoint", status=410)],
    "refused": [error("invalid_request", "limit")],
    "no rows": [Answer({"success": True, "total_instances": 0})],
    "rows of a wrong type": [Answer({"success": True, "instances": {}, "total_instances": 0})],
    "a row that is no row": [Answer({"success": True, "instances": [1], "total_instances": 1})],
    "a row without id": [page([instance_row(id=None)])],
    "a row without label": [Answer({"instances": [{"id": 1}], "total_instances": 1})],
    "a label of a wrong type": [page([instance_row(label=["x"])])],
    "two totals": [Answer('{"instances": [], "total_instances": 0, "total_instances": 4}')],
    "a cursor in numbers": [Answer({"instances": [], "total_instances": 0, "next_token": 2})],
    "an endless cursor": [page(ROWS[:1], 3, "again"), page(ROWS[1:2], 3, "again")],
    "the first page for ever": [page(ROWS[:1], 3, "next"), page(ROWS[:1], 3, "more")],
    "a second page that fails": [page(ROWS[:2], 3, "next"), HTML_502],
    "a second page that hangs": [page(ROWS[:2], 3, "next"), TIMED_OUT],
    "a second page without key": [page(ROWS[:2], 3, "next"), BAD_KEY],
    "a second page too large": [page(ROWS[:2], 3, "next"), Answer("x" * 11_000_000)],
    "html": [Answer("<html></html>")],
    "nothing": [Answer("")],
    "not found": [error("not_found", status=404)],
}


@pytest.mark.parametrize("answers", UNTRUE_LISTS.values(), ids=UNTRUE_LISTS.keys())
def test_a_list_that_is_not_whole_raises(answers: list[Answer | Exception]) -> None:
    """QA-H1"""
    network = Network(*answers)
    with pytest.raises(ProviderError):
        vast(network).list_instances()
    assert len(network.sent) < 12


def test_a_list_that_changes_between_two_pages_is_fetched_again_once() -> None:
    changed = [page(ROWS[:2], 3, "next"), page([], 2)]
    whole = [page(ROWS[:1], 2, "next"), page(ROWS[1:2], 2)]
    network = Network(*changed, *whole)
    assert [one.id for one in vast(network).list_instances()] == ["1", "2"]
    twice = Network(*changed, *changed)
    with pytest.raises(BadProviderReply):
        vast(twice).list_instances()
    assert len(twice.sent) == 4


def test_reads_are_tried_again_and_writes_are_not() -> None:
    shown = Answer({"instances": instance_row()})
    clock = StoppedClock()
    network = Network(HTML_502, RESET, shown)
    assert vast(network, clock=clock).find(ID) is not None
    assert len(network.sent) == 3
    assert clock.waits == [0.75, 1.5]
    dying = Network(HTML_502)
    with pytest.raises(ProviderUnavailable):
        vast(dying).terminate(ID)
    assert len(dying.sent) == 1


def test_a_throttled_read_waits_as_told_but_not_for_long() -> None:
    shown = Answer({"instances": instance_row()})
    clock = StoppedClock()
    assert vast(Network(THROTTLED[1], shown), clock=clock).find(ID) is not None
    assert clock.waits == [1.0]
    patient = Network(Answer("slow down", 429, {"Retry-After": "60"}), shown)
    with pytest.raises(RateLimited):
        vast(patient).find(ID)
    assert len(patient.sent) == 1


def test_a_read_that_used_up_its_time_is_not_tried_again() -> None:
    """M-19"""
    clock = StoppedClock()

    def hang(_sent: object) -> Answer:
        clock.now_s += 30
        raise TIMED_OUT

    network = Network(hang)
    with pytest.raises(ProviderUnavailable):
        vast(network, clock=clock).find(ID)
    assert len(network.sent) == 1
    assert network.timeouts == [(5, 30)]


def test_a_read_goes_on_with_the_key_read_again() -> None:
    keys = Keys()
    network = Network(BAD_KEY, Answer({"instances": None}))
    assert vast(network, keys).find(ID) is None
    assert keys.reads == [False, True]


@pytest.mark.parametrize(
    "answer",
    [
        DONE,
        error("no_such_instance", status=404),
        error("not_found", status=404),
        error("no_such_instance", status=200),
    ],
)
def test_terminate_is_silent_when_accepted_or_gone(answer: Answer) -> None:
    network = Network(answer)
    vast(network).terminate(ID)
    assert network.methods() == [f"DELETE /api/v0/instances/{ID}/"]
    assert network.sent[0].body == {}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (BAD_KEY, ProviderAuth),
        (NO_KEY, ProviderAuth),
        (NO_RIGHT, ProviderAuth),
        (HTML_502, ProviderUnavailable),
        (TIMED_OUT, ProviderUnavailable),
        (RESET, ProviderUnavailable),
        (THROTTLED[0], RateLimited),
        (Answer("<html>", 200), BadProviderReply),
        (Answer("", 301, {"Location": "/x"}), BadProviderReply),
        (Answer("Not Found", 404), BadProviderReply),
        (Answer({"detail": "Not Found"}, 404), BadProviderReply),
        (error("busy", status=409), BadProviderReply),
        (error("busy", status=200), BadProviderReply),
        (Answer({}, 400), BadProviderReply),
    ],
)
def test_a_terminate_that_is_not_accepted_says_so(
    answer: Answer | Exception, kind: type[ProviderError]
) -> None:
    with pytest.raises(kind):
        vast(Network(answer)).terminate(ID)


@pytest.mark.parametrize(
    "instance_id",
    ["", ".", "..", "a/b", "a\\b", "%2f", "1%5c", "1?x=1", "1#", "1\n", " 1", "é", "1" * 129],
)
def test_an_id_that_could_bend_a_url_is_refused_unsent(instance_id: str) -> None:
    network = Network(Answer({"instances": None}))
    adapter = vast(network)
    with pytest.raises(BadProviderReply):
        adapter.find(instance_id)
    with pytest.raises(BadProviderReply):
        adapter.terminate(instance_id)
    assert adapter.attach_ssh_keys(instance_id, ["ssh-ed25519 AAAA"])
    assert network.sent == []


def test_keys_are_attached_to_a_machine_found_later() -> None:
    network = Network(DONE)
    assert vast(network).attach_ssh_keys(ID, ["ssh-ed25519 AAAA"]) is None
    assert network.methods() == [f"POST /api/v0/instances/{ID}/ssh/"]
