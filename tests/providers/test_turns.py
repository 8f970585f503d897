"""Which line each method's requests stand in, and where in it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from gpu_shopper.core.pacing import Turn
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.settings import Settings
from gpu_shopper.errors.provider import ProviderError
from gpu_shopper.providers.port import AttachesKeys, Provider
from gpu_shopper.providers.vastai import VastAi
from tests.builders import NOON
from tests.providers.contract import PUBLIC_KEY, request_for
from tests.providers.fake_tensordock import FakeDockRig
from tests.providers.fake_vastai import FakeVastRig
from tests.providers.stub import Answer, Network, Turns
from tests.providers.tensordock_shapes import dock
from tests.providers.vastai_shapes import vast

type Rig = FakeVastRig | FakeDockRig
type Act = Callable[[Provider], object]


def offers(provider: Provider) -> object:
    return provider.list_offers()


def launched(provider: Provider) -> str:
    return provider.launch(request_for(provider.list_offers()[0])).instance_id


def found(provider: Provider) -> object:
    return provider.find("33402296")


def listed(provider: Provider) -> object:
    return provider.list_instances()


def terminated(provider: Provider) -> None:
    provider.terminate("33402296")


def attached(provider: Provider) -> object:
    assert isinstance(provider, AttachesKeys)
    return provider.attach_ssh_keys("33402296", [PUBLIC_KEY])


@pytest.mark.parametrize(
    ("act", "asked"),
    [
        (offers, [("search", Turn.REFRESH)]),
        (
            launched,
            [("search", Turn.REFRESH), ("create", Turn.LAUNCH), ("attach", Turn.USUAL)],
        ),
        (attached, [("attach", Turn.USUAL)]),
        (found, [("find", Turn.USUAL)]),
        (listed, [("list", Turn.USUAL)]),
        (terminated, [("destroy", Turn.TERMINATE)]),
    ],
)
def test_vast_ai_counts_calls_of_each_endpoint(act: Act, asked: list[tuple[str, Turn]]) -> None:
    """1.9, 5.0."""
    assert turns_of(FakeVastRig(), act) == asked


@pytest.mark.parametrize(
    ("act", "turns"),
    [
        (offers, [Turn.REFRESH]),
        (launched, [Turn.REFRESH, Turn.LAUNCH]),
        (found, [Turn.USUAL]),
        (listed, [Turn.USUAL]),
        (terminated, [Turn.TERMINATE]),
    ],
)
def test_tensordock_counts_all_calls_together(act: Act, turns: list[Turn]) -> None:
    """2, 5.0."""
    assert turns_of(FakeDockRig(), act) == [("any", turn) for turn in turns]


LATER = NOON + timedelta(hours=1)


@pytest.mark.parametrize(
    ("act", "asked"),
    [
        (lambda one: one.balance(), ("account", Turn.USUAL)),
        (lambda one: one.charges(NOON, LATER), ("charges", Turn.USUAL)),
        (lambda one: one.logs("33402296"), ("logs", Turn.USUAL)),
        (lambda one: one.list_templates(), ("templates", Turn.REFRESH)),
    ],
)
def test_what_vast_ai_can_besides_has_lines_too(
    act: Callable[[VastAi], object], asked: tuple[str, Turn]
) -> None:
    """1.9, 5.0."""
    turns = Turns()
    with suppress(ProviderError):
        act(vast(Network(Answer({}, 404)), turns=turns))
    assert turns.asked == [asked]
    assert asked[0] in FACTS["vastai"].intervals_ms(Settings())


def test_tensordocks_older_api_is_counted_with_the_newer() -> None:
    """2, 5.0: it is the same customer."""
    turns = Turns()
    dock(Network(Answer({"success": True, "balance": 5})), turns=turns).balance()
    assert turns.asked == [("any", Turn.USUAL)]


def turns_of(rig: Rig, act: Act) -> list[tuple[str, Turn]]:
    act(rig.provider)
    return rig.turns.asked
