"""Facts to log lines: one audit line each, and the metrics they count, as EMF."""

from __future__ import annotations

from dataclasses import asdict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from gpu_shopper.usecases.deps import Fact

_SECONDS = ("Duration", "Seconds", "Age")


class Telemetry:
    """Writes what became true; metrics carry the deployment, and the provider where known."""

    def __init__(self, logger: Logger, deployment_id: str, namespace: str) -> None:
        self._logger = logger
        self._deployment_id = deployment_id
        self._namespace = namespace

    def note(self, fact: Fact) -> None:
        """One audit line, then one EMF line per metric of the fact."""
        known = {
            name: value
            for name, value in asdict(fact).items()
            if value not in (None, {}) and name not in ("metrics", "dimensions")
        }
        self._logger.info(fact.operation, audit=True, **known)
        for name, value in fact.metrics.items():
            self._emit(name, value, fact)

    def _emit(self, name: str, value: float, fact: Fact) -> None:
        unit = MetricUnit.Seconds if name.endswith(_SECONDS) else MetricUnit.Count
        with single_metric(name=name, unit=unit, value=value, namespace=self._namespace) as metric:
            metric.add_dimension("Deployment", self._deployment_id)
            if fact.provider:
                metric.add_dimension("Provider", fact.provider)
            for dimension, word in fact.dimensions.items():
                metric.add_dimension(dimension, word)
            if fact.reason and name == "SessionsEnded":
                metric.add_dimension("Reason", fact.reason)
            if fact.session_id:
                metric.add_metadata("session_id", fact.session_id)
