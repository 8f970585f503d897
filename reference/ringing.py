"""What an alarm is: what it reads, when it rings, and whom it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gpu_shopper.core.metrics import DEPLOYMENT, NAMESPACE

CRITICAL, WARNING = "AlertsTopic", "NoticesTopic"
"""The topic is the severity: critical wakes somebody, a warning can wait for the morning."""

AT_LEAST = "GreaterThanOrEqualToThreshold"
ABOVE = "GreaterThanThreshold"
BELOW = "LessThanThreshold"

# Metric math does not exist in the local emulator; alarms that add are made on AWS only.
ON_AWS = "AddsMetrics"


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric under one exact set of dimensions; values as CloudFormation writes them."""

    name: str
    dimensions: Mapping[str, str] = field(default_factory=dict)
    namespace: str = NAMESPACE

    @property
    def all_dimensions(self) -> dict[str, str]:
        """Ours are counted for each deployment."""
        own = {DEPLOYMENT: "!Ref DeploymentId"} if self.namespace == NAMESPACE else {}
        return own | dict(self.dimensions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One alarm. Several readings are added; `paragraph` is the heading in docs/operations.md."""

    name: str
    why: str
    paragraph: str
    topic: str
    readings: tuple[Reading, ...]
    threshold: str
    comparison: str = AT_LEAST
    statistic: str = "Sum"
    period_s: int = 60
    periods: int = 1
    missing: str = "notBreaching"
    condition: str | None = None

    @property
    def logical_id(self) -> str:
        """Its name in the template."""
        return "".join(part[:1].upper() + part[1:] for part in self.name.split("-")) + "Alarm"
