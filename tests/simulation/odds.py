"""How likely each fault is in a seed: some go well, most are about two to five faults."""

from __future__ import annotations

from dataclasses import dataclass, fields
from random import Random


@dataclass(kw_only=True)
class Odds:
    """How likely each fault is, per chance that it gets; 0 to 1."""

    crash: float = 0  # of a function, before or after any call
    stall: float = 0  # of a call, until something else happens
    store_fails: float = 0  # of a store call; half of the writes were carried out all the same
    redelivered: float = 0  # of a task of a state machine
    execution_killed: float = 0  # at a task
    start_lost: float = 0  # of starting an execution
    sweep_late: float = 0
    sweep_twice: float = 0
    sweep_skipped: float = 0
    call_fails: float = 0  # of a call to a provider; carried out or not
    call_hangs: float = 0
    launch_refused: float = 0
    launch_unclear: float = 0  # nothing was rented
    launch_lost: float = 0  # rented, and no answer
    launch_late: float = 0  # no answer, and rented after that
    launch_error_rented: float = 0
    launch_twice: float = 0
    lags: float = 0  # of machines: seen late
    stuck: float = 0
    dies: float = 0
    stubborn: float = 0
    returns: float = 0
    hides: float = 0
    ssh: float = 0
    moves: float = 0
    dearer: float = 0  # of an offer, each time that the market is read


STRONG = {
    "crash": 0.03,
    "stall": 0.16,
    "store_fails": 0.03,
    "redelivered": 0.3,
    "execution_killed": 0.08,
    "start_lost": 0.25,
    "sweep_late": 0.4,
    "sweep_twice": 0.6,
    "sweep_skipped": 0.2,
    "call_fails": 0.02,
    "call_hangs": 0.02,
    "launch_refused": 0.5,
    "launch_unclear": 0.6,
    "launch_lost": 0.6,
    "launch_late": 0.4,
    "launch_error_rented": 0.4,
    "launch_twice": 0.4,
    "lags": 0.9,
    "stuck": 0.4,
    "dies": 0.5,
    "stubborn": 0.8,
    "returns": 0.6,
    "hides": 0.6,
    "ssh": 0.7,
    "moves": 0.3,
    "dearer": 0.7,
}
"""Each fault's odds in a seed that is about it."""

WEAK = 0.08
"""The share of those odds that faults have in other seeds, if they have any."""

TOGETHER: tuple[tuple[str, ...], ...] = (
    ("crash",),
    ("crash", "stall"),
    ("stall", "redelivered"),
    ("store_fails", "stall"),
    ("execution_killed", "start_lost"),
    ("execution_killed", "launch_lost"),
    ("sweep_late", "sweep_twice", "sweep_skipped"),
    ("call_fails", "call_hangs"),
    ("launch_refused",),
    ("launch_unclear", "stall"),
    ("launch_lost", "lags"),
    ("launch_late",),
    ("launch_error_rented", "stubborn"),
    ("launch_twice", "stall", "sweep_twice"),
    ("launch_twice", "stall", "sweep_late"),
    ("lags", "sweep_late"),
    ("lags", "sweep_twice"),
    ("lags", "stubborn"),
    ("stuck", "ssh"),
    ("ssh", "moves"),
    ("ssh", "redelivered", "stubborn"),
    ("dies",),
    ("dies", "hides"),
    ("stubborn",),
    ("returns",),
    ("hides",),
    ("hides", "call_fails"),
    ("dearer", "start_lost"),
    ("dearer", "launch_refused"),
)
"""Faults that are worth more in company; a seed is about one to three of these."""


def drawn_odds(random: Random) -> Odds:
    """Some seeds go well; most are about two to five faults, and know a little of the others."""
    odds = Odds()
    if random.random() < 0.04:
        return odds
    names = [one.name for one in fields(Odds)]
    if random.random() < 0.5:
        for name in names:
            setattr(odds, name, STRONG[name] * WEAK)
    for group in random.sample(TOGETHER, random.choice((1, 2, 2, 3))):
        for name in group:
            setattr(odds, name, STRONG[name] * random.uniform(0.4, 1))
    return odds
