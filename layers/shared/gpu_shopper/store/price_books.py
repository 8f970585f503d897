"""The open book of each provider's prices: one object, rewritten with every snapshot.

object prices/<provider>.json.gz    every write names the version that it was derived from
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from gpu_shopper.core.instants import from_text, to_text
from gpu_shopper.core.price_book import Book, Day
from gpu_shopper.core.prices import Series, Tally
from gpu_shopper.errors import Conflict

if TYPE_CHECKING:
    from mypy_boto3_s3.service_resource import Bucket

_ABSENT = "NoSuchKey"
_LOST = frozenset({"PreconditionFailed", "ConditionalRequestConflict", _ABSENT})
"""What S3 says when the object is not, or no longer, the one that a write was derived from."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A book as it was read or written; `version` is None when there was none."""

    book: Book
    version: str | None


def open_book(bucket: Bucket, provider: str) -> Opened:
    """The provider's open book; an empty one before its first snapshot."""
    try:
        answer = bucket.Object(_object_key(provider)).get()
    except ClientError as exc:
        if exc.response["Error"]["Code"] != _ABSENT:
            raise
        return Opened(Book(), None)
    return Opened(_unpacked(answer["Body"].read()), answer["ETag"])


def save_book(bucket: Bucket, provider: str, book: Book, version: str | None) -> Opened:
    """Write `book` over the version that it was derived from, and no other. Raises Conflict."""
    unchanged: Any = {"IfMatch": version} if version else {"IfNoneMatch": "*"}
    try:
        answer = bucket.Object(_object_key(provider)).put(
            Body=_packed(book),
            ContentType="application/json",
            ContentEncoding="gzip",
            **unchanged,
        )
    except ClientError as exc:
        if exc.response["Error"]["Code"] in _LOST:
            raise Conflict("somebody else wrote the book of prices") from exc
        raise
    return Opened(book, answer["ETag"])


def _object_key(provider: str) -> str:
    return f"prices/{provider}.json.gz"


def _packed(book: Book) -> bytes:
    """Series are written once, with the day they were last on offer, and then named by place."""
    places = {series: place for place, series in enumerate(book.known)}
    body = {
        "through": to_text(book.through) if book.through else None,
        "known": [[*series, on.isoformat()] for series, on in book.known.items()],
        "days": {on.isoformat(): _packed_day(day, places) for on, day in book.days.items()},
        "lows": {
            on.isoformat(): {places[one]: low for one, low in lows.items() if one in places}
            for on, lows in book.lows.items()
        },
    }
    return gzip.compress(json.dumps(body, separators=(",", ":")).encode(), compresslevel=3)


def _packed_day(day: Day, places: Mapping[Series, int]) -> Any:
    return {
        hour: [
            number,
            [
                [places[series], tally.cheapest, tally.offers, tally.most, *_flat(tally.medians)]
                for series, tally in day.tallies[hour].items()
            ],
        ]
        for hour, number in day.snapshots.items()
    }


def _flat(medians: Mapping[int, int]) -> list[int]:
    return [number for pair in medians.items() for number in pair]


def _unpacked(data: bytes) -> Book:
    body = json.loads(gzip.decompress(data))
    known = {
        Series(gpu_type, gpu_count): date.fromisoformat(on)
        for gpu_type, gpu_count, on in body["known"]
    }
    series = list(known)
    return Book(
        through=from_text(body["through"]) if body["through"] else None,
        days={date.fromisoformat(on): _day(day, series) for on, day in body["days"].items()},
        lows={
            date.fromisoformat(on): {series[int(place)]: low for place, low in lows.items()}
            for on, lows in body["lows"].items()
        },
        known=known,
    )


def _day(packed: Mapping[str, Any], series: Sequence[Series]) -> Day:
    return Day(
        snapshots={int(hour): number for hour, (number, _) in packed.items()},
        tallies={
            int(hour): {
                series[place]: Tally(
                    cheapest=cheapest,
                    medians=dict(zip(pairs[::2], pairs[1::2], strict=True)),
                    offers=offers,
                    most=most,
                )
                for place, cheapest, offers, most, *pairs in tallies
            }
            for hour, (_, tallies) in packed.items()
        },
    )
