"""How machines behave, drawn one by one."""

from __future__ import annotations

from random import Random
from typing import Any

from gpu_shopper.core.polling import SshResult
from tests.simulation.machine import NEVER, Nature
from tests.simulation.odds import Odds
from tests.simulation.scheduler import MINUTE, SECOND


def nature(random: Random, odds: Odds) -> Nature:
    """How one machine will behave."""
    made = Nature(
        boots_ms=random.randint(2, 40) * SECOND,
        keys_ms=random.choice((0, 15 * SECOND, 60 * SECOND)),
        ending_ms=random.choice((0, 2 * SECOND, 8 * SECOND)),
        start_up_ms=random.choice((0, 10 * SECOND, 60 * SECOND)),
        price_factor_percent=random.choice((100,) * 16 + (101, 101, 105, 112)),
    )
    made.ssh_opens_ms = made.boots_ms + random.randint(0, 15) * SECOND
    if random.random() < odds.lags:
        made.unseen_ms, made.unlisted_ms = random.choice(_LAGS)
        made.unseen_ms *= SECOND
        made.unlisted_ms *= SECOND
    if random.random() < odds.stuck:
        made.boots_ms = made.ssh_opens_ms = random.choice((NEVER, 9 * MINUTE))
    _make_mortal(random, odds, made)
    _make_stubborn(random, odds, made)
    _make_hidden(random, odds, made)
    if random.random() < odds.ssh:
        made.ssh_trouble = tuple(random.choices(_SSH_TROUBLE, k=random.randint(1, 12)))
        made.new_host_key_ms = random.choice((NEVER, 40 * SECOND, 90 * SECOND))
    if random.random() < odds.moves:
        made.moves_ms = random.randint(20, 200) * SECOND
    return made


_LAGS = ((40, 0), (55, 55), (58, 0), (58, 0), (58, 0), (5, 40), (20, 80), (0, 85), (0, 85))
"""Seconds in which neither listings nor lookups, and in which no listings, show a new machine."""

_SSH_TROUBLE = (
    SshResult.TIMEOUT,
    SshResult.CONNECTION_CLOSED,
    SshResult.AUTH_FAILED,
    SshResult.COMMAND_FAILED,
    SshResult.UNKNOWN,
)


def remarks(made: Nature) -> dict[str, Any]:
    """What is unusual about it, for the story."""
    usual = vars(Nature())
    return {name: value for name, value in vars(made).items() if value != usual[name]}


def _make_mortal(random: Random, odds: Odds, made: Nature) -> None:
    if random.random() < odds.dies:
        at_ms = round(random.choice((random.uniform(0, 2), random.uniform(0, 40))) * MINUTE)
        if random.random() < 0.5:
            made.fails_ms = at_ms
        else:
            made.vanishes_ms = at_ms


def _make_stubborn(random: Random, odds: Odds, made: Nature) -> None:
    if random.random() < odds.stubborn:
        made.deaf = random.choice((0, 0, 1, 3))
        made.stops_first = random.random() < 0.4
        made.ending_ms = random.choice((0, 20, 60, 240)) * SECOND
        made.lingers_ms = random.choice((0, 0, 15, 90)) * SECOND
    if random.random() < odds.returns:
        made.comes_back_ms = random.choice((30, 180, 480)) * SECOND


def _make_hidden(random: Random, odds: Odds, made: Nature) -> None:
    """From listings or from lookups; from both only for a moment: nobody could know of it."""
    if random.random() < odds.hides:
        from_ms = random.randint(90, 20 * 60) * SECOND
        span = (from_ms, from_ms + random.choice((1, 4, 15)) * MINUTE)
        kind = random.random()
        if kind < 0.3:
            made.unlisted = span
        elif kind < 0.6:
            made.unfound = span
        else:
            from_ms = random.randint(10, 18) * MINUTE
            second_ms = from_ms + 120 * SECOND
            made.blinks = tuple((at, at + 28 * SECOND) for at in (from_ms, second_ms))
    if random.random() < odds.hides:
        from_ms = random.randint(0, 300) * SECOND
        made.odd_words = (from_ms, from_ms + random.choice((20, 120)) * SECOND)
