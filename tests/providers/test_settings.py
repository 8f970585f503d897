"""Each documented setting of a provider reaches what is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from gpu_shopper.core.settings import Settings
from gpu_shopper.errors.provider import ProviderError, ProviderUnavailable
from gpu_shopper.providers import registry
from gpu_shopper.providers.access import Access
from gpu_shopper.providers.http import HttpClient
from gpu_shopper.providers.port import Provider, TellsBalance
from tests.providers import tensordock_shapes, vastai_shapes
from tests.providers.stub import Turns

ACCESS = Access(
    base_url="https://base.test/prefix/",
    credentials=lambda fresh: "renewed-key" if fresh else "first-key",
    pace=Turns(),
    billing_url="https://billing.test",
    field={"api_key": "pair-key"}.__getitem__,
)
SETTINGS = replace(
    Settings(),
    provider_connect_timeout_s=3,
    provider_read_timeout_s=7,
    tensordock_create_timeout_s=41,
)
DEFAULTS: dict[str, Any] = HttpClient.__init__.__kwdefaults__ or {}
LAUNCHES = {
    "vastai": vastai_shapes.launch_request(),
    "tensordock": tensordock_shapes.launch_request(),
}


class Wire:
    """Remembers what went out; nobody answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests: list[requests.PreparedRequest] = []
        self.timeouts: list[Any] = []
        monkeypatch.setattr(HTTPAdapter, "send", self._send)

    def _send(self, request: requests.PreparedRequest, timeout: Any, **_: Any) -> None:
        self.requests.append(request)
        self.timeouts.append(timeout)
        raise requests.ReadTimeout("nobody answers")

    def of(self, call: Callable[[], object]) -> tuple[requests.PreparedRequest, Any]:
        """The last thing that `call` sends, and its time-outs."""
        with pytest.raises(ProviderError):
            call()
        return self.requests[-1], self.timeouts[-1]


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    monkeypatch.setitem(DEFAULTS, "wait", lambda _s: None)
    return Wire(monkeypatch)


def built(name: str) -> Provider:
    return registry.build(name, ACCESS, SETTINGS)


@pytest.mark.parametrize("name", registry.PROVIDERS)
def test_the_base_url_is_where_every_call_goes(wire: Wire, name: str) -> None:
    """BUG-003: VastaiBaseUrl, TensordockBaseUrl; a slash at its end does no harm."""
    provider = built(name)
    for call in (
        provider.list_offers,
        provider.list_instances,
        lambda: provider.find("5"),
        lambda: provider.terminate("5"),
        lambda: provider.launch(LAUNCHES[name]),
    ):
        sent, _ = wire.of(call)
        assert str(sent.url).startswith("https://base.test/prefix/api/")


@pytest.mark.parametrize("name", registry.PROVIDERS)
def test_the_key_is_sent_with_every_call(wire: Wire, name: str) -> None:
    """BUG-003: the secret's value, as a bearer token."""
    sent, _ = wire.of(built(name).list_instances)
    assert sent.headers["Authorization"] == "Bearer first-key"


@pytest.mark.parametrize("name", registry.PROVIDERS)
def test_connections_and_answers_have_their_time(wire: Wire, name: str) -> None:
    """BUG-003, M-19: ProviderConnectTimeoutS, ProviderReadTimeoutS."""
    provider = built(name)
    for call in (provider.list_instances, lambda: provider.terminate("5")):
        assert wire.of(call)[1] == (3, 7)


def test_a_launch_at_tensordock_has_its_own_time_and_one_at_vastai_has_not(wire: Wire) -> None:
    """BUG-003, M-19: TensordockCreateTimeoutS."""
    times = {name: wire.of(lambda n=name: built(n).launch(LAUNCHES[n]))[1] for name in LAUNCHES}  # type: ignore[misc]  # a bound default is not part of the type
    assert times == {"vastai": (3, 7), "tensordock": (3, 41)}


def test_the_balance_is_asked_for_at_its_own_address_with_the_pair(wire: Wire) -> None:
    """BUG-003: TensordockBillingUrl, and the secret's field api_key."""
    provider = built("tensordock")
    assert isinstance(provider, TellsBalance)
    sent, times = wire.of(provider.balance)
    assert sent.url == "https://billing.test/api/v0/billing/balance"
    assert sent.body == "api_key=pair-key&api_token=first-key"
    assert times == (3, 7)


def test_a_market_that_takes_longer_than_it_may_is_given_up(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BUG-003, M-19: RefreshGiveUpS."""
    settings = replace(SETTINGS, refresh_give_up_s=100)
    clock = iter((0.0, 100.1))
    monkeypatch.setitem(DEFAULTS, "clock_s", lambda: next(clock))
    with pytest.raises(ProviderUnavailable, match="not be read in time"):
        registry.build("vastai", ACCESS, settings).list_offers()
    assert wire.requests == []
