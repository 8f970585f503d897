"""`docs/states.md`: the session state table, and the diagram drawn from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

from gpu_shopper.core.states import ROWS, TERMINAL, Row, State, api_events

HEAD = """\
# States of a session

Written by `make docs` from the table in `core/states.py` of the layer.

A session is one rental request. Its machines are its attempts. One that failed while another may
follow is torn down in `provisioning`; `retry_launch` takes the same evidence as an end.
`stopping` is left by evidence alone: the provider no longer finds the machine **and** a complete
listing is without it. No time-out leads out of it. Why a session began to end (`end_reason`) is
data, not a state. A session that ends before it ran, for a reason of ours or the provider's, is
`failed`; every other end is `stopped`.
"""
EVENTS = """
## What can happen

Who may say so: `api` is a caller's request, `operator` a request that needs an operator's key,
`lifecycle` a step of a state machine or the expiry sweep, `reconciler` the comparison with the
provider's listing.
"""
OFFERS = """
## What a caller may do
"""


def text() -> str:
    """The whole document."""
    return "\n".join([HEAD, *_diagram(), EVENTS, *_events(), OFFERS, *_offers(), ""])


def _diagram() -> Iterator[str]:
    yield from ("```mermaid", "stateDiagram-v2", "    [*] --> pending")
    for row in ROWS:
        for source in _ordered(row.sources):
            for target in _ordered(row.targets):
                yield f"    {source} --> {target}: {row.event}"
    yield from (f"    {state} --> [*]" for state in _ordered(TERMINAL))
    yield "```"


def _events() -> Iterator[str]:
    yield "| event | from | to | who may say so | end_reason |"
    yield "|---|---|---|---|---|"
    for row in ROWS:
        yield f"| {' | '.join(_cells(row))} |"


def _cells(row: Row) -> Iterator[str]:
    yield f"`{row.event}`"
    yield _words(_ordered(row.sources))
    yield " or ".join(f"`{state}`" for state in _ordered(row.targets))
    yield _words(sorted(row.actors))
    yield _words(sorted(row.reasons)) or "–"


def _offers() -> Iterator[str]:
    yield "| state | an end | events any caller may cause (`allowed_events` of a 409) |"
    yield "|---|---|---|"
    for state in State:
        events = ", ".join(f"`{event}`" for event in api_events(state)) or "–"
        yield f"| `{state}` | {'yes' if state in TERMINAL else 'no'} | {events} |"


def _ordered(states: Iterable[State]) -> list[State]:
    return [state for state in State if state in states]


def _words(words: Iterable[StrEnum]) -> str:
    return ", ".join(f"`{word}`" for word in words)
