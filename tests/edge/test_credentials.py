"""Each provider's key comes from its own field of its own secret."""

from __future__ import annotations

import json
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.settings import Settings
from gpu_shopper.edge import wiring
from gpu_shopper.errors import MissingSetting
from gpu_shopper.errors.provider import ProviderAuth
from gpu_shopper.providers import registry
from gpu_shopper.providers.access import Access
from tests.builders import DEPLOYMENT
from tests.fakes import FakeProvider


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Access]]:
    """What adapters are built with, by the provider's name; secrets are moto's."""
    built: dict[str, Access] = {}

    def build(name: str, access: Access, _settings: Settings) -> FakeProvider:
        built[name] = access
        return FakeProvider(name)

    for cached in (wiring.provider, wiring.secret_values, wiring.telemetry):
        cached.cache_clear()
    monkeypatch.setattr(registry, "build", build)
    monkeypatch.setattr(wiring, "settings", Settings)
    monkeypatch.setenv("DEPLOYMENT_ID", DEPLOYMENT)
    for name in FACTS:
        monkeypatch.setenv(f"{name.upper()}_SECRET", f"secret-of-{name}")
        monkeypatch.setenv(f"{name.upper()}_BASE_URL", "https://provider.test")
    with mock_aws():
        yield built
    for cached in (wiring.provider, wiring.secret_values, wiring.telemetry):
        cached.cache_clear()


@pytest.mark.parametrize(("name", "field"), [("vastai", "api_key"), ("tensordock", "api_token")])
def test_a_providers_key_is_read_from_the_field_of_its_name(
    given: dict[str, Access], name: str, field: str
) -> None:
    """N-6: and never from another provider's secret."""
    manager = boto3.client("secretsmanager")
    for each in FACTS:
        value = json.dumps({FACTS[each].credential: f"key-of-{each}", "other": "x"})
        manager.create_secret(Name=f"secret-of-{each}", SecretString=value)
    wiring.provider(name)
    assert given[name].credentials(False) == f"key-of-{name}"
    new = json.dumps({field: "renewed"})
    manager.put_secret_value(SecretId=f"secret-of-{name}", SecretString=new)
    assert given[name].credentials(False) == f"key-of-{name}"
    assert given[name].credentials(True) == "renewed"


@pytest.mark.parametrize("name", FACTS)
def test_an_empty_secret_is_no_key(given: dict[str, Access], name: str) -> None:
    """M-62: the place that the template makes, before it was filled."""
    value = json.dumps({FACTS[name].credential: ""})
    boto3.client("secretsmanager").create_secret(Name=f"secret-of-{name}", SecretString=value)
    wiring.provider(name)
    with pytest.raises(ProviderAuth, match=FACTS[name].credential):
        given[name].credentials(False)


def test_a_function_without_the_secrets_name_cannot_call_the_provider(
    given: dict[str, Access], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TENSORDOCK_SECRET")
    with pytest.raises(MissingSetting, match="TENSORDOCK_SECRET"):
        wiring.provider("tensordock")
    assert given == {}


def test_another_field_of_the_secret_may_be_there_or_not(given: dict[str, Access]) -> None:
    """2.9: TensorDock's balance wants one key more; nothing else fails without it."""
    value = json.dumps({"api_token": "token", "api_key": "pair", "empty": "", "number": 5})
    manager = boto3.client("secretsmanager")
    manager.create_secret(Name="secret-of-tensordock", SecretString=value)
    wiring.provider("tensordock")
    field = given["tensordock"].field
    assert [field(name) for name in ("api_key", "absent", "empty", "number")] == [
        "pair",
        "",
        "",
        "",
    ]
    assert given["tensordock"].credentials(False) == "token"


def test_the_balance_is_asked_for_only_where_its_address_is_known(
    given: dict[str, Access], monkeypatch: pytest.MonkeyPatch
) -> None:
    wiring.provider("vastai")
    monkeypatch.setenv("TENSORDOCK_BILLING_URL", "https://billing.test")
    wiring.provider("tensordock")
    assert (given["vastai"].billing_url, given["tensordock"].billing_url) == (
        "",
        "https://billing.test",
    )
