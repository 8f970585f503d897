"""Price history: series of points."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from gpu_shopper.core.instants import to_text
from gpu_shopper.core.money import divided, to_usd
from gpu_shopper.core.price_rows import Point
from gpu_shopper.edge.answers.values import Shown
from gpu_shopper.usecases.prices import History

_SHARE_DIGITS = 10_000
_COUNT_DIGITS = 100


class PointBody(Shown):
    """One hour or day of a series."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"cheapest", "median"})

    at: str
    cheapest: float | None
    median: float | None
    offer_count: float
    offer_count_max: int
    availability: float
    snapshots: int
    complete: bool

    @classmethod
    def of(cls, point: Point) -> PointBody:
        """Means and shares are of all snapshots, also of those without an offer."""
        bucket, cell = point
        snapshots = bucket.snapshots
        offers, offered_in = (cell.offers, cell.offered_in) if cell else (0, 0)
        return cls(
            at=to_text(bucket.at),
            cheapest=to_usd(cell.cheapest) if cell else None,
            median=to_usd(cell.median) if cell else None,
            offer_count=divided(offers * _COUNT_DIGITS, snapshots) / _COUNT_DIGITS,
            offer_count_max=cell.most if cell else 0,
            availability=divided(offered_in * _SHARE_DIGITS, snapshots) / _SHARE_DIGITS,
            snapshots=snapshots,
            complete=bucket.complete,
        )


class SeriesBody(Shown):
    """The offers of one provider with one GPU type and number of GPUs, over time."""

    provider: str
    gpu_type: str
    gpu_count: int
    points: list[PointBody]

    @classmethod
    def of(cls, history: History) -> SeriesBody:
        """The series with its points, oldest first."""
        return cls(
            provider=history.provider,
            gpu_type=history.series.gpu_type,
            gpu_count=history.series.gpu_count,
            points=[PointBody.of(point) for point in history.points],
        )


class PricesBody(Shown):
    """One page of price history."""

    series: list[SeriesBody]
    count: int
    period: str
    days: int
    since: Annotated[str, Field(alias="from")]
    to: str
    next_cursor: str | None = None

    model_config = ConfigDict(populate_by_name=True)
