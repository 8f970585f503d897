"""Evidence of absence, as truth tables: what is missing makes it no evidence."""

from __future__ import annotations

from datetime import datetime

import pytest

from gpu_shopper.core import evidence
from gpu_shopper.core.evidence import Absence, Listing, Lookup, Proof
from gpu_shopper.core.instances import Instance
from gpu_shopper.errors.provider import (
    BadProviderReply,
    LaunchRejected,
    LaunchUncertain,
    NoCapacity,
    OfferGone,
    ProviderAuth,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RentedDespiteError,
    TooSoon,
)
from tests.builders import NOON, SETTINGS, an_attempt, an_instance, later

LABEL = an_attempt().label
ASKED_AT, LOOKED_AT, LISTED_AT = later(65), later(70), later(71)


def gone(
    *,
    found: Instance | None = None,
    listed: tuple[Instance, ...] = (),
    looked_at: datetime = LOOKED_AT,
    listed_at: datetime = LISTED_AT,
    asked_at: datetime = ASKED_AT,
) -> Absence | None:
    return evidence.gone(
        "5001",
        LABEL,
        launched_at=NOON,
        asked_at=asked_at,
        lookup=Lookup(looked_at, found),
        listing=Listing(listed_at, listed),
        settings=SETTINGS,
    )


def test_lookup_and_listing_together_are_evidence() -> None:
    """N-19: known since the later of the two."""
    assert gone() == Absence(Proof.GONE, later(71))


@pytest.mark.parametrize(
    "missing",
    [
        {"found": an_instance()},
        {"listed": (an_instance(),)},
        {"listed": (an_instance(label=None),)},
        {"listed": (an_instance(id="6000"),)},
        {"looked_at": later(64)},
        {"listed_at": later(64)},
        {"looked_at": later(59), "asked_at": later(10)},
        {"listed_at": later(59), "asked_at": later(10)},
    ],
    ids=["found", "listed", "id-listed", "label-listed", "early", "early-list", "young", "young-l"],
)
def test_one_of_them_alone_or_too_early_is_not(missing: dict[str, object]) -> None:
    """N-19: each part of the rule by itself."""
    assert gone(**missing) is None  # type: ignore[arg-type]


def test_evidence_counts_from_the_minute_after_the_launch() -> None:
    """2.11: both made at 60 s count."""
    assert gone(looked_at=later(60), listed_at=later(60), asked_at=later(60)) is not None


@pytest.mark.parametrize(
    ("error", "sure"),
    [
        (OfferGone(), True),
        (NoCapacity(), True),
        (LaunchRejected(), True),
        (ProviderAuth(), True),
        (RateLimited(), True),
        (TooSoon("the line is long", retry_after_s=7), True),
        (LaunchUncertain(), False),
        (ProviderUnavailable(), False),
        (BadProviderReply(), False),
        (ProviderError(), False),
        (RentedDespiteError("", instance_id="1"), False),
    ],
)
def test_which_refusals_prove_that_nothing_was_rented(error: ProviderError, sure: bool) -> None:
    """2.9: anything unclear proves nothing."""
    assert (evidence.refused(error, NOON) is not None) is sure


@pytest.mark.parametrize(
    ("first", "second", "proven"),
    [
        (None, 90, False),
        (59, 90, False),
        (60, 89, False),
        (60, 90, True),
        (70, 99, False),
        (70, 100, True),
    ],
)
def test_two_listings_prove_that_nothing_was_rented(
    first: int | None, second: int, proven: bool
) -> None:
    """2.9: the first 60 s after the call at the earliest, the second 30 s later."""
    first_at = None if first is None else later(first)
    listing = Listing(later(second), ())
    found = evidence.never_rented(LABEL, NOON, first_at, listing, SETTINGS)
    assert (found is not None) is proven


def test_a_machine_with_the_label_was_rented() -> None:
    """2.9: whatever the first listing said."""
    listing = Listing(later(300), (an_instance(),))
    assert evidence.never_rented(LABEL, NOON, later(60), listing, SETTINGS) is None


@pytest.mark.parametrize(
    ("since", "found", "listed", "proven"),
    [
        (later(0), None, (), True),
        (later(1), None, (), False),
        (None, None, (), False),
        (later(0), an_instance(), (), False),
        (later(0), None, (an_instance(),), False),
    ],
)
def test_a_ghost_needs_all_of_its_evidence(
    since: datetime | None,
    found: Instance | None,
    listed: tuple[Instance, ...],
    proven: bool,
) -> None:
    """N-22: each of the conditions missing alone."""
    ghost = evidence.ghost(
        "5001",
        LABEL,
        missing_since=since,
        lookup=Lookup(later(30), found),
        listing=Listing(later(30), listed),
        settings=SETTINGS,
    )
    assert (ghost is not None) is proven
