"""What TensorDock shows of instances, and what it must never be taken for."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_shopper.core.instances import Health, HostPort, Instance, SshAddress
from gpu_shopper.errors.provider import (
    BadProviderReply,
    ProviderAuth,
    ProviderError,
    ProviderUnavailable,
)
from tests.providers.contract import LABEL
from tests.providers.stub import Answer, Keys, Network, StoppedClock
from tests.providers.tensordock_shapes import (
    BAD_TOKEN,
    GPU,
    HTML_502,
    ID,
    NO_NODES,
    NO_ROUTE,
    NO_SUCH_INSTANCE,
    RESET,
    TIMED_OUT,
    dock,
    error,
    in_body,
    instance_row,
    invalid,
    nested,
)

NOT_ABSENCE = [
    Answer({}),
    Answer([]),
    Answer("null"),
    Answer(""),
    Answer("<html>hello</html>"),
    Answer('{"data": nul'),
    Answer('{"data": NaN}'),
    Answer({"data": None}),
    Answer({"data": {}}),
    Answer({"data": []}),
    Answer({"instances": None}),
    Answer({"success": True}),
    Answer({"success": False, "error": "Instance not found"}),
    Answer({"status": "deleted"}),
    Answer(instance_row(id="another", status="deleted")),
    Answer(instance_row(id="another")),
    Answer(instance_row(id=7)),
    Answer(instance_row(name=7)),
    Answer({"data": instance_row(name=["x"])}),
    Answer({**instance_row(), "attributes": {"status": "deleted"}}),
    Answer({**instance_row(), "error": "internal"}),
    Answer("", 404),
    Answer("Instance not found", 404),
    Answer("<html>Instance not found</html>", 404),
    Answer({"detail": "Not Found"}, 404),
    Answer({"message": "Not Found"}, 404),
    Answer({"error": "Not found"}, 404),
    Answer({"error": "User not found"}, 404),
    Answer({"error": "Instance not found", "pad": "x" * 100_000}, 404),
    error("The requested instance URL was not found", 404),
    error("Instance not found", 400),
    error("Instance not found", 500),
    error("Instance not found", 403),
    in_body(500, "Instance not found"),
    invalid("Instance not found"),
    NO_ROUTE,
    NO_NODES,
    BAD_TOKEN,
    HTML_502,
    Answer("slow down", 429),
    TIMED_OUT,
    RESET,
]


@pytest.mark.parametrize("answer", NOT_ABSENCE)
def test_a_lookup_that_says_nothing_clear_raises(answer: Answer | Exception) -> None:
    with pytest.raises(ProviderError):
        dock(Network(answer)).find(ID)


@pytest.mark.parametrize(
    "answer",
    [
        NO_SUCH_INSTANCE,
        error("Instance not found", 404),
        error("instance 9f8e could not be found", 404),
        error("Virtual machine does not exist", 404),
        error("No such VM", 404),
        in_body(404, "Instance not found"),
        in_body("404", "Instance not found"),
        invalid("Instance not found", status=404),
        Answer(instance_row(status="deleted")),
        Answer({"data": instance_row(status="Deleted")}),
        Answer({"data": nested(instance_row(status="DELETED"))}),
    ],
)
def test_an_instance_is_gone_when_the_provider_says_exactly_that(answer: Answer) -> None:
    network = Network(answer)
    assert dock(network).find(ID) is None
    assert network.methods() == [f"GET /api/v2/instances/{ID}"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(instance_row()),
        Answer({"data": instance_row()}),
        Answer({"data": nested(instance_row())}),
    ],
    ids=["bare", "wrapped", "nested"],
)
def test_an_instance_is_shown_in_our_words(answer: Answer) -> None:
    """X-21: rateHourly is the price of the instance."""
    assert dock(Network(answer)).find(ID) == Instance(
        id=ID,
        provider="tensordock",
        label=LABEL,
        health=Health.UP,
        status="running",
        price_microusd_per_hour=443_210,
        ssh=SshAddress("203.0.113.9", 20456, "user"),
        port_map={22: HostPort("203.0.113.9", 20456)},
        gpu_type="RTX 4090",
    )


WORDS: dict[Health, list[Any]] = {
    Health.UP: ["running", "online"],
    Health.WAIT: ["creating", "queued", "deploying", "starting", "provisioning", "booting"],
    Health.FAILED: [
        *("stopping", "stopped", "StoppedDisassociated", "stopped_disassociated"),
        *("error", "terminated", "deleting"),
    ],
    Health.UNKNOWN: ["defenestrated", "", "down", None, 7, ["running"], {"is": "running"}],
}


@pytest.mark.parametrize(
    ("word", "health"), [(word, health) for health, words in WORDS.items() for word in words]
)
def test_a_status_word_means_the_same_in_any_case(word: Any, health: Health) -> None:
    spellings = [word.lower(), word.upper(), word.title()] if isinstance(word, str) else [word]
    for spelling in spellings:
        found = dock(Network(Answer(instance_row(status=spelling)))).find(ID)
        assert found is not None
        assert found.health is health
        assert found.status == (spelling or "unreadable" if isinstance(word, str) else "unreadable")


@pytest.mark.parametrize(
    ("address", "forwards", "ssh"),
    [
        ("203.0.113.9", [], ("203.0.113.9", 22)),
        ("203.0.113.9", None, ("203.0.113.9", 22)),
        ("203.0.113.9", [{"internal_port": 80, "external_port": 8080}], ("203.0.113.9", 22)),
        ("203.0.113.9", [{"internal_port": 22, "external_port": 20456}], ("203.0.113.9", 20456)),
        ("203.0.113.9", [{"internal_port": "22", "external_port": "7"}], ("203.0.113.9", 7)),
        ("203.0.113.9", [{"internal_port": 22, "external_port": 0}], ("203.0.113.9", 22)),
        ("203.0.113.9", [{"internal_port": 22, "external_port": 65_536}], ("203.0.113.9", 22)),
        ("203.0.113.9", [7, None, {}], ("203.0.113.9", 22)),
        (" 203.0.113.9\n", "x", ("203.0.113.9", 22)),
        ("2001:db8::7", [], ("2001:db8::7", 22)),
        (None, [{"internal_port": 22, "external_port": 20456}], None),
        ("", [], None),
        ("pending", [], None),
        (7, [], None),
    ],
)
def test_ssh_is_at_the_forwarded_port_or_at_22(
    address: object, forwards: object, ssh: tuple[str, int] | None
) -> None:
    """BUG-008: a status without portForwards means port 22."""
    row = instance_row(ipAddress=address, portForwards=forwards)
    found = dock(Network(Answer(row))).find(ID)
    assert found is not None
    assert found.ssh == (SshAddress(*ssh, "user") if ssh else None)


def test_a_status_without_any_port_forwards_means_port_22() -> None:
    """BUG-008: absent as well as empty."""
    row = {key: value for key, value in instance_row().items() if key != "portForwards"}
    found = dock(Network(Answer(row))).find(ID)
    assert found is not None
    assert found.ssh == SshAddress("203.0.113.9", 22, "user")


@pytest.mark.parametrize("rate", [0, -1, None, "free", True, float("nan")])
def test_a_rate_that_is_no_price_is_unknown(rate: object) -> None:
    found = dock(Network(Answer(instance_row(rateHourly=rate)))).find(ID)
    assert found is not None
    assert found.price_microusd_per_hour is None


def test_an_instance_may_have_no_gpu_that_we_know() -> None:
    unknown: list[Any] = [None, {}, {"gpus": {}}, {"gpus": []}, {"gpus": {"": {}}}]
    for resources in unknown:
        found = dock(Network(Answer(instance_row(resources=resources)))).find(ID)
        assert found is not None
        assert found.gpu_type is None


@pytest.mark.parametrize("instance_id", ["", ".", "..", "a/b", "a%2fb", "a\\b", "x" * 129])
def test_an_id_that_is_no_part_of_a_path_never_reaches_a_url(instance_id: str) -> None:
    network = Network(NO_SUCH_INSTANCE)
    for call in (dock(network).find, dock(network).terminate):
        with pytest.raises(BadProviderReply):
            call(instance_id)
    assert network.sent == []


def test_reads_are_tried_again_with_growing_pauses_and_terminates_are_not() -> None:
    """R-004: back-off and jitter for reads, none inside for deletes."""
    clock = StoppedClock()
    network = Network(HTML_502, RESET, Answer(instance_row()))
    assert dock(network, clock=clock).find(ID) is not None
    assert clock.waits == [0.75, 1.5]
    dying = Network(HTML_502)
    with pytest.raises(ProviderUnavailable):
        dock(dying).terminate(ID)
    assert len(dying.sent) == 1


@pytest.mark.parametrize("answer", [BAD_TOKEN, error("Forbidden", 403), in_body(403, "Forbidden")])
def test_a_refused_token_is_read_again_once(answer: Answer) -> None:
    """M-62: one repeat with the token read anew."""
    keys = Keys()
    network = Network(answer, Answer(instance_row()))
    assert dock(network, keys).find(ID) is not None
    assert keys.reads == [False, True]
    with pytest.raises(ProviderAuth):
        dock(Network(answer)).find(ID)


def test_the_gpu_is_named_by_its_slug() -> None:
    row = instance_row(resources={"gpus": {"h100-sxm5-80gb": {"count": 8}, GPU: {"count": 1}}})
    found = dock(Network(Answer(row))).find(ID)
    assert found is not None
    assert found.gpu_type == "H100 SXM"
