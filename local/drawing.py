"""Draws diagrams as SVG, which every browser and README shows without anything else.

A library for plots would be a further environment to lock, for what is lines, dots and words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from local.metrics import Series

COLOURS = (
    "#2563eb",
    "#dc2626",
    "#059669",
    "#d97706",
    "#7c3aed",
    "#0891b2",
    "#db2777",
    "#65a30d",
    "#475569",
    "#92400e",
)
LEGEND_ENTRIES = 6
NARROW_PX = 400
_TITLE_PX, _LEGEND_LINE_PX, _MARGIN_PX, _AXIS_PX = 26, 15, 10, 46
_GRID_LINES = 2
_INK, _GREY, _FRAME, _PAPER = "#0f172a", "#64748b", "#e2e8f0", "#ffffff"


@dataclass(frozen=True, slots=True)
class Box:
    """A place on the page, in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Span:
    """The time that all diagrams of a page show, in seconds since the epoch."""

    begin_s: float
    end_s: float

    def place(self, at_s: float, box: Box) -> float:
        """Where an instant is, from left to right."""
        length_s = max(self.end_s - self.begin_s, 1.0)
        return box.x + (at_s - self.begin_s) / length_s * box.width


def text(x: float, y: float, words: str, size: int = 12, look: str = "") -> str:
    """Some words that begin at a point."""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" {look}>{escape(words)}</text>'


def frame(box: Box, title: str) -> Iterator[str]:
    """The card of one diagram."""
    yield (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" '
        f'rx="6" fill="{_PAPER}" stroke="{_FRAME}"/>'
    )
    yield text(box.x + _MARGIN_PX, box.y + 18, title, 13, f'font-weight="600" fill="{_INK}"')


def note(box: Box, words: str) -> str:
    """What a diagram says instead of lines."""
    look = f'fill="{_GREY}" text-anchor="middle"'
    return text(box.x + box.width / 2, box.y + box.height / 2, words, 12, look)


def diagram(box: Box, title: str, unit: str, lines: Sequence[Series], span: Span) -> Iterator[str]:
    """One diagram: frame, axis, lines and legend, the largest first."""
    lines = sorted(lines, key=lambda one: -max(value for _, value in one.points))
    yield from frame(box, title if not unit else f"{title} ({unit.lower()})")
    shown = _legend_lines(len(lines), box.width)
    plot = Box(
        box.x + _AXIS_PX,
        box.y + _TITLE_PX + _MARGIN_PX,
        box.width - _AXIS_PX - 2 * _MARGIN_PX,
        box.height - _TITLE_PX - 3 * _MARGIN_PX - shown * _LEGEND_LINE_PX,
    )
    top = _round_up(max((value for one in lines for _, value in one.points), default=0.0))
    yield from _axis(plot, top)
    for number, one in enumerate(lines):
        yield from _line(plot, one, top, span, COLOURS[number % len(COLOURS)])
    yield from _legend(Box(box.x, plot.y + plot.height + 22, box.width, 0), lines)


def _axis(plot: Box, top: float) -> Iterator[str]:
    for step in range(_GRID_LINES + 1):
        y = plot.y + plot.height * (1 - step / _GRID_LINES)
        yield (
            f'<line x1="{plot.x:.1f}" y1="{y:.1f}" x2="{plot.x + plot.width:.1f}" y2="{y:.1f}" '
            f'stroke="{_FRAME}"/>'
        )
        look = f'fill="{_GREY}" text-anchor="end"'
        yield text(plot.x - 6, y + 4, short(top * step / _GRID_LINES), 10, look)


def _line(plot: Box, one: Series, top: float, span: Span, colour: str) -> Iterator[str]:
    places = [
        (span.place(at_s, plot), plot.y + plot.height * (1 - value / top))
        for at_s, value in one.points
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{colour}"/>' for x, y in places)


def _legend_columns(width: float) -> int:
    return 1 if width < NARROW_PX else 2


def _legend_lines(entries: int, width: float) -> int:
    columns, most = _legend_columns(width), _legend_entries(width)
    return -(-min(entries, most) // columns) + (entries > most)


def _legend_entries(width: float) -> int:
    return LEGEND_ENTRIES if _legend_columns(width) > 1 else LEGEND_ENTRIES - 2


def _legend(box: Box, lines: Sequence[Series]) -> Iterator[str]:
    columns, most = _legend_columns(box.width), _legend_entries(box.width)
    width = (box.width - 2 * _MARGIN_PX) / columns
    letters = int((width - 14) / 5.5)
    for number, one in enumerate(lines[:most]):
        x = box.x + _MARGIN_PX + number % columns * width
        y = box.y + number // columns * _LEGEND_LINE_PX
        colour = COLOURS[number % len(COLOURS)]
        yield f'<rect x="{x:.1f}" y="{y - 8:.1f}" width="9" height="9" fill="{colour}"/>'
        last = short(one.points[-1][1])
        room = letters - len(last) - 2
        label = one.label if len(one.label) <= room else one.label[: max(room - 1, 1)] + "…"
        yield text(x + 13, y, f"{label}: {last}", 10, f'fill="{_INK}"')
    if len(lines) > most:
        more = f"and {len(lines) - most} more"
        y = box.y + most // columns * _LEGEND_LINE_PX
        yield text(box.x + _MARGIN_PX, y, more, 10, f'fill="{_GREY}"')


def short(value: float) -> str:
    """A number in few letters."""
    for limit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= limit * 10:
            return f"{value / limit:.0f}{letter}"
    return f"{value:.0f}" if value == round(value) or value >= 100 else f"{value:.3g}"


def _round_up(value: float) -> float:
    """The next of 1, 2, 3, 5 times a power of ten; 1 when there is nothing above zero."""
    if value <= 0:
        return 1.0
    power = 10.0 ** (len(str(int(value))) - 1) if value >= 1 else 0.1
    return next((step * power for step in (1, 2, 3, 5, 10) if step * power >= value), 10 * power)
