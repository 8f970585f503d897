"""Judged last, over all that the run left in writing: no secret is in it."""

from __future__ import annotations

import pytest

from tests.e2e.deployed import Deployed
from tests.e2e.recorded import secrets, written
from tests.e2e.renting import Renting

pytestmark = pytest.mark.last

SHAPES = {
    "a PEM's header": "PRIVATE KEY",
    "the same in base64, as a machine's host key travels": "LS0tLS1CRUdJTi",
    "an OpenSSH key's first bytes in base64": "b3BlbnNzaC1rZXkt",
    "the start-up commands that hold a machine's own token": "SHOPPER_AGENT_TOKEN",
}
"""Of what the run never shows us: probe keys, host keys and the tokens of machines."""


@pytest.fixture(scope="module")
def everything(live: Deployed, renting: Renting) -> dict[str, str]:
    """Where something was written, and what."""
    if not renting.rentals:
        pytest.skip("nothing was rented in this run")
    return written(live)


def test_what_was_written_is_all_of_it(everything: dict[str, str], renting: Renting) -> None:
    """A search in nothing finds nothing."""
    sessions = [rental.id for rental in renting.rentals]
    for place in ("logs", "executions"):
        assert [one for one in sessions if one not in everything[place]] == []
    assert [one for one in sessions if one in everything["bus"]] != []
    tables = [place for place in everything if "AuditTable" in place]
    assert any(sessions[0] in everything[place] for place in tables)
    assert any(place.endswith("emulator.log") for place in everything)
    assert any("/api/v1/sessions" in place for place in everything)


def test_no_secret_of_the_run_is_written_anywhere(
    everything: dict[str, str], live: Deployed
) -> None:
    """N-2, N-13, N-37, N-38, X-28, QA-M8: API keys, keys of providers, of SSH, of agents."""
    used = secrets(live)
    assert {"api_key", "ssh_private_key"} <= set(used.values())
    shown = [
        f"{what} in {place}"
        for place, text in everything.items()
        for secret, what in used.items()
        if secret in text
    ]
    assert shown == []


@pytest.mark.parametrize("what", SHAPES)
def test_nothing_of_the_shape_of_a_secret_is_written_anywhere(
    everything: dict[str, str], what: str
) -> None:
    """N-38, X-28."""
    assert [place for place, text in everything.items() if SHAPES[what] in text] == []
