"""Connections: names resolved once, addresses checked, the first that answers taken."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from gpu_shopper import network
from gpu_shopper.network import NotPublic, connected

type Resolve = Callable[..., None]


@pytest.fixture
def resolves(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Sets what every name resolves to from now on; a list of lists answers call by call."""

    def to(*answers: list[str]) -> None:
        queue = list(answers)

        def getaddrinfo(_host: str, port: int, **_: Any) -> list[Any]:
            now = queue.pop(0) if len(queue) > 1 else queue[0]
            kinds = {True: socket.AF_INET6, False: socket.AF_INET}
            return [(kinds[":" in one], 1, 6, "", (one, port)) for one in now]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return to


@pytest.fixture
def listener() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_one_address_that_is_not_public_spoils_the_name(resolves: Resolve) -> None:
    """2.10: nobody can have us try addresses until one leads inside."""
    resolves(["1.1.1.1", "10.0.0.1"])
    with pytest.raises(NotPublic):
        connected("two.example", 22, 1, public_only=True)


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "fe80::1%eth0", "::1"])
def test_a_name_cannot_hide_where_it_leads(resolves: Resolve, address: str) -> None:
    resolves([address])
    with pytest.raises(NotPublic):
        connected("innocent.example", 22, 1, public_only=True)


def test_the_connection_goes_to_the_checked_address(
    resolves: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2.10: a name that resolves differently the second time is not asked a second time."""
    resolves(["1.1.1.1"], ["127.0.0.1"])
    called: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _self, place: called.append(place))
    connected("rebinding.example", 22, 1, public_only=True).close()
    assert called == [("1.1.1.1", 22)]


def test_a_local_run_may_call_loopback(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with connected("127.0.0.1", port, 1, public_only=False) as connection:
        assert connection.getpeername() == ("127.0.0.1", port)


def test_the_next_address_is_tried_when_one_refuses(
    resolves: Resolve, listener: socket.socket
) -> None:
    resolves(["127.0.0.2", "127.0.0.1"])
    port = listener.getsockname()[1]
    with connected("two.example", port, 1, public_only=False) as connection:
        assert connection.getpeername() == ("127.0.0.1", port)


def test_the_last_refusal_is_told_when_all_refuse(resolves: Resolve) -> None:
    resolves(["127.0.0.2", "127.0.0.3"])
    with pytest.raises(ConnectionRefusedError):
        connected("two.example", 1, 1, public_only=False)


def test_all_addresses_together_get_the_one_time_limit(
    resolves: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not each of them: a try must end in time."""
    resolves([f"127.0.0.{number}" for number in range(2, 9)])
    now_s = [0.0]
    limits: list[float | None] = []

    def hangs(self: socket.socket, _place: Any) -> None:
        limits.append(self.gettimeout())
        now_s[0] += self.gettimeout() or 0
        raise TimeoutError

    monkeypatch.setattr(network, "monotonic", lambda: now_s[0])
    monkeypatch.setattr(socket.socket, "connect", hangs)
    with pytest.raises(TimeoutError):
        connected("many.example", 22, 3, public_only=False)
    assert limits == [3.0]
