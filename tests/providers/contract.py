"""What every provider's adapter promises, whatever its wire format.

A provider's test class inherits `ProviderContract` and gives a `Rig`: its adapter over something
that answers in that provider's format, and can be told to misbehave.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

import pytest

from gpu_shopper.core.gpu_names import canonical
from gpu_shopper.core.instances import Health, Launched, LaunchRequest
from gpu_shopper.core.labels import Label, owned
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.pacing import Turn
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.settings import Settings
from gpu_shopper.errors.provider import (
    LaunchUncertain,
    NoCapacity,
    OfferGone,
    ProviderAuth,
    ProviderError,
    TooSoon,
)
from gpu_shopper.providers.port import Provider, ShowsLogs, TellsBalance, TellsCharges
from tests.providers.stub import Turns

DEPLOYMENT = "ab12cd34"
LABEL = str(Label(DEPLOYMENT, "7b0c2f0e-5a1d-4c7e-9a55-0d6f5f1c2e3a", 1))
PUBLIC_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl contract"
)
FIRST_DAY, LAST_DAY = datetime(2020, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)


class Rig(Protocol):
    """An adapter, and the provider behind it."""

    provider: Provider
    turns: Turns

    def requests(self) -> int:
        """How many requests have arrived in all."""
        ...

    def launch_calls(self) -> int:
        """How many requests to rent have arrived."""
        ...

    def lose_launch_answers(self) -> None:
        """From now on a launch is carried out, but its answer never comes."""
        ...

    def fail_listings(self) -> None:
        """From now on the lists of offers and of instances fail."""
        ...

    def sell_out(self, offer: Offer) -> None:
        """Somebody else rents `offer`."""
        ...

    def show_status(self, instance_id: str, word: str) -> None:
        """The instance shows this status word."""
        ...

    def refuse_key(self) -> None:
        """The provider accepts none of our keys any more."""
        ...


def request_for(offer: Offer) -> LaunchRequest:
    """A launch with a label of ours and one SSH key."""
    return LaunchRequest(
        offer=offer, label=LABEL, disk_gb=offer.default_disk_gb, ssh_public_keys=(PUBLIC_KEY,)
    )


class BilledRig(Rig, Protocol):
    """A rig whose account can be set."""

    def put_balance(self, usd: float) -> None:
        """So much is left to spend."""
        ...

    def run_for_hours(self, instance_id: str) -> None:
        """The instance has run, written something and cost something by now."""
        ...


class ProviderContract:
    """Inherit, name the class `Test…`, and define the fixture `rig`."""

    @pytest.fixture
    def rig(self) -> Rig:
        raise NotImplementedError

    def test_every_offer_has_a_price_a_known_gpu_and_sane_numbers(self, rig: Rig) -> None:
        """M-36, M-37, M-38, M-42"""
        offers = rig.provider.list_offers()
        assert offers
        assert len({offer.id for offer in offers}) == len(offers)
        for offer in offers:
            _check(offer, rig.provider.name)

    def test_a_label_survives_launch_list_and_lookup(self, rig: Rig) -> None:
        """N-17, X-1"""
        launched = _launched(rig)
        listed = {one.id: one for one in rig.provider.list_instances()}
        found = rig.provider.find(launched.instance_id)
        assert found is not None
        assert found.id == launched.instance_id
        assert owned(found.label, DEPLOYMENT) == owned(LABEL, DEPLOYMENT) is not None
        assert listed[launched.instance_id].label == LABEL
        assert launched.key_error is None

    def test_a_status_word_nobody_has_heard_of_is_unknown_and_never_gone(self, rig: Rig) -> None:
        launched = _launched(rig)
        rig.show_status(launched.instance_id, "defenestrated")
        found = rig.provider.find(launched.instance_id)
        assert found is not None
        assert (found.health, found.status) == (Health.UNKNOWN, "defenestrated")

    def test_a_terminated_instance_is_gone_and_a_second_terminate_is_silent(self, rig: Rig) -> None:
        launched = _launched(rig)
        rig.provider.terminate(launched.instance_id)
        assert rig.provider.find(launched.instance_id) is None
        assert launched.instance_id not in {one.id for one in rig.provider.list_instances()}
        rig.provider.terminate(launched.instance_id)

    def test_a_launch_whose_answer_is_lost_is_uncertain_after_exactly_one_call(
        self, rig: Rig
    ) -> None:
        offer = rig.provider.list_offers()[0]
        rig.lose_launch_answers()
        with pytest.raises(LaunchUncertain):
            rig.provider.launch(request_for(offer))
        assert rig.launch_calls() == 1
        assert [one.label for one in rig.provider.list_instances()] == [LABEL]

    def test_an_offer_that_is_taken_is_refused_after_exactly_one_call(self, rig: Rig) -> None:
        offer = rig.provider.list_offers()[0]
        rig.sell_out(offer)
        with pytest.raises((OfferGone, NoCapacity)):
            rig.provider.launch(request_for(offer))
        assert rig.launch_calls() == 1

    def test_every_request_waits_for_its_turn_in_a_line_that_has_an_interval(
        self, rig: Rig
    ) -> None:
        """N-64: whoever adds a provider says how fast it may be called."""
        rig.provider.find(_launched(rig).instance_id)
        rig.provider.list_instances()
        endpoints = {endpoint for endpoint, _ in rig.turns.asked}
        assert len(rig.turns.asked) == rig.requests()
        assert endpoints <= set(FACTS[rig.provider.name].intervals_ms(Settings()))

    def test_ends_go_first_and_the_menu_gives_way(self, rig: Rig) -> None:
        """2.11, providers 5.0."""
        launched = _launched(rig)
        asked = rig.turns.asked
        assert asked[0][1] is Turn.REFRESH
        assert [turn for _, turn in asked].count(Turn.LAUNCH) == 1
        asked.clear()
        rig.provider.terminate(launched.instance_id)
        assert [turn for _, turn in asked] == [Turn.TERMINATE]

    def test_a_launch_without_a_turn_is_not_sent(self, rig: Rig) -> None:
        """So it needs no label to be looked for."""
        offer = rig.provider.list_offers()[0]
        rig.turns.refusal = TooSoon("the line is long", retry_after_s=7)
        for call in (
            lambda: rig.provider.launch(request_for(offer)),
            lambda: rig.provider.find("5001"),
            lambda: rig.provider.list_instances(),
            lambda: rig.provider.list_offers(),
        ):
            with pytest.raises(TooSoon):
                call()
        assert rig.launch_calls() == 0

    def test_a_list_that_fails_raises_and_is_never_empty(self, rig: Rig) -> None:
        rig.fail_listings()
        with pytest.raises(ProviderError):
            rig.provider.list_offers()
        with pytest.raises(ProviderError):
            rig.provider.list_instances()

    def test_a_refused_key_says_nothing_about_offer_or_instance(self, rig: Rig) -> None:
        """M-62"""
        offer = rig.provider.list_offers()[0]
        launched = rig.provider.launch(request_for(offer))
        rig.refuse_key()
        for call in (
            lambda: rig.provider.find(launched.instance_id),
            lambda: rig.provider.terminate(launched.instance_id),
            lambda: rig.provider.launch(request_for(offer)),
            lambda: rig.provider.list_instances(),
        ):
            with pytest.raises(ProviderAuth):
                call()


class BalanceContract:
    """Inherit beside `ProviderContract` when the adapter is a `TellsBalance`."""

    @pytest.mark.parametrize("usd", [0.0, 4.99, 5.0, 123.456789, -1.5])
    def test_the_balance_is_told_in_whole_micro_dollars(self, rig: BilledRig, usd: float) -> None:
        rig.put_balance(usd)
        assert isinstance(rig.provider, TellsBalance)
        assert rig.provider.balance() == round(usd * 1_000_000)

    def test_a_refused_key_is_no_balance(self, rig: BilledRig) -> None:
        rig.refuse_key()
        assert isinstance(rig.provider, TellsBalance)
        with pytest.raises(ProviderAuth):
            rig.provider.balance()


class ChargesContract:
    """Inherit beside `ProviderContract` when the adapter is a `TellsCharges`."""

    def test_a_machine_that_ran_is_on_the_bill_under_its_id_and_label(self, rig: BilledRig) -> None:
        launched = _launched(rig)
        rig.run_for_hours(launched.instance_id)
        assert isinstance(rig.provider, TellsCharges)
        (charge,) = rig.provider.charges(FIRST_DAY, LAST_DAY)
        assert (charge.instance_id, charge.label) == (launched.instance_id, LABEL)
        assert type(charge.amount_microusd) is int
        assert charge.amount_microusd > 0
        assert charge.start < charge.end
        assert charge.start.tzinfo is UTC

    def test_nothing_rented_is_an_empty_bill_and_a_refused_key_is_none(
        self, rig: BilledRig
    ) -> None:
        assert isinstance(rig.provider, TellsCharges)
        assert rig.provider.charges(FIRST_DAY, LAST_DAY) == []
        rig.refuse_key()
        with pytest.raises(ProviderAuth):
            rig.provider.charges(FIRST_DAY, LAST_DAY)


class LogsContract:
    """Inherit beside `ProviderContract` when the adapter is a `ShowsLogs`."""

    def test_what_a_machine_wrote_is_shown_in_printable_lines_without_keys(
        self, rig: BilledRig
    ) -> None:
        launched = _launched(rig)
        rig.run_for_hours(launched.instance_id)
        assert isinstance(rig.provider, ShowsLogs)
        text = rig.provider.logs(launched.instance_id)
        assert text
        assert all(line.isprintable() for line in text.split("\n"))
        assert PUBLIC_KEY.split()[1] not in text

    def test_a_machine_that_is_not_there_has_no_logs_but_an_error(self, rig: Rig) -> None:
        assert isinstance(rig.provider, ShowsLogs)
        with pytest.raises(ProviderError):
            rig.provider.logs("1")


def _launched(rig: Rig) -> Launched:
    return rig.provider.launch(request_for(rig.provider.list_offers()[0]))


def _check(offer: Offer, provider: str) -> None:
    assert offer.provider == provider
    assert offer.id == f"{provider}-{offer.provider_id}" == offer.id.lower()
    assert type(offer.price_microusd_per_hour) is int
    assert offer.price_microusd_per_hour > 0
    assert offer.gpu_type
    assert canonical(offer.gpu_type) == offer.gpu_type == canonical(offer.gpu_name_raw)
    assert offer.gpu_count >= 1
    assert offer.vram_gb is None or offer.vram_gb > 0
    assert offer.reliability is None or 0 <= offer.reliability <= 1
    assert 0 < offer.base_confidence <= 1
    assert offer.default_disk_gb > 0
    assert offer.max_duration_hours >= 0
    assert offer.location
    assert all(part.strip() for part in offer.location.split(","))
    assert offer.country is None or (len(offer.country) == 2 and offer.country.isupper())
