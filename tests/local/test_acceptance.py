"""The list of covered criteria is what the docstrings say, and nothing else."""

from __future__ import annotations

import pytest

from tests.acceptance import ids_of, named


@pytest.mark.parametrize(
    ("docstring", "named"),
    [
        ("N-17: a sentence.", ["N-17"]),
        ("N-19, M-105: two of them.", ["N-19", "M-105"]),
        ("Mentions N-17: but does not claim it.", []),
        ("N-17", ["N-17"]),
        ("M-36, M-37", ["M-36", "M-37"]),
        ("N-17 without a colon", []),
        ("N-17, and others", []),
        ("", []),
    ],
)
def test_a_docstring_claims_what_it_begins_with(docstring: str, named: list[str]) -> None:
    assert ids_of(docstring) == named


def test_a_test_that_adapters_inherit_is_counted() -> None:
    where = {name for name, docstring in named() if "M-36" in ids_of(docstring)}
    assert any(name.startswith("providers/contract.py::") for name in where)
