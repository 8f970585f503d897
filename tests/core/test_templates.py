"""Templates: which are shown, in which order, and what they ask of a list of offers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gpu_shopper.core.inventory import Filters
from gpu_shopper.core.menu import chosen as chosen_offers
from gpu_shopper.core.templates import Template, Wanted, chosen, narrowed, ordered
from tests.builders import a_template, an_offer


def asking(filters: Any) -> Template:
    return a_template(extra_filters=json.dumps(filters))


def passes(template: Template, **changes: Any) -> bool:
    one = an_offer(**changes)
    return chosen_offers([one], narrowed(Filters(), template)) == [one]


@pytest.mark.parametrize(
    ("condition", "least"),
    [
        ({"gte": 12.1}, 12.1),
        ({"gt": 12.1}, 12.2),
        ({"gte": 12}, 12.0),
        ({"gte": 11.8, "gt": 12.4}, 12.5),
        ({"gte": "12.1"}, 0.0),
        ({"gte": True}, 0.0),
        ({"lte": 12.1}, 0.0),
        ({"eq": 12.1}, 0.0),
    ],
)
def test_a_least_cuda_version_becomes_that_of_the_filters(condition: Any, least: float) -> None:
    """1.3: gte v → at least v, gt v → at least v + 0.1."""
    assert narrowed(Filters(), asking({"cuda_max_good": condition})).min_cuda == least


@pytest.mark.parametrize(
    ("condition", "least_gb"),
    [
        ({"gte": 24_000}, 24),
        ({"gte": 24_576}, 24),
        ({"gte": 24_577}, 25),
        ({"gt": 24_000}, 25),
        ({"gt": 24_576}, 25),
        ({"gte": "24000"}, 0),
        ({"gte": -1}, 0),
        ({"gte": 10**400}, 0),
    ],
)
def test_a_least_memory_is_that_of_all_gpus_together(condition: Any, least_gb: int) -> None:
    """1.3: gte v MB → ceil(v / 1024) GB, gt v → one more."""
    filters = narrowed(Filters(), asking({"gpu_total_ram": condition}))
    assert filters.min_total_vram_gb == least_gb


@pytest.mark.parametrize(("gpu_count", "fit"), [(1, False), (2, True)])
def test_memory_is_added_up_over_the_gpus(gpu_count: int, fit: bool) -> None:
    """1.3: vram_gb × gpu_count."""
    template = asking({"gpu_total_ram": {"gte": 40_000}})
    assert passes(template, vram_gb=24, gpu_ram_mb=24_564, gpu_count=gpu_count) is fit
    assert not passes(template, vram_gb=None, gpu_ram_mb=None, gpu_count=gpu_count)


def test_the_caller_s_own_filter_is_only_ever_raised() -> None:
    template = asking({"cuda_max_good": {"gte": 12.1}})
    assert narrowed(Filters(min_cuda=12.8), template).min_cuda == 12.8
    assert narrowed(Filters(min_cuda=11.0), template).min_cuda == 12.1


def test_an_offer_that_misses_any_condition_is_not_listed() -> None:
    """A list that holds what a launch would refuse helps nobody."""
    template = asking({"compute_cap": {"gte": 700}})
    assert passes(template, compute_cap=700)
    assert not passes(template, compute_cap=699)
    assert not passes(template, compute_cap=None)


def test_a_listed_offer_fits() -> None:
    template = asking({"gpu_total_ram": {"gte": 24_570}})
    assert not template.fits(an_offer(gpu_ram_mb=24_564))
    assert not passes(template, gpu_ram_mb=24_564, vram_gb=24)


OLLAMA = a_template(name="Open WebUI (Ollama)", image="vastai/ollama", count_created=5)
CUDA = a_template(
    hash_id="b", name="NVIDIA CUDA", image="vastai/base-image", use_ssh=False, count_created=9
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), [CUDA, OLLAMA]),
        (Wanted(name="OLLAMA"), [OLLAMA]),
        (Wanted(name="webui (o"), [OLLAMA]),
        (Wanted(image="Base"), [CUDA]),
        (Wanted(image="ollama"), [OLLAMA]),
        (Wanted(name="cuda", image="ollama"), []),
        (Wanted(use_ssh=True), [OLLAMA]),
        (Wanted(use_ssh=False), [CUDA]),
        (Wanted(recommended=True), [CUDA, OLLAMA]),
        (Wanted(recommended=False), []),
    ],
)
def test_every_filter_keeps_what_it_names(wanted: Wanted, found: list[Template]) -> None:
    assert chosen(ordered([OLLAMA, CUDA]), wanted) == found


def test_the_most_used_come_first_and_each_hash_once() -> None:
    unused = a_template(hash_id="c", name="A", count_created=None)
    also = a_template(hash_id="d", name="B", count_created=0)
    twin = a_template(hash_id="b", name="twin", count_created=99)
    assert ordered([also, OLLAMA, CUDA, twin, unused]) == (CUDA, OLLAMA, unused, also)
