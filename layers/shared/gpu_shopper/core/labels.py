"""Labels: how a machine at a provider is known to be ours, and whose attempt it is."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LABEL = re.compile(
    r"shopper-(?P<deployment>[a-z0-9]{8})"
    r"-(?P<session>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"-(?P<attempt>[1-9][0-9]?)"
)


@dataclass(frozen=True, slots=True)
class Label:
    """Deployment, session and attempt that own a machine; its text is the provider-side label."""

    deployment_id: str
    session_id: str
    attempt: int

    def __str__(self) -> str:
        return f"shopper-{self.deployment_id}-{self.session_id}-{self.attempt}"


def owned(text: str | None, deployment_id: str) -> Label | None:
    """The label in `text` when it is exactly one of this deployment's; None means foreign.

    The whole text must match, in case and length: a prefix, trailing text or another deployment's
    id make the machine somebody else's, and it must not be touched.
    """
    match = _LABEL.fullmatch(text or "")
    if match is None or match["deployment"] != deployment_id:
        return None
    return Label(match["deployment"], match["session"], int(match["attempt"]))
