"""SSH keys reach the machine, or the launch says that they did not."""

from __future__ import annotations

import pytest

from tests.providers.stub import Answer, Network, Sent, StoppedClock
from tests.providers.vastai_shapes import (
    BAD_KEY,
    DONE,
    HTML_502,
    KEY,
    RENTED,
    RESET,
    TIMED_OUT,
    error,
    launch_request,
    vast,
)

ASKS = "PUT /api/v0/asks/20000001/"
ATTACH = "POST /api/v0/instances/33402296/ssh/"


def test_every_key_is_attached_to_the_new_instance() -> None:
    network = Network(RENTED, DONE)
    launched = vast(network).launch(launch_request(ssh_public_keys=(KEY, KEY + "2")))
    assert launched.key_error is None
    assert network.methods() == [ASKS, ATTACH, ATTACH]
    assert [one.body for one in network.sent[1:]] == [{"ssh_key": KEY}, {"ssh_key": KEY + "2"}]


@pytest.mark.parametrize(
    "failure", [HTML_502, error("no_such_instance", status=404), TIMED_OUT, Answer("<html>")]
)
def test_attaching_a_key_is_tried_again(failure: Answer | Exception) -> None:
    """QA-C1"""
    clock = StoppedClock()
    network = Network(RENTED, failure, failure, DONE)
    assert vast(network, clock=clock).launch(launch_request()).key_error is None
    assert network.methods() == [ASKS, ATTACH, ATTACH, ATTACH]
    assert clock.waits == [0.0, 1.0, 2.0]


def test_the_time_that_keys_take_is_told_for_the_machine_costs_meanwhile() -> None:
    """CRIT-1: it was accepted before the first key."""
    clock = StoppedClock()

    def slow(sent: Sent) -> Answer:
        clock.now_s += 2.0001
        return RENTED if sent.method == "PUT" else DONE

    launched = vast(Network(slow), clock=clock).launch(launch_request())
    assert launched.age_ms == 2_001


def test_a_key_that_is_there_already_is_attached() -> None:
    network = Network(RENTED, TIMED_OUT, error("invalid_args", "ssh key already exists"))
    assert vast(network).launch(launch_request()).key_error is None


@pytest.mark.parametrize("failure", [HTML_502, BAD_KEY, RESET, error("bad", KEY)])
def test_a_key_that_cannot_be_attached_is_told_and_the_launch_stands(
    failure: Answer | Exception,
) -> None:
    """QA-C1"""
    network = Network(RENTED, failure)
    launched = vast(network).launch(launch_request(ssh_public_keys=(KEY, KEY + "2")))
    assert launched.instance_id == "33402296"
    assert launched.key_error
    assert "AAAA" not in launched.key_error
    assert set(network.methods()[1:]) == {ATTACH}


def test_attaching_keys_ends_in_time_for_the_launch_to_be_stored() -> None:
    clock = StoppedClock()

    def slow(_sent: object) -> Answer:
        clock.now_s += 10
        return HTML_502

    network = Network(RENTED, slow)
    keys = tuple(f"{KEY}{number}" for number in range(9))
    assert vast(network, clock=clock).launch(launch_request(ssh_public_keys=keys)).key_error
    assert clock.now_s <= 20
