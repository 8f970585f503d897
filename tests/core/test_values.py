"""Small values: labels, money, instants, keys, ids, buckets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_shopper.core import api_keys, offer_ids
from gpu_shopper.core.costs import attempt_cost, billed_seconds, session_cost
from gpu_shopper.core.instants import from_text, to_text
from gpu_shopper.core.labels import Label, owned
from gpu_shopper.core.money import accrued, from_usd, to_usd
from gpu_shopper.core.rate_limit import Bucket
from gpu_shopper.core.ssh_keys import checked_public_key, fingerprint, known_hosts_line
from tests.builders import DEPLOYMENT, NOON, SESSION_ID, a_session, an_attempt, an_offer, later

LABEL = f"shopper-{DEPLOYMENT}-{SESSION_ID}-1"


def test_a_label_is_read_as_it_was_written() -> None:
    """N-17: and it is short enough for every provider."""
    label = Label(DEPLOYMENT, SESSION_ID, 99)
    assert owned(str(label), DEPLOYMENT) == label
    assert len(str(label)) <= 56


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        LABEL.replace(DEPLOYMENT, "AB12CD34"),
        LABEL.replace(DEPLOYMENT, "ab12cd3"),
        LABEL.replace(DEPLOYMENT, "ab12cd345"),
        LABEL.replace(DEPLOYMENT, "zz99zz99"),
        LABEL[:-1] + "0",
        LABEL[:-1] + "01",
        LABEL[:-1] + "100",
        LABEL[:-2],
        LABEL + " ",
        LABEL + "\n",
        " " + LABEL,
        LABEL.upper(),
        "x" + LABEL,
        LABEL + "-1",
    ],
)
def test_everything_else_is_foreign(text: str | None) -> None:
    """N-17, N-18: no prefix, no case folding, no trailing text."""
    assert owned(text, DEPLOYMENT) is None


@given(st.text(max_size=80))
def test_no_other_text_is_ours(text: str) -> None:
    """N-17."""
    label = owned(text, DEPLOYMENT)
    assert label is None or str(label) == text


@pytest.mark.parametrize(
    ("launched", "ended", "price", "cost"),
    [
        ("10:59:00", "11:01:30", 360_000, 15_000),
        ("10:59:59", "11:00:02", 1_000_000, 833),
        ("10:00:00", "10:10:00", 500_000, 83_333),
        ("10:00:00", "10:30:00", 600_000, 300_000),
        ("10:00:00.900", "10:00:01.100", 3_600_000, 2_000),
        ("10:00:00", "10:00:00", 3_600_000, 0),
    ],
)
def test_costs_to_the_second(launched: str, ended: str, price: int, cost: int) -> None:
    """N-40, N-41: the start is cut, the end rounded up; the contract's examples."""
    day = "2026-02-07T"
    attempt = an_attempt(
        launched_at=from_text(f"{day}{launched}+00:00"),
        ended_at=from_text(f"{day}{ended}+00:00"),
        price_microusd_per_hour=price,
    )
    assert attempt_cost(attempt, NOON) == cost


def test_an_attempt_that_rented_nothing_costs_nothing() -> None:
    """X-10: and a running one costs up to now; attempts add up."""
    refused = an_attempt(launched_at=None, instance_id=None)
    live = an_attempt(number=2)
    assert attempt_cost(refused, later(999)) == 0
    assert billed_seconds(live, later(90)) == 90
    assert session_cost(a_session(attempts=(refused, live)), later(900)) == 100_000


@given(st.integers(0, 10**8), st.integers(0, 10**6))
def test_accrued_money_is_rounded_half_to_even(price: int, seconds: int) -> None:
    """N-40, N-56: exact, against decimals."""
    exact = (Decimal(price) * seconds / 3_600).to_integral_value()
    assert accrued(price, seconds) == int(exact)


@given(st.integers(0, 10**12))
def test_micro_dollars_survive_the_way_through_dollars(microusd: int) -> None:
    """N-56: six decimals are enough."""
    assert from_usd(Decimal(str(to_usd(microusd)))) == microusd


@given(st.integers(0, 3_000_000_000_000))
def test_instants_sort_as_their_texts_do(epoch_ms: int) -> None:
    """N-56: UTC, Z, equal lengths, also from another zone."""
    zone = timezone(timedelta(hours=5, minutes=30))
    at = datetime(1970, 1, 1, tzinfo=UTC).astimezone(zone) + timedelta(milliseconds=epoch_ms)
    text = to_text(at)
    assert text.endswith("Z")
    assert len(text) == len("2026-02-07T12:00:00.000Z")
    assert from_text(text) == at
    assert (to_text(at + timedelta(milliseconds=1)) > text) is True


def test_an_instant_without_a_zone_is_refused() -> None:
    """N-56."""
    with pytest.raises(ValueError, match="zone"):
        from_text("2026-02-07T12:00:00")


@pytest.mark.parametrize("text", ["123", "vastai-123", " VastAI-123 ", "VASTAI-123"])
def test_an_offer_id_is_understood_in_every_spelling(text: str) -> None:
    """M-60."""
    assert offer_ids.normalised(text) == ("vastai", "vastai-123")


@pytest.mark.parametrize("text", ["", "vastai-", "vastai-x", "nope-1", "1 2", "-1", "9" * 19])
def test_an_id_that_nobody_owns_is_refused_with_the_form(text: str) -> None:
    """M-61."""
    with pytest.raises(ValueError, match="vastai-12345678"):
        offer_ids.normalised(text)


def test_keys_are_parsed_exactly() -> None:
    """N-2: one character more or less is no key."""
    secret = "A" * 43
    text = api_keys.formatted("operator", secret)
    assert api_keys.parsed(text) == ("operator", secret)
    for bad in (text + "A", text[:-1], text.upper(), text + "\n", "gsk_short_" + secret):
        assert api_keys.parsed(bad) is None


def test_a_secret_matches_its_digest_and_nothing_matches_no_key() -> None:
    """N-2: the empty secret does not match an unknown key either."""
    assert api_keys.matches("s", api_keys.digest("s"))
    assert not api_keys.matches("t", api_keys.digest("s"))
    assert not api_keys.matches("", None)


def test_a_bucket_tells_when_a_request_would_pass() -> None:
    """N-7: whole seconds, at least one."""
    bucket = Bucket(rate_per_s=10, burst=20)
    assert bucket.refill_us == 100_000
    full = 2_000_000
    assert bucket.retry_after_s(full, 0) == 1
    assert bucket.retry_after_s(5_000_000, 0) == 4


def test_disk_is_priced_by_the_month_of_720_hours() -> None:
    """5.1: $0.10 per GB and month; 72 GB more cost a cent an hour."""
    assert an_offer().price_with_disk(50) == 400_000
    assert an_offer().price_with_disk(122) == 410_000
    assert an_offer().price_with_disk(14) == 395_000


ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


def test_a_host_key_is_shown_as_openssh_shows_it() -> None:
    """N-35: the port is named unless it is 22."""
    assert fingerprint(ED25519) == "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"
    assert known_hosts_line("h", 22, ED25519 + " comment") == f"h {ED25519}"
    assert known_hosts_line("h", 2222, ED25519) == f"[h]:2222 {ED25519}"


def test_a_comment_is_text_only() -> None:
    """N-13: quotes and back-ticks pass as they are, control characters do not."""
    line = checked_public_key(f"{ED25519} a'b\"c`$(d)")
    assert line == f"{ED25519} a'b\"c`$(d)"
    assert checked_public_key(f"  {ED25519}  \n") == ED25519
