"""Offer ids: one text form per provider, accepted trimmed and in any case."""

from __future__ import annotations

import re

_FORMS = {"vastai": re.compile(r"(?:vastai-)?(?P<own>[0-9]{1,18})")}
_EXAMPLES = {"vastai": "vastai-12345678"}

MAX_LENGTH = 200


def normalised(text: str) -> tuple[str, str]:
    """Provider name and canonical offer id. Raises ValueError explaining the expected forms."""
    lowered = text.strip().lower()
    for provider, form in _FORMS.items():
        match = form.fullmatch(lowered)
        if match:
            return provider, f"{provider}-{match['own']}"
    forms = ", ".join(_EXAMPLES.values())
    raise ValueError(f"must be the id of an offer, for example {forms}")
