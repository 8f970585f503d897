"""Facts to log lines: one audit line each, and the metrics they count, as EMF.

Powertools' own metrics add a dimension `service` to every metric, and alarms on the dimensions
that we name would never match: the one line of JSON is written here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime

from aws_lambda_powertools import Logger

from gpu_shopper.usecases.deps import Fact

_SECONDS = ("Duration", "Seconds", "Age", "AgeMax")
_WITHOUT_UNIT = ("ProviderBalance",)


class Telemetry:
    """Writes what became true; metrics carry the deployment, and the provider where known."""

    def __init__(
        self,
        logger: Logger,
        deployment_id: str,
        namespace: str,
        now: Callable[[], datetime],
        write: Callable[[str], None],
    ) -> None:
        self._logger = logger
        self._deployment_id = deployment_id
        self._namespace = namespace
        self._now = now
        self._write = write

    def note(self, fact: Fact) -> None:
        """One audit line, then one EMF line per metric of the fact."""
        known = {
            name: value
            for name, value in asdict(fact).items()
            if value not in (None, {}) and name not in ("metrics", "dimensions")
        }
        self._logger.info(fact.operation, audit=True, **known)
        for name, value in fact.metrics.items():
            self._write(json.dumps(self._emf(name, value, fact)))

    def _emf(self, name: str, value: float, fact: Fact) -> dict[str, object]:
        """The metric under [Deployment], and under all its dimensions where it has more."""
        words = self._words(name, fact)
        sets = [["Deployment"]] + ([["Deployment", *words]] if words else [])
        directive = {
            "Namespace": self._namespace,
            "Dimensions": sets,
            "Metrics": [{"Name": name, "Unit": _unit(name)}],
        }
        about = {"session_id": fact.session_id} if fact.session_id else {}
        return {
            "_aws": {
                "Timestamp": round(self._now().timestamp() * 1_000),
                "CloudWatchMetrics": [directive],
            },
            "Deployment": self._deployment_id,
            **words,
            **about,
            name: value,
        }

    def _words(self, name: str, fact: Fact) -> Mapping[str, str]:
        words = dict(fact.dimensions)
        if fact.provider:
            words = {"Provider": fact.provider, **words}
        if fact.reason and name == "SessionsEnded":
            words["Reason"] = fact.reason
        return words


def _unit(name: str) -> str:
    if name in _WITHOUT_UNIT:
        return "None"
    if name == "SessionDiskAvailable":
        return "Gigabytes"
    return "Seconds" if name.endswith(_SECONDS) else "Count"
