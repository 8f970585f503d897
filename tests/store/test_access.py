"""API keys and token buckets in the table."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gpu_shopper.core.api_keys import ApiKey, Role
from gpu_shopper.core.rate_limit import Bucket
from gpu_shopper.errors import Conflict, KeyNotFound, TooManyRequests
from gpu_shopper.store import access as store
from tests.builders import NOON, later
from tests.world import World

BUCKET = Bucket(rate_per_s=10, burst=20)


@pytest.fixture
def table(world: World) -> Any:
    return world.deps.access


def a_key(key_id: str = "abcd1234") -> ApiKey:
    return ApiKey(
        id=key_id,
        role=Role.CONSUMER,
        secret_sha256="0" * 64,
        created_at=NOON,
        created_by="operator",
        consumer_id="alice",
    )


def taken(table: Any, seconds: float, bucket: Bucket = BUCKET) -> bool:
    try:
        store.take_token(table, "k", bucket, later(seconds))
    except TooManyRequests:
        return False
    return True


def test_a_key_id_is_taken_once(table: Any) -> None:
    """1.7: the second write is refused."""
    store.create_key(table, a_key())
    assert store.find_key(table, "abcd1234") == a_key()
    with pytest.raises(Conflict):
        store.create_key(table, a_key())


def test_the_first_revocation_stands(table: Any) -> None:
    """1.7: revoking again changes nothing; an unknown key cannot be revoked."""
    store.create_key(table, a_key())
    first = store.revoke_key(table, a_key(), later(1))
    assert first.revoked_at == later(1)
    assert store.revoke_key(table, a_key(), later(9)) == first
    with pytest.raises(KeyNotFound):
        store.revoke_key(table, a_key("nothere1"), later(1))


def test_a_full_bucket_lets_twenty_pass_and_then_one_per_refill(table: Any) -> None:
    """N-7, M-76: 20 at once; 99 ms later none, 100 ms later one."""
    assert [taken(table, 0) for _ in range(21)] == [True] * 20 + [False]
    assert not taken(table, 0.099)
    assert taken(table, 0.1)
    assert not taken(table, 0.1)


def test_ten_seconds_of_asking_pass_at_the_rate(table: Any) -> None:
    """N-7: 20 from the bucket and ten a second."""
    passed = sum(taken(table, n * 0.02) for n in range(500))
    assert passed == 20 + 99


def test_waiting_as_told_leads_to_a_success(table: Any) -> None:
    """N-7: Retry-After is whole seconds and enough."""
    slow = Bucket(rate_per_s=0.5, burst=1)
    assert taken(table, 0, slow)
    with pytest.raises(TooManyRequests) as refused:
        store.take_token(table, "k", slow, later(0.5))
    wait_s = refused.value.extra["retry_after_seconds"]
    assert wait_s == 2
    assert taken(table, 0.5 + wait_s, slow)


def test_a_day_has_a_quota_and_the_next_day_a_new_one(table: Any) -> None:
    """1.1: the wait leads to midnight UTC; the old day's counter goes."""
    daily = Bucket(rate_per_s=10, burst=20, daily_quota=3)
    assert [taken(table, n, daily) for n in range(4)] == [True, True, True, False]
    with pytest.raises(TooManyRequests) as refused:
        store.take_token(table, "k", daily, later(5))
    assert refused.value.extra["retry_after_seconds"] == 12 * 3_600 - 5
    assert taken(table, timedelta(hours=12).total_seconds(), daily)
    (item,) = table.scan()["Items"]
    assert [name for name in item if name.startswith("used_")] == ["used_20260208"]
