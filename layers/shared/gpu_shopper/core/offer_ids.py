"""Offer ids: one text form per provider, accepted trimmed and in any case."""

from __future__ import annotations

import re

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_LOCATION = re.compile(rf"(?P<location>{_UUID})-[a-z0-9].*")
_FORMS = {
    "vastai": re.compile(r"(?:vastai-)?(?P<own>[0-9]{1,18})"),
    # A bare `<uuid>-<slug>` could be anything's id: the prefix is required.
    "tensordock": re.compile(rf"tensordock-(?P<own>{_UUID}-[a-z0-9][a-z0-9._-]{{0,99}})"),
}
_EXAMPLES = {
    "vastai": "vastai-12345678",
    "tensordock": (
        "tensordock-1a2b3c4d-1a2b-4c3d-8e9f-1a2b3c4d5e6f-geforcertx4090-pcie-24gb "
        "(the location's UUID, the GPU's name there, -x2, -x4 … for several GPUs)"
    ),
}

MAX_LENGTH = 200


def normalised(text: str) -> tuple[str, str]:
    """Provider name and canonical offer id. Raises ValueError explaining the expected forms."""
    lowered = text.strip().lower()
    for provider, form in _FORMS.items():
        match = form.fullmatch(lowered)
        if match:
            return provider, f"{provider}-{match['own']}"
    forms = " or ".join(_EXAMPLES.values())
    raise ValueError(f"must be the id of an offer, for example {forms}")


def tensordock_id(location_id: str, gpu_name: str, gpu_count: int) -> str:
    """TensorDock's part of an offer id; it has none of its own. Raises ValueError."""
    several = f"-x{gpu_count}" if gpu_count > 1 else ""
    own = f"{location_id}-{gpu_name}{several}".lower()
    if _FORMS["tensordock"].fullmatch(f"tensordock-{own}") is None:
        raise ValueError("no offer id can be made of this location and GPU name")
    return own


def tensordock_location(provider_id: str) -> str:
    """The location's id in TensorDock's part of an offer id. Raises ValueError."""
    match = _LOCATION.fullmatch(provider_id)
    if match is None:
        raise ValueError("not an offer of a TensorDock location")
    return match["location"]
