"""Whoever adds a provider adds all that belongs to it."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

from gpu_shopper import providers
from gpu_shopper.core import offer_ids
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.settings import Settings
from gpu_shopper.errors import MissingSetting
from gpu_shopper.providers import registry
from gpu_shopper.providers.access import Access
from gpu_shopper.providers.port import ListsTemplates
from tests.providers.contract import ProviderContract
from tests.providers.stub import Turns

SHARED = {
    *("access", "addresses", "host_keys", "http", "port", "redaction", "registry"),
    *("retry_after", "unsent"),
}
NOWHERE = Access(base_url="https://provider.test", credentials=lambda _fresh: "", pace=Turns())
DOCUMENT = Path(__file__).parents[2] / "docs" / "providers.md"
ADAPTERS = sorted({one.name for one in pkgutil.iter_modules(providers.__path__)} - SHARED)


@pytest.mark.parametrize("name", ADAPTERS)
def test_every_adapter_in_the_folder_is_registered(name: str) -> None:
    """N-64: whoever adds a provider adds all of it."""
    assert name in registry.PROVIDERS
    built = registry.build(name, NOWHERE, Settings())
    assert built.name == name


def test_the_facts_of_every_registered_provider_are_known_and_of_no_other() -> None:
    """N-64: whoever adds a provider adds all of it."""
    assert set(FACTS) == set(registry.PROVIDERS)


@pytest.mark.parametrize("name", registry.PROVIDERS)
def test_who_calls_no_provider_knows_whether_it_has_templates(name: str) -> None:
    """N-64: whoever adds a provider adds all of it."""
    built = registry.build(name, NOWHERE, Settings())
    assert isinstance(built, ListsTemplates) is FACTS[name].has_templates


@pytest.mark.parametrize("name", registry.PROVIDERS)
def test_an_example_of_every_providers_offer_ids_explains_them(name: str) -> None:
    """N-64, M-61: and the error names it."""
    with pytest.raises(ValueError, match=f"example .*{name}-"):
        offer_ids.normalised("nonsense")


@pytest.mark.parametrize("name", registry.PROVIDERS)
def test_every_registered_provider_keeps_the_contract_with_and_without_the_simulator(
    name: str,
) -> None:
    """N-64: whoever adds a provider adds all of it."""
    module = importlib.import_module(f"tests.providers.test_{name}_contract")
    kept = [one for one in vars(module).values() if _is_contract(one)]
    assert {"Recorded", "Simulator"} <= {
        word for one in kept for word in ("Recorded", "Simulator") if word in one.__name__
    }


def _is_contract(thing: object) -> bool:
    return (
        isinstance(thing, type)
        and issubclass(thing, ProviderContract)
        and thing is not ProviderContract
    )


@pytest.mark.parametrize("name", registry.PROVIDERS)
def test_every_registered_provider_has_a_section_in_the_document(name: str) -> None:
    """N-64: whoever adds a provider adds all of it."""
    headings = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("## ")]
    assert [line for line in headings if f"`{name}`" in line]


def test_a_name_nobody_registered_is_refused() -> None:
    with pytest.raises(MissingSetting, match="nowhere"):
        registry.build("nowhere", NOWHERE, Settings())
