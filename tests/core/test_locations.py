"""Where a machine stands, from whatever text a provider gives."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_shopper.core.locations import LIMIT, cleaned, country


@pytest.mark.parametrize(
    ("raw", "location", "code"),
    [
        (", US", "US", "US"),
        ("Oregon, US ", "Oregon, US", "US"),
        ("Chubbuck, Idaho, United States", "Chubbuck, Idaho, United States", "US"),
        ("California, United States", "California, United States", "US"),
        ("Singapore, Singapore, Singapore", "Singapore", "SG"),
        ("Singapore, SINGAPORE, SG", "Singapore, SG", "SG"),
        ("The Netherlands, NL", "The Netherlands, NL", "NL"),
        ("Netherlands", "Netherlands", "NL"),
        ("Yūtakachō, Shinagawa District, Tokyo, JP",) * 2 + ("JP",),
        ("Hafnarfjarðarkaupstaður, IS",) * 2 + ("IS",),
        ("Moscow Oblas, RU",) * 2 + ("RU",),
        ("Somewhere, Atlantis",) * 2 + (None,),
        ("Oregon,\n\tUS", "Oregon, US", "US"),
        ("", "Unknown", None),
        (None, "Unknown", None),
        (" , ", "Unknown", None),
        ("Unknown,,", "Unknown", None),
    ],
)
def test_a_location_is_tidy_and_its_country_told(
    raw: str | None, location: str, code: str | None
) -> None:
    """M-38, M-42"""
    assert (cleaned(raw), country(cleaned(raw))) == (location, code)


def test_a_code_in_the_middle_is_no_country() -> None:
    assert country("US, Springfield") is None


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from(", ,Aa\n")), max_size=300))
def test_no_part_is_empty_or_repeated(raw: str) -> None:
    """M-38, M-42"""
    location = cleaned(raw)
    parts = [part.casefold() for part in location.split(", ")]
    assert all(parts)
    assert all(one != other for one, other in pairwise(parts))
    assert cleaned(location) == location
    assert len(location) <= LIMIT
