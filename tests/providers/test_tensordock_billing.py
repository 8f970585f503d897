"""TensorDock's balance: another host, another key beside the token, both in a form."""

from __future__ import annotations

from typing import Any

import pytest

from gpu_shopper.core.settings import Settings
from gpu_shopper.errors.provider import BadProviderReply, ProviderAuth, ProviderError, RateLimited
from gpu_shopper.providers import tensordock
from gpu_shopper.providers.access import Access
from gpu_shopper.providers.port import TellsBalance
from gpu_shopper.providers.tensordock.billing import Billing
from tests.providers.stub import Answer, Keys, Network, Turns
from tests.providers.tensordock_shapes import HTML_502, PAIR, RESET, dock


def balance(*steps: Any, keys: Keys | None = None) -> tuple[int | None, Network]:
    network = Network(*steps)
    provider = dock(network, keys)
    assert isinstance(provider, TellsBalance)
    return provider.balance(), network


def test_both_keys_go_into_the_form_and_nowhere_else() -> None:
    left, network = balance(Answer({"success": True, "balance": 12.5, "hourly_cost": 0.4}))
    (sent,) = network.sent
    assert left == 12_500_000
    assert (sent.method, sent.host, sent.path) == (
        "POST",
        "older.test",
        "/api/v0/billing/balance",
    )
    assert sent.body == f"api_key={PAIR}&api_token=key-one-1234"
    assert "Authorization" not in sent.headers
    assert sent.query == {}


def test_a_refused_pair_is_read_again_once() -> None:
    keys = Keys()
    left, network = balance(Answer({}, 401), Answer({"success": True, "balance": 1}), keys=keys)
    assert left == 1_000_000
    assert [one.body.rpartition("=")[2] for one in network.sent] == [
        "key-one-1234",
        "key-two-5678",
    ]


def test_without_the_older_apis_key_nobody_is_asked() -> None:
    access = Access(
        base_url="https://dock.test",
        credentials=lambda _fresh: pytest.fail("the token was read"),
        pace=Turns(),
        billing_url="https://older.test",
    )
    assert Billing.over(access, Settings()).balance() is None


def test_where_nobody_wants_to_know_the_adapter_tells_no_balance() -> None:
    access = Access(base_url="https://dock.test", credentials=lambda _fresh: "token", pace=Turns())
    assert not isinstance(tensordock.build(access, Settings()), TellsBalance)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer({"success": False, "error": f"Invalid {PAIR}"}), BadProviderReply),
        (Answer({"success": False, "error": f"Invalid {PAIR}"}, 403), ProviderAuth),
        (Answer({"balance": 5}), BadProviderReply),
        (Answer({"success": True}), BadProviderReply),
        (Answer({"success": True, "balance": "much"}), BadProviderReply),
        (Answer({"success": True, "balance": None}), BadProviderReply),
        (Answer('{"success": true, "balance": 5, "balance": 6}'), BadProviderReply),
        (Answer([5]), BadProviderReply),
        (Answer("", 204), BadProviderReply),
        (Answer("", 302, {"Location": "https://elsewhere.test"}), BadProviderReply),
        (Answer("slow down", 429), RateLimited),
        (HTML_502, ProviderError),
        (RESET, ProviderError),
    ],
)
def test_anything_else_is_an_error_that_repeats_no_key(answer: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        balance(answer)
    assert PAIR not in str(caught.value)
    assert "key-one" not in str(caught.value)
