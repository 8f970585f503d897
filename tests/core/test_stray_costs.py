"""What an orphan costs the session whose label it carries."""

from __future__ import annotations

from dataclasses import replace

from gpu_shopper.core.costs import Stray, hour_rows, stray_of
from gpu_shopper.core.session import Session
from tests.builders import NOON, a_session, an_attempt, an_instance, later

STRAY = Stray(
    attempt=1,
    provider="vastai",
    instance_id="9001",
    gpu_type="RTX 4090",
    microusd_per_hour=720_000,
    since=later(600),
)


def ended(**changes: object) -> Session:
    """A session whose machine lived for ten minutes."""
    return a_session(attempts=(an_attempt(called_at=later(-5), ended_at=later(600), **changes),))


def billed_s(session: Session, stray: Stray) -> int:
    """Seconds that the stray adds at 13:00."""
    with_it, without = (hour_rows(session, later(3_600), some) for some in ([stray], []))
    return sum(row.seconds for row in with_it) - sum(row.seconds for row in without)


def test_an_orphan_costs_from_its_launch_call_at_its_own_price() -> None:
    """2.13: its cost is the session's."""
    seen = an_instance(id="9001", gpu_type="H100", price_microusd_per_hour=720_000)
    stray = stray_of(ended(), 1, seen, later(900))
    assert (stray.since, stray.gpu_type, stray.microusd_per_hour) == (later(-5), "H100", 720_000)
    untold = an_instance(id="9001", price_microusd_per_hour=None)
    stray = stray_of(ended(), 1, untold, later(900))
    assert (stray.gpu_type, stray.microusd_per_hour) == ("RTX 4090", 400_000)


def test_an_orphan_of_an_attempt_that_never_was_costs_from_its_first_sighting() -> None:
    assert stray_of(ended(), 2, an_instance(id="9001"), later(900)).since == later(900)


def test_a_machine_that_comes_back_has_cost_since_it_was_taken_for_gone() -> None:
    assert stray_of(ended(), 1, an_instance(id="5001"), later(900)).since == later(600)


def test_an_orphan_is_billed_until_its_end_is_proven() -> None:
    """N-70: and to the instant asked for while it lives."""
    assert billed_s(ended(), STRAY) == 3_000
    assert billed_s(ended(), replace(STRAY, until=later(900))) == 300
    (row,) = hour_rows(ended(), later(3_600), [replace(STRAY, until=later(900))])
    assert row.microusd == 66_667 + 60_000


def test_no_second_is_billed_twice_for_one_machine() -> None:
    """An orphan that turns out to be the attempt's own machine costs once."""
    own = replace(STRAY, instance_id="5001", since=NOON)
    assert billed_s(a_session(), own) == 0
    assert billed_s(ended(), own) == 3_000
    assert billed_s(ended(), replace(own, until=later(500))) == 0
