"""Price history in S3 and DynamoDB: guarded books, rows that are added to, answers in parts."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from gpu_shopper.core.price_book import Book
from gpu_shopper.core.price_rows import Period, Row, RowKey, rows_of
from gpu_shopper.core.prices import Quote, Series
from gpu_shopper.errors import Conflict, StoreUnavailable
from gpu_shopper.store import price_books
from gpu_shopper.store.price_books import Opened, open_book, save_book
from gpu_shopper.store.price_rows import add_rows, read_rows
from tests.aws import SESSION
from tests.builders import NOON, SETTINGS
from tests.world import World

SERIES = Series("RTX 4090", 1)
HOURS = RowKey("vastai", SERIES, Period.HOURLY, "2026-02-07")
MONTH = RowKey("vastai", SERIES, Period.DAILY, "2026-02")
CELLS: Row = {7: [1, 2, 3, 4, 5]}
a_series = st.builds(Series, st.sampled_from(["RTX 4090", "A40", "H100 SXM"]), st.integers(1, 8))
some_quotes = st.dictionaries(
    a_series, st.builds(Quote, st.integers(1, 10**9), st.integers(1, 10**9), st.integers(1, 999))
)


def a_book(price: int = 5) -> Book:
    return Book().counted(NOON, {SERIES: Quote(price, price, 1)})


def test_there_is_an_empty_book_before_the_first_snapshot(world: World) -> None:
    assert open_book(world.deps.inventory.bucket, "vastai") == Opened(Book(), None)


def test_a_book_is_written_over_the_version_it_was_derived_from_and_no_other(world: World) -> None:
    """N-72: two runs that overlap cannot lose what the other one counted."""
    bucket = world.deps.inventory.bucket
    first = save_book(bucket, "vastai", a_book(1), None)
    assert open_book(bucket, "vastai") == first
    with pytest.raises(Conflict):
        save_book(bucket, "vastai", a_book(2), None)
    second = save_book(bucket, "vastai", a_book(3), first.version)
    with pytest.raises(Conflict):
        save_book(bucket, "vastai", a_book(4), first.version)
    assert open_book(bucket, "vastai") == second
    assert open_book(bucket, "tensordock").version is None


def test_a_book_that_vanished_is_not_written_over(world: World) -> None:
    bucket = world.deps.inventory.bucket
    version = save_book(bucket, "vastai", a_book(1), None).version
    bucket.Object("prices/vastai.json.gz").delete()
    with pytest.raises(Conflict):
        save_book(bucket, "vastai", a_book(2), version)


def test_other_refusals_of_the_bucket_are_not_taken_for_absence(world: World) -> None:
    """An empty book in place of one that may not be read would forget the day."""
    elsewhere = SESSION.resource("s3", region_name="us-east-1").Bucket("elsewhere")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        open_book(elsewhere, "vastai")


@given(st.lists(st.tuples(st.integers(1, 40), some_quotes), max_size=12))
def test_a_book_survives_being_packed(snapshots: list[tuple[int, dict[Series, Quote]]]) -> None:
    """Days, lows, known series and all: through JSON, gzip and back."""
    book, at = Book(), NOON
    for hours, quotes in snapshots:
        at += timedelta(hours=hours)
        book = book.counted(at, quotes)
        if hours % 2:
            book = book.filed(book.over(), 90)
    assert price_books._unpacked(price_books._packed(book)) == book


def test_places_are_added_to_a_row_and_adding_them_again_changes_nothing(world: World) -> None:
    """N-72: filing a day twice counts it once."""
    for row in (CELLS, {8: [6, 7, 8, 9, 10]}, CELLS):
        add_rows(world.deps.prices, {MONTH: row}, SETTINGS)
    assert read_rows(world.deps.prices, [MONTH, HOURS]) == {MONTH: {**CELLS, 8: [6, 7, 8, 9, 10]}}


def test_rows_of_provider_series_and_period_are_apart(world: World) -> None:
    keys = [
        HOURS,
        MONTH,
        HOURS._replace(series=None),
        HOURS._replace(series=Series("RTX 4090", 10)),
        HOURS._replace(series=Series("1#RTX 4090", 1)),
        HOURS._replace(provider="tensordock"),
    ]
    rows: dict[RowKey, Row] = {key: {7: [number]} for number, key in enumerate(keys)}
    add_rows(world.deps.prices, rows, SETTINGS)
    assert read_rows(world.deps.prices, keys) == rows


def test_more_rows_than_one_request_takes_are_read_and_written(world: World) -> None:
    """BatchGetItem takes 100 keys, BatchWriteItem 25."""
    keys = [HOURS._replace(series=Series("RTX 4090", n)) for n in range(1, 232)]
    add_rows(world.deps.prices, dict.fromkeys(keys, CELLS), SETTINGS)
    assert read_rows(world.deps.prices, keys) == dict.fromkeys(keys, CELLS)


@pytest.mark.parametrize(
    ("key", "gone_at"),
    [
        (HOURS, datetime(2026, 2, 8, tzinfo=UTC) + timedelta(days=90)),
        (MONTH, datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=400)),
        (
            MONTH._replace(span="2025-12", series=None),
            datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=400),
        ),
    ],
)
def test_hours_are_kept_90_days_and_days_400(world: World, key: RowKey, gone_at: datetime) -> None:
    """N-72: after the end of what the row holds."""
    add_rows(world.deps.prices, {key: CELLS}, SETTINGS)
    (item,) = world.deps.prices.scan()["Items"]
    assert item["ttl"] == int(gone_at.timestamp())


def test_a_row_of_hours_stays_below_two_kilobytes(world: World) -> None:
    """What the decision's reckoning of cost and reading assumes."""
    book = Book()
    for hour in range(24):
        at = datetime(2026, 2, 7, hour, tzinfo=UTC)
        book = book.counted(at, {SERIES: Quote(12_345_678, 12_345_678, 999)})
    rows = rows_of("vastai", date(2026, 2, 7), book.days[date(2026, 2, 7)], Period.HOURLY)
    assert len(json.dumps(rows[HOURS], separators=(",", ":"))) < 2_000


class Reluctant:
    """A table that answers at most so many keys of a batch at a time, in place of the real one."""

    def __init__(self, table: Any, at_a_time: int) -> None:
        self._client = table.meta.client
        self._at_a_time = at_a_time
        self.name = table.name
        self.meta = self
        self.client = self

    def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803
        wanted = RequestItems[self.name]
        now, rest = wanted["Keys"][: self._at_a_time], wanted["Keys"][self._at_a_time :]
        answer: Any = {"Responses": {}, "UnprocessedKeys": {}}
        if now:
            answer = self._client.batch_get_item(RequestItems={self.name: {**wanted, "Keys": now}})
        left = {self.name: {**wanted, "Keys": rest}} if rest else {}
        return {**answer, "UnprocessedKeys": left}


def test_what_an_answer_leaves_out_is_asked_for_again(world: World) -> None:
    """Answers end at 16 MB; also when none of a part exists."""
    keys = [HOURS._replace(series=Series("RTX 4090", n)) for n in range(1, 10)]
    add_rows(world.deps.prices, {keys[-1]: CELLS}, SETTINGS)
    table: Any = Reluctant(world.deps.prices, 2)
    assert read_rows(table, keys) == {keys[-1]: CELLS}


def test_a_table_that_gives_nothing_is_not_asked_for_ever(world: World) -> None:
    table: Any = Reluctant(world.deps.prices, 0)
    with pytest.raises(StoreUnavailable):
        read_rows(table, [HOURS])
