"""What each answer to a Vast.ai launch means for our money."""

from __future__ import annotations

from dataclasses import replace

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
from tests.providers.stub import Answer, Keys, Network
from tests.providers.vastai_shapes import (
    BAD_KEY,
    DONE,
    NO_CONNECT,
    NO_KEY,
    NO_RIGHT,
    NO_SUCH_ASK_TEXT,
    REFUSED,
    RENTED,
    RESET,
    STALE,
    THROTTLED,
    TIMED_OUT,
    UNCLEAR_ANSWERS,
    error,
    launch_request,
    vast,
)

ASKS = "PUT /api/v0/asks/20000001/"
ATTACH = "POST /api/v0/instances/33402296/ssh/"

GONE = [
    STALE,
    error("invalid_args", NO_SUCH_ASK_TEXT, 404),
    error("invalid_args", NO_SUCH_ASK_TEXT, 200),
    error("no_such_ask", "error 410/3907 ... no longer available", 410),
    error("no-such-ask", "", 400),
    Answer({"msg": "No such ask"}, 404),
    Answer({"detail": "no_such_ask"}, 400),
    Answer({"message": "NO_SUCH_ASK", "code": "400"}, 500),
    error("invalid_args", "Instance type by id 20000001 is not available.", 400),
    error("unavailable", "This offer is unavailable", 409),
    error("unavailable", "Required resources are currently unavailable", 400),
]
FULL = [
    error("no_capacity", "Required resources are currently unavailable", 400),
    error("no_capacity", "", 200),
    error("invalid_args", "Insufficient capacity", 409),
    Answer({"msg": "not enough capacity"}, 400),
]
REJECTED = [
    error("invalid_args", "disk too small"),
    error("invalid_price", "price out of range"),
    error("insufficient_credit", "Your account lacks credit", 402),
    error("insufficient_credit", "Your account lacks credit", 200),
    error("no_ssh_key_for_vm", "", 400),
    error("forbidden", "error 403/3586: not your own machine", 403),
    Answer({"detail": "Unprocessable"}, 422),
    Answer({"msg": "image is required"}, 400),
]
RENTED_ANYWAY = [
    error("low_bid", "below the minimum", 200, new_contract=33402296),
    error("low_bid", "below the minimum", 400, new_contract=33402296),
    error("internal_error", "oops", 500, new_contract="33402296"),
    error("auth_error", "Invalid user key", 401, new_contract=33402296),
    error("rate_limit_exceeded", "", 429, new_contract=33402296),
    error("no_such_ask", NO_SUCH_ASK_TEXT, 400, new_contract=33402296),
    Answer({"success": None, "new_contract": 33402296}),
    Answer({"success": "yes", "new_contract": 33402296}),
    Answer({"success": True, "new_contract": 33402296}, 502),
]


def launch_failing(answer: Answer | Exception) -> tuple[ProviderError, Network]:
    network = Network(answer)
    with pytest.raises(ProviderError) as caught:
        vast(network).launch(launch_request())
    return caught.value, network


@pytest.mark.parametrize("answer", GONE)
def test_no_such_ask_in_any_shape_is_a_gone_offer(answer: Answer) -> None:
    """M-110"""
    failure, network = launch_failing(answer)
    assert type(failure) is OfferGone
    assert network.methods() == [ASKS]


@pytest.mark.parametrize("answer", FULL)
def test_no_capacity_is_no_capacity_and_rents_nothing(answer: Answer) -> None:
    failure, network = launch_failing(answer)
    assert type(failure) is NoCapacity
    assert network.methods() == [ASKS]


@pytest.mark.parametrize("answer", REJECTED)
def test_a_definite_no_is_a_rejected_launch(answer: Answer) -> None:
    failure, network = launch_failing(answer)
    assert type(failure) is LaunchRejected
    assert network.methods() == [ASKS]


@pytest.mark.parametrize("answer", RENTED_ANYWAY)
def test_an_instance_named_in_a_failure_exists_and_no_key_goes_to_it(answer: Answer) -> None:
    failure, network = launch_failing(answer)
    assert isinstance(failure, RentedDespiteError)
    assert failure.instance_id == "33402296"
    assert network.methods() == [ASKS]


@pytest.mark.parametrize("answer", [*UNCLEAR_ANSWERS, TIMED_OUT, RESET])
def test_anything_unclear_is_uncertain_after_exactly_one_call(answer: Answer | Exception) -> None:
    failure, network = launch_failing(answer)
    assert type(failure) is LaunchUncertain
    assert network.methods() == [ASKS]


@pytest.mark.parametrize("failure", [REFUSED, NO_CONNECT])
def test_without_a_connection_nothing_was_sent(failure: Exception) -> None:
    raised, network = launch_failing(failure)
    assert type(raised) is ProviderUnavailable
    assert len(network.sent) == 1


@pytest.mark.parametrize(
    ("answer", "pause_s"), [*zip(THROTTLED, (4.5, 1.0, None, 4.5), strict=True)]
)
def test_a_throttled_launch_was_not_carried_out(answer: Answer, pause_s: float | None) -> None:
    failure, network = launch_failing(answer)
    assert isinstance(failure, RateLimited)
    assert failure.retry_after_s == pause_s
    assert network.methods() == [ASKS]


@pytest.mark.parametrize(
    ("headers", "pause_s"),
    [
        ({"Retry-After": "12"}, 12.0),
        ({"Retry-After": "0.5"}, 0.5),
        (
            {
                "Retry-After": "Sat, 21 Nov 2026 12:00:20 GMT",
                "Date": "Sat, 21 Nov 2026 12:00:00 GMT",
            },
            20.0,
        ),
        ({"X-RateLimit-Reset": "1795262430", "Date": "Sat, 21 Nov 2026 12:00:00 GMT"}, 30.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1", "Date": "nonsense"}, None),
        ({"X-RateLimit-Reset": "1795262430"}, None),
    ],
)
def test_the_wished_pause_comes_from_either_header(
    headers: dict[str, str], pause_s: float | None
) -> None:
    failure, _ = launch_failing(Answer("Too many requests", 429, headers))
    assert isinstance(failure, RateLimited)
    assert failure.retry_after_s == pause_s


@pytest.mark.parametrize("answer", [BAD_KEY, NO_KEY, NO_RIGHT, Answer("<html>", 401)])
def test_a_refused_key_is_read_again_once_and_the_launch_repeated_once(answer: Answer) -> None:
    """M-62"""
    keys = Keys()
    network = Network(answer)
    with pytest.raises(ProviderAuth):
        vast(network, keys).launch(launch_request())
    assert network.methods() == [ASKS, ASKS]
    assert keys.reads == [False, True]
    sent = [one.headers["Authorization"] for one in network.sent]
    assert sent == ["Bearer key-one-1234", "Bearer key-two-5678"]


def test_a_launch_goes_through_with_the_key_read_again() -> None:
    """M-62"""
    network = Network(BAD_KEY, RENTED, DONE)
    assert vast(network).launch(launch_request()).instance_id == "33402296"
    assert network.methods() == [ASKS, ASKS, ATTACH]


@pytest.mark.parametrize("key", ["", "  ", "two words", "line\nbreak", "schlüssel"])
def test_without_a_usable_key_nothing_is_sent(key: str) -> None:
    network = Network(RENTED)
    with pytest.raises(ProviderAuth):
        vast(network, Keys([key])).launch(launch_request())
    assert network.sent == []


@pytest.mark.parametrize("own_id", ["", "0", "-1", "1/2", "1%2f2", "abc", "../1"])
def test_an_offer_id_that_is_not_a_number_never_reaches_a_url(own_id: str) -> None:
    asked = launch_request()
    network = Network(RENTED)
    with pytest.raises(LaunchRejected):
        vast(network).launch(replace(asked, offer=asked.offer._replace(provider_id=own_id)))
    assert network.sent == []
