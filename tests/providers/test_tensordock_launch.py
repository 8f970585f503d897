"""What each answer to a TensorDock launch means for our money."""

from __future__ import annotations

import pytest

from gpu_shopper.errors.provider import (
    LaunchRejected,
    LaunchUncertain,
    NoCapacity,
    OfferGone,
    ProviderAuth,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RentedDespiteError,
)
from tests.providers.contract import LABEL
from tests.providers.stub import Answer, Keys, Network
from tests.providers.tensordock_shapes import (
    BAD_TOKEN,
    HTML_502,
    ID,
    NO_CONNECT,
    NO_IPS,
    NO_ROUTE,
    REFUSED,
    RESET,
    TIMED_OUT,
    created,
    dock,
    error,
    in_body,
    invalid,
    launch_request,
)

CREATE = "POST /api/v2/instances"
NO_CAPACITY_TEXTS = [
    *("No available nodes found", "no available nodes", "Insufficient capacity"),
    *("Not enough capacity for this request", "Resource unavailable", "OUT OF STOCK"),
    *("No nodes available", "Nodes unavailable", "GPU unavailable", "GPU not available"),
    *("GPU is currently not available", "No GPUs available", "No matching GPU"),
    *("Datacenter unavailable", "Location unavailable", "Region is unavailable"),
    *("Site unavailable", "Temporarily unavailable", "Host is under maintenance"),
    *("Declined due to high demand", "Sold out", "Fully allocated", "We are at capacity"),
    *("No capacity", "Capacity limit reached", "Cannot allocate GPU", "Allocation failed"),
    *("Hostnode unavailable", "No available public IP", NO_IPS),
]
REJECTED = [
    invalid("SSH port (22) must be forwarded for Ubuntu VMs"),
    invalid("Expected number", "Required"),
    invalid("Required", status=200),
    invalid("Required", status=422),
    in_body(400, "need at least $1.00 to deploy"),
    in_body(402, "Insufficient balance"),
    in_body("400", "Invalid image"),
    in_body(400, "Invalid image: not available, no capacity"),
    in_body(400, "Validation failed: capacity limit must be a number"),
    in_body(400, "Your balance cannot cover this: at capacity"),
    error("vcpu_count must be even"),
    error("name already taken", 409),
    Answer({"message": "ram_gb must be a multiple of 4"}, 422),
]
GONE = [
    error("Location not found", 404),
    in_body(404, "Hostnode does not exist"),
    in_body(400, "GPU type h100 not found at this location"),
]
RENTED_ANYWAY = [
    Answer({"status": 500, "error": "Internal error", "data": {"id": ID}}),
    Answer({"error": "timed out", "data": {"id": ID, "name": LABEL}}, 500),
    Answer({"error": "Unauthorized", "data": {"id": ID}}, 401),
    Answer({"error": "slow down", "data": {"id": ID}}, 429),
    Answer({"status": 400, "error": "No available nodes found", "data": {"id": ID}}),
    Answer({"data": {"id": ID}}, 502),
    Answer({"success": False, "data": {"id": ID}}, 200),
]
UNCLEAR = [
    HTML_502,
    Answer("", 200),
    Answer("", 201),
    Answer("", 204),
    Answer("<html>hello</html>", 200),
    Answer('{"data": {"id"', 200),
    Answer([], 200),
    Answer("null", 200),
    Answer({}, 200),
    Answer({"data": None}, 201),
    Answer({"data": {}}, 201),
    Answer({"data": {"id": None}}, 201),
    Answer({"data": {"id": 7}}, 201),
    Answer({"data": {"id": "a/b"}}, 201),
    Answer({"data": {"id": ""}}, 201),
    Answer({"data": [{"id": ID}]}, 201),
    Answer({"data": {"attributes": {"id": ID}}}, 201),
    Answer({"success": True}, 200),
    Answer({"success": False}, 200),
    Answer({"error": "something new"}, 200),
    Answer({"status": "creating"}, 200),
    Answer('{"data": {"id": "a"}, "data": {"id": "b"}}', 201),
    Answer({"status": 400, "error": "No available nodes found", "id": ID}),
    Answer({"error": "No capacity", "instance": {"id": ID}}, 409),
    Answer({"error": "Unauthorized for", "instance": {"id": 5}}, 400),
    in_body(500, "Internal server error"),
    in_body(500, "Internal error: allocation failed"),
    error("Internal server error", 500),
    error("bad gateway", 502),
    Answer("No available nodes found", 503),
    Answer("<html>Service temporarily unavailable</html>", 503),
    Answer("Request Timeout", 408),
    Answer("Bad Request", 400),
    Answer({}, 400),
    Answer([], 400),
    Answer([1], 400),
    Answer([{"message": 7}], 400),
    Answer("", 301, {"Location": "https://elsewhere.test/"}),
    Answer("", 308, {"Location": "::::"}),
    Answer("x" * 5_000_000, 200),
    Answer('{"a":' * 100_000, 200),
    Answer("1" * 10_000, 200),
]


def launch_failing(answer: Answer | Exception) -> tuple[ProviderError, Network]:
    network = Network(answer)
    with pytest.raises(ProviderError) as caught:
        dock(network).launch(launch_request())
    return caught.value, network


@pytest.mark.parametrize("text", NO_CAPACITY_TEXTS)
def test_no_capacity_is_no_capacity_in_any_status_and_case(text: str) -> None:
    """BUG-010: as HTTP 200 with an error, as 4xx and 5xx, in any case."""
    answers = [in_body(400, text), error(text), error(text.upper(), 409), invalid(text.lower())]
    answers += [in_body(500, text), error(text, 500), error(text, 403), error(text, 401)]
    for answer in [*answers, Answer({"message": text}, 503), Answer({"error": text})]:
        failure, network = launch_failing(answer)
        assert type(failure) is NoCapacity
        assert network.methods() == [CREATE]


@pytest.mark.parametrize("answer", GONE)
def test_a_place_or_gpu_that_is_not_there_is_a_gone_offer(answer: Answer) -> None:
    failure, network = launch_failing(answer)
    assert type(failure) is OfferGone
    assert network.methods() == [CREATE]


@pytest.mark.parametrize("answer", REJECTED)
def test_a_definite_no_is_a_rejected_launch(answer: Answer) -> None:
    failure, network = launch_failing(answer)
    assert type(failure) is LaunchRejected
    assert network.methods() == [CREATE]


def test_the_messages_of_all_validation_errors_are_kept() -> None:
    failure, _ = launch_failing(invalid("Expected number", "Required"))
    assert failure.message == "status 400: Expected number: Required"


@pytest.mark.parametrize("answer", RENTED_ANYWAY)
def test_an_instance_named_in_a_failure_exists(answer: Answer) -> None:
    failure, network = launch_failing(answer)
    assert isinstance(failure, RentedDespiteError)
    assert failure.instance_id == ID
    assert network.methods() == [CREATE]


@pytest.mark.parametrize("answer", [*UNCLEAR, TIMED_OUT, RESET])
def test_anything_unclear_is_uncertain_after_exactly_one_call(answer: Answer | Exception) -> None:
    """R-004: a create is never repeated inside the adapter."""
    failure, network = launch_failing(answer)
    assert type(failure) is LaunchUncertain
    assert network.methods() == [CREATE]


@pytest.mark.parametrize("failure", [REFUSED, NO_CONNECT])
def test_without_a_connection_nothing_was_sent(failure: Exception) -> None:
    raised, network = launch_failing(failure)
    assert type(raised) is ProviderUnavailable
    assert len(network.sent) == 1


def test_a_create_at_a_wrong_address_is_rejected() -> None:
    assert type(launch_failing(NO_ROUTE)[0]) is LaunchRejected


@pytest.mark.parametrize(
    ("answer", "pause_s"),
    [
        (error("Too many requests", 429), None),
        (in_body(429, "Too many requests"), None),
        (Answer("slow down", 429, {"Retry-After": "12"}), 12.0),
    ],
)
def test_a_throttled_launch_was_not_carried_out(answer: Answer, pause_s: float | None) -> None:
    failure, network = launch_failing(answer)
    assert isinstance(failure, RateLimited)
    assert failure.retry_after_s == pause_s
    assert network.methods() == [CREATE]


@pytest.mark.parametrize(
    "answer",
    [BAD_TOKEN, error("Forbidden", 403), in_body(401, "Unauthorized"), Answer("<html>", 401)],
)
def test_a_refused_token_is_read_again_once_and_the_launch_repeated_once(answer: Answer) -> None:
    """M-62: never the offer's fault."""
    keys = Keys()
    network = Network(answer)
    with pytest.raises(ProviderAuth):
        dock(network, keys).launch(launch_request())
    assert network.methods() == [CREATE, CREATE]
    assert keys.reads == [False, True]


@pytest.mark.parametrize(
    "answer",
    [
        created(),
        created("creating"),
        created("error"),
        Answer({"data": {"id": ID}}, 200),
        Answer({"id": ID, "name": LABEL, "status": "queued"}, 202),
    ],
)
def test_a_launch_that_names_its_instance_is_accepted(answer: Answer) -> None:
    network = Network(answer)
    assert dock(network).launch(launch_request()).instance_id == ID
    assert network.methods() == [CREATE]
