"""What is measured with: offers as they come, and searches that a provider accepts."""

from __future__ import annotations

import pytest

from bench import sample
from bench.search import searches
from simulator.vastai.query import parse


@pytest.mark.parametrize("count", [1, 100])
def test_as_many_offers_as_asked_for_and_every_one_can_be_read(count: int) -> None:
    assert len(sample.rows(count)) == count
    assert len({offer.id for offer in sample.offers(count)}) == count


def test_every_search_is_one_that_the_provider_understands_and_they_differ() -> None:
    wanted = searches(200)
    assert wanted == searches(200)
    assert len({str(each) for each in wanted}) > 150
    assert all(parse(each, strict=True) for each in wanted)
