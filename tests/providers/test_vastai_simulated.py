"""The Vast.ai adapter over the simulator, where the simulator can show more than the contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gpu_shopper.core.compatibility import PROPERTIES
from gpu_shopper.core.instances import LaunchRequest
from gpu_shopper.errors.provider import (
    BadProviderReply,
    LaunchUncertain,
    NoCapacity,
    OfferGone,
    ProviderError,
    RentedDespiteError,
)
from gpu_shopper.providers.port import AttachesKeys, ListsTemplates
from tests.providers.contract import LABEL, PUBLIC_KEY, request_for
from tests.providers.simulator_rig import SimulatorRig, simulator

MARKET = 2_000


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with simulator(MARKET) as address:
        yield address


@pytest.fixture
def rig(url: str) -> SimulatorRig:
    return SimulatorRig(url)


@pytest.fixture
def request_to_launch(rig: SimulatorRig) -> LaunchRequest:
    return request_for(rig.provider.list_offers()[0])


def test_the_whole_market_is_listed_although_an_answer_holds_64_rows(rig: SimulatorRig) -> None:
    market = rig.control("GET", f"/offers?provider=vastai&limit={10 * MARKET}")["offers"]
    rentable = {str(one["id"]) for one in market if one["rentable"]}
    assert len(rentable) > 500
    assert {offer.provider_id for offer in rig.provider.list_offers()} == rentable


@pytest.mark.parametrize("kind", ["html", "truncated_json", "wrong_types", "huge", "empty"])
def test_garbage_is_never_absence_and_never_a_refusal(
    rig: SimulatorRig, request_to_launch: LaunchRequest, kind: str
) -> None:
    launched = rig.provider.launch(request_to_launch)
    rig.fault("garbage", "search", "list", "get", "create", "destroy", kind=kind)
    for call in (
        rig.provider.list_offers,
        rig.provider.list_instances,
        lambda: rig.provider.find(launched.instance_id),
        lambda: rig.provider.terminate(launched.instance_id),
    ):
        with pytest.raises(ProviderError):
            call()
    with pytest.raises(LaunchUncertain):
        rig.provider.launch(request_to_launch)


@pytest.mark.parametrize("code", [400, 404, 410])
def test_a_stale_offer_is_gone_whatever_the_status(
    rig: SimulatorRig, request_to_launch: LaunchRequest, code: int
) -> None:
    rig.fault("no_such_ask", "create", code=code)
    with pytest.raises(OfferGone):
        rig.provider.launch(request_to_launch)


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({}, NoCapacity),
        ({"in": 200}, NoCapacity),
        ({"in": 409}, NoCapacity),
        ({"in": 400, "text": "Insufficient capacity"}, NoCapacity),
        ({"in": 500}, LaunchUncertain),
    ],
)
def test_no_capacity_is_told_in_every_way(
    rig: SimulatorRig,
    request_to_launch: LaunchRequest,
    more: dict[str, object],
    kind: type[ProviderError],
) -> None:
    rig.fault("no_capacity", "create", params=more)
    with pytest.raises(kind):
        rig.provider.launch(request_to_launch)


def test_an_error_that_names_an_instance_leads_to_it(
    rig: SimulatorRig, request_to_launch: LaunchRequest
) -> None:
    rig.fault("error_but_done", "create", code=500, with_contract=True)
    with pytest.raises(RentedDespiteError) as caught:
        rig.provider.launch(request_to_launch)
    found = rig.provider.find(caught.value.instance_id)
    assert found is not None
    assert found.label == LABEL


def test_an_error_that_names_nothing_is_uncertain_and_the_label_finds_the_machine(
    rig: SimulatorRig, request_to_launch: LaunchRequest
) -> None:
    rig.fault("error_but_done", "create", code=500, with_contract=False)
    with pytest.raises(LaunchUncertain):
        rig.provider.launch(request_to_launch)
    found = [one for one in rig.provider.list_instances() if one.label == LABEL]
    assert len(found) == 1
    assert isinstance(rig.provider, AttachesKeys)
    assert rig.provider.attach_ssh_keys(found[0].id, [PUBLIC_KEY]) is None


@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("list_page_fails", {"page": 2, "code": 500}),
        ("list_page_fails", {"page": 2, "code": 400}),
        ("list_bad_total", {"total": 99}),
        ("list_bad_total", {"total": None}),
        ("list_loop", {}),
        ("list_duplicates", {}),
    ],
)
def test_an_untrue_list_raises(rig: SimulatorRig, action: str, more: dict[str, object]) -> None:
    """QA-H1"""
    for number in range(30):
        rig.control("POST", "/orphan", {"provider": "vastai", "label": f"other-{number}"})
    assert len(rig.provider.list_instances()) == 30
    rig.fault(action, "list", **more)
    with pytest.raises(ProviderError):
        rig.provider.list_instances()


def test_a_key_that_cannot_be_attached_is_told(
    rig: SimulatorRig, request_to_launch: LaunchRequest
) -> None:
    """QA-C1"""
    rig.fault("attach_fails", "attach_key", code=500)
    launched = rig.provider.launch(request_to_launch)
    assert launched.key_error
    assert len(rig.calls("attach_key")) == 3


def test_every_recommended_template_is_listed_and_no_other(rig: SimulatorRig) -> None:
    """5.1: filters come as text, as an object, or not at all."""
    assert isinstance(rig.provider, ListsTemplates)
    found = {one.name: one for one in rig.provider.list_templates()}
    assert len(found) == 8
    assert "My notebook" not in found
    conditions = found["Text Generation Inference"].conditions
    assert {one.name for one in conditions} == {"cpu_arch", "gpu_total_ram"}
    assert found["Ubuntu 22.04"].extra_filters is None


def test_templates_that_fail_are_no_empty_list(rig: SimulatorRig) -> None:
    assert isinstance(rig.provider, ListsTemplates)
    rig.fault("garbage", "templates", kind="truncated_json")
    with pytest.raises(ProviderError):
        rig.provider.list_templates()


def test_what_templates_ask_for_is_known_of_every_offer_of_the_market(rig: SimulatorRig) -> None:
    """5.1: so that a condition that is not met says something about the machine."""
    offers = rig.provider.list_offers()
    unknown = {
        name: sum(value(offer) is None for offer in offers) for name, value in PROPERTIES.items()
    }
    # Machines of AMD have no CUDA, and some places have no country.
    assert {name for name, count in unknown.items() if count} <= {"cuda_max_good", "geolocation"}
    assert max(unknown.values()) < len(offers) / 10


def test_a_refused_page_of_the_market_fails_the_whole(rig: SimulatorRig) -> None:
    rig.fault("status", "search", code=400, when={"after": 3})
    with pytest.raises(BadProviderReply):
        rig.provider.list_offers()
