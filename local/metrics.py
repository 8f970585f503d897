"""Metrics of a local run: the lines in the functions' logs, read as CloudWatch would read them."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local import aws

BUCKET_S = 5
"""Values of so many seconds are one point: a local run lasts a minute or two."""

_SEARCH = re.compile(
    r"SEARCH\('\{(?P<set>[^}]+)\} MetricName=\"(?P<name>\w+)\"[^']*', '(?P<stat>\w+)'"
)
_MEANINGS: Mapping[str, Callable[[list[float]], float]] = {
    "Sum": sum,
    "Maximum": max,
    "Minimum": min,
    "Average": lambda values: sum(values) / len(values),
}


@dataclass(frozen=True, slots=True)
class Value:
    """One value of one metric under one set of dimensions."""

    at_s: float
    namespace: str
    name: str
    dimensions: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a diagram: seconds since the epoch, and what was counted around then."""

    label: str
    points: tuple[tuple[float, float], ...]


def log_lines(emulator_url: str) -> Iterator[str]:
    """Everything that the functions logged."""
    logs = aws.client("logs", emulator_url)
    for group in logs.describe_log_groups()["logGroups"]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        for page in pages:
            yield from (event["message"] for event in page["events"])


def values(lines: Iterable[str]) -> list[Value]:
    """Every value in these lines, once for each of its sets of dimensions."""
    return [value for line in lines if '"_aws"' in line for value in _of_line(line)]


def _of_line(line: str) -> Iterator[Value]:
    try:
        row = json.loads(line)
    except ValueError:
        return
    for directive in row["_aws"]["CloudWatchMetrics"]:
        for metric in directive["Metrics"]:
            for names in directive["Dimensions"]:
                yield Value(
                    at_s=row["_aws"]["Timestamp"] / 1_000,
                    namespace=directive["Namespace"],
                    name=metric["Name"],
                    dimensions={name: row[name] for name in names},
                    value=float(row[metric["Name"]]),
                )


def series(line: Sequence[Any], found: Iterable[Value]) -> list[Series]:
    """What one line of a diagram's definition shows of these values."""
    if isinstance(line[0], dict):
        return _searched(line[0]["expression"], found)
    look = line[-1]
    words = dict(zip(line[2:-1:2], line[3:-1:2], strict=True))
    wanted = [
        one
        for one in found
        if (one.namespace, one.name) == (line[0], line[1]) and one.dimensions == words
    ]
    return [Series(look["label"], _points(wanted, look["stat"]))] if wanted else []


def _searched(expression: str, found: Iterable[Value]) -> list[Series]:
    """One series for each combination of values that these dimensions had."""
    asked = _SEARCH.match(expression)
    if asked is None:
        raise ValueError(f"no search that is known here: {expression}")
    namespace, deployment, *names = asked["set"].split(",")
    groups: dict[str, list[Value]] = defaultdict(list)
    for one in found:
        fits = (one.namespace, one.name) == (namespace, asked["name"])
        if fits and set(one.dimensions) == {deployment, *names}:
            groups[" ".join(one.dimensions[name] for name in names)].append(one)
    return [Series(label, _points(groups[label], asked["stat"])) for label in sorted(groups)]


def _points(found: Iterable[Value], stat: str) -> tuple[tuple[float, float], ...]:
    buckets: dict[float, list[float]] = defaultdict(list)
    for one in found:
        buckets[one.at_s // BUCKET_S * BUCKET_S].append(one.value)
    return tuple((at_s, _statistic(stat, buckets[at_s])) for at_s in sorted(buckets))


def _statistic(stat: str, found: list[float]) -> float:
    """A statistic of CloudWatch's; percentiles as the nearest value."""
    if stat.startswith("p"):
        rank = math.ceil(float(stat[1:]) / 100 * len(found))
        return sorted(found)[max(rank, 1) - 1]
    return _MEANINGS[stat](found)
