"""The TensorDock adapter over the simulator, where that can show more than the contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gpu_shopper.core.instances import Health, LaunchRequest
from gpu_shopper.errors.provider import (
    LaunchRejected,
    LaunchUncertain,
    NoCapacity,
    ProviderError,
    RentedDespiteError,
)
from tests.providers.contract import LABEL, request_for
from tests.providers.simulator_rig import TENSORDOCK, SimulatorRig, simulator


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with simulator() as address:
        yield address


@pytest.fixture
def rig(url: str) -> SimulatorRig:
    rig = SimulatorRig(url, TENSORDOCK)
    rig.control("POST", "/config", {"list_shape": 1})
    return rig


@pytest.fixture
def request_to_launch(rig: SimulatorRig) -> LaunchRequest:
    return request_for(rig.provider.list_offers()[0])


def test_everything_is_offered_that_gets_an_address_of_its_own(rig: SimulatorRig) -> None:
    market = rig.control("GET", "/offers?provider=tensordock")["offers"]
    rentable = {one["id"] for one in market if one["rentable"]}
    offers = rig.provider.list_offers()
    single = {one.provider_id for one in offers if one.gpu_count == 1}
    assert len(single) > len(rentable) / 2
    assert single < rentable
    assert {one.gpu_count for one in offers} == {1, 2, 4, 8}


def test_the_price_of_an_offer_is_what_the_machine_costs(rig: SimulatorRig) -> None:
    """X-21: of one, two, four and eight GPUs."""
    offers, taken = rig.provider.list_offers(), set[str]()
    for count in (8, 4, 2, 1):
        fitting = (one for one in offers if one.gpu_count == count and one.gpu_type not in taken)
        offer = next(fitting)
        taken.add(offer.gpu_type)
        instance_id = rig.provider.launch(request_for(offer)).instance_id
        found = rig.provider.find(instance_id)
        assert found is not None
        assert found.price_microusd_per_hour == offer.price_microusd_per_hour


@pytest.mark.parametrize("status", [200, 400, 409, 500])
def test_no_capacity_is_told_in_every_way(
    rig: SimulatorRig, request_to_launch: LaunchRequest, status: int
) -> None:
    """BUG-010: as HTTP 200 and as an error."""
    text = "No available public IPs on hostnode"
    rig.fault("no_capacity", "create", **{"in": status, "text": text})
    with pytest.raises(NoCapacity, match=text):
        rig.provider.launch(request_to_launch)


def test_a_wrong_body_is_refused_with_all_its_problems(
    rig: SimulatorRig, request_to_launch: LaunchRequest
) -> None:
    small = LaunchRequest(
        offer=request_to_launch.offer,
        label=LABEL,
        disk_gb=50,
        ssh_public_keys=request_to_launch.ssh_public_keys,
    )
    with pytest.raises(LaunchRejected, match="Storage must be at least 100 GB"):
        rig.provider.launch(small)


@pytest.mark.parametrize("kind", ["html", "truncated_json", "wrong_types", "huge", "empty"])
def test_garbage_is_never_absence_and_never_a_refusal(
    rig: SimulatorRig, request_to_launch: LaunchRequest, kind: str
) -> None:
    """X-2: and an empty answer is no empty list."""
    launched = rig.provider.launch(request_to_launch)
    rig.fault("garbage", "locations", "list", "get", "create", kind=kind)
    for call in (
        rig.provider.list_offers,
        rig.provider.list_instances,
        lambda: rig.provider.find(launched.instance_id),
    ):
        with pytest.raises(ProviderError):
            call()
    with pytest.raises(LaunchUncertain):
        rig.provider.launch(request_to_launch)


@pytest.mark.parametrize("status_in_body", [400, 404, 500])
def test_an_error_within_200_is_an_error(
    rig: SimulatorRig, request_to_launch: LaunchRequest, status_in_body: int
) -> None:
    """X-2: 200 with an error body."""
    launched = rig.provider.launch(request_to_launch)
    text = "something went wrong"
    rig.fault("ok_with_error", "list", "get", status_in_body=status_in_body, text=text)
    with pytest.raises(ProviderError):
        rig.provider.list_instances()
    with pytest.raises(ProviderError):
        rig.provider.find(launched.instance_id)


def test_a_list_that_names_an_instance_twice_raises(
    rig: SimulatorRig, request_to_launch: LaunchRequest
) -> None:
    rig.provider.launch(request_to_launch)
    rig.fault("list_duplicates", "list")
    with pytest.raises(ProviderError):
        rig.provider.list_instances()


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
    """R-004: one create, however unclear its end."""
    rig.fault("error_but_done", "create", code=500, with_contract=False)
    with pytest.raises(LaunchUncertain):
        rig.provider.launch(request_to_launch)
    assert rig.launch_calls() == 1
    assert [one.label for one in rig.provider.list_instances()] == [LABEL]


def test_a_machine_gets_its_address_and_runs(
    rig: SimulatorRig, request_to_launch: LaunchRequest
) -> None:
    """BUG-008: no forwarded port but the one of the machine's own SSH."""
    instance_id = rig.provider.launch(request_to_launch).instance_id
    rig.control("POST", "/clock", {"advance_s": 60})
    found = rig.provider.find(instance_id)
    assert found is not None
    assert found.health is Health.UP
    assert found.ssh is not None
    assert found.ssh.user == "user"
