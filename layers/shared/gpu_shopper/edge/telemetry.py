"""Facts to log lines: one audit line each, and one line with the metrics they count, as EMF.

Powertools' own metrics add a dimension `service` to every metric, and alarms on the dimensions
that we name would never match: the one line of JSON is written here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger

from gpu_shopper.core.metrics import DEPLOYMENT, METRICS, NAMESPACE
from gpu_shopper.edge.logs import run_keys, write_always
from gpu_shopper.usecases.deps import Fact

_NOT_TAKEN = re.compile(r"[^ -~]")
_MAX_VALUE_CHARS = 1_024


class Telemetry:
    """Writes what became true; metrics carry the deployment, and their own dimensions."""

    def __init__(
        self,
        logger: Logger,
        deployment_id: str,
        now: Callable[[], datetime],
        write: Callable[[str], None],
    ) -> None:
        self._logger = logger
        self._deployment_id = deployment_id
        self._now = now
        self._write = write

    def note(self, fact: Fact) -> None:
        """One audit line, if something became true; one EMF line, if something was counted."""
        if fact.operation:
            known = {
                name: value
                for name, value in asdict(fact).items()
                if value not in (None, {}) and name not in ("metrics", "dimensions")
            }
            write_always(self._logger, fact.operation, audit=True, **known)
        if fact.metrics:
            self._write(json.dumps(self._emf(fact), separators=(",", ":")))

    def _emf(self, fact: Fact) -> dict[str, object]:
        """Each metric under [Deployment], and under its other dimension sets."""
        given, words = _given(fact), dict[str, str]()
        alike: dict[str, dict[str, Any]] = {}
        for name in fact.metrics:
            own = METRICS[name].words(given)
            words |= own
            sets = list(METRICS[name].sets(own))
            directive = alike.setdefault(
                str(sets), {"Namespace": NAMESPACE, "Dimensions": sets, "Metrics": []}
            )
            directive["Metrics"].append({"Name": name, "Unit": METRICS[name].unit.value})
        return {
            "_aws": {
                "Timestamp": round(self._now().timestamp() * 1_000),
                "CloudWatchMetrics": list(alike.values()),
            },
            DEPLOYMENT: self._deployment_id,
            **words,
            **run_keys(self._logger.get_current_keys()),
            **_ids(fact),
            **fact.metrics,
        }


def _ids(fact: Fact) -> dict[str, object]:
    """What the fact is about, in the words of the other lines."""
    known = {
        "provider": fact.provider,
        "operation": fact.operation or fact.dimensions.get("Operation"),
        "session_id": fact.session_id,
        "attempt": fact.attempt,
    }
    return {name: value for name, value in known.items() if value}


def _given(fact: Fact) -> dict[str, str]:
    """What the fact says of dimensions; its provider and reason are those of its metrics."""
    known = {"Provider": fact.provider, "Reason": fact.reason}
    given = {name: value for name, value in known.items() if value} | dict(fact.dimensions)
    return {name: _taken(value) for name, value in given.items()}


def _taken(value: str) -> str:
    """`value` as CloudWatch takes it; with another one it would drop the metric without a word."""
    return _NOT_TAKEN.sub("?", value).strip().lstrip(": ")[:_MAX_VALUE_CHARS] or "unknown"
