"""What every field of the API means, for callers; a test finds fields without a meaning here.

`field` means the same in every body that has it; `Model.field` differs there.
"""

from __future__ import annotations

from collections.abc import Mapping

from reference.meanings.market import MARKET
from reference.meanings.operation import OPERATION
from reference.meanings.rentals import RENTALS
from reference.meanings.requests import REQUESTS
from reference.meanings.words import FORMATS, WORDS

__all__ = ["FORMATS", "MEANINGS", "PARTS", "WORDS", "meaning"]

PARTS = (MARKET, OPERATION, RENTALS, REQUESTS)
MEANINGS: Mapping[str, str] = {name: text for part in PARTS for name, text in part.items()}


def meaning(model: str, field: str) -> str:
    """The meaning of a field. Raises KeyError naming one that has none."""
    own = f"{model}.{field}"
    return MEANINGS[own] if own in MEANINGS else MEANINGS[field]
