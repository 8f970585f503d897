"""The list of covered criteria is what the docstrings say, and nothing else."""

from __future__ import annotations

import pytest

from tests.acceptance import ids_of


@pytest.mark.parametrize(
    ("docstring", "named"),
    [
        ("N-17: a sentence.", ["N-17"]),
        ("N-19, M-105: two of them.", ["N-19", "M-105"]),
        ("Mentions N-17: but does not claim it.", []),
        ("N-17 without a colon", []),
        ("", []),
    ],
)
def test_a_docstring_claims_what_it_begins_with(docstring: str, named: list[str]) -> None:
    assert ids_of(docstring) == named
