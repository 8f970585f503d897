"""Every metric of the product: its unit, its dimensions, and when it moves.

Whatever is emitted, alarmed on or drawn is looked up here; `docs/metrics.md` is written from it.
Each has the dimension `Deployment` alone, and a second time with all of its own. Ids of sessions,
offers and consumers are never dimensions: each value of a dimension is a metric that is paid for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

NAMESPACE = "CloudGpuShopper"
DEPLOYMENT = "Deployment"


class Unit(StrEnum):
    """CloudWatch's words; it knows no money."""

    COUNT = "Count"
    SECONDS = "Seconds"
    MILLISECONDS = "Milliseconds"
    GIGABYTES = "Gigabytes"
    PERCENT = "Percent"
    NONE = "None"


class Kind(StrEnum):
    """How values are read: counters are summed, gauges looked at, samples compared."""

    COUNTER = "counter"
    GAUGE = "gauge"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `meaning` says when it moves.

    `optional` are dimensions that not every value has. `sums` are further dimension sets, because
    an alarm reads one exact set and cannot search.
    """

    name: str
    dimensions: tuple[str, ...]
    meaning: str
    unit: Unit = Unit.COUNT
    kind: Kind = Kind.COUNTER
    optional: tuple[str, ...] = ()
    sums: tuple[tuple[str, ...], ...] = ()

    def words(self, given: Mapping[str, str]) -> dict[str, str]:
        """Those of the `given` dimensions that are this metric's own."""
        return {name: given[name] for name in self.dimensions if name in given}

    def sets(self, words: Mapping[str, str]) -> Iterator[list[str]]:
        """The dimension sets under which a value with these words is counted."""
        yield [DEPLOYMENT]
        if words:
            yield [DEPLOYMENT, *words]
        for one in self.sums:
            if all(name in words for name in one):
                yield [DEPLOYMENT, *one]


_P = ("Provider",)
_RETRY = ("Provider", "Scope")

_ALL = (
    Metric(
        "SessionsActive",
        ("Provider", "Status"),
        "Sessions by provider and status, counted in the table; ends are those of the last 24 h.",
        kind=Kind.GAUGE,
    ),
    Metric("SessionsCreated", _P, "A session is written, at the provider of its first attempt."),
    Metric("InstancesLaunched", _P, "An attempt learns the id of its machine."),
    Metric("SessionsEnded", ("Provider", "Reason"), "A session becomes stopped or failed."),
    Metric("InstancesDestroyed", _P, "The absence of a machine is proven after our terminate."),
    Metric("OrphansDetected", _P, "An orphan is seen for the first time."),
    Metric("OrphansDestroyed", _P, "The absence of an orphan is proven."),
    Metric("OrphansHeldBack", _P, "Orphans left for the next pass by the limit of one pass."),
    Metric("GhostsDetected", _P, "A ghost is proven."),
    Metric("ReconciliationMismatches", _P, "Each orphan and each ghost: the sum of both."),
    Metric("InstancesAdopted", _P, "The id of a machine that nobody claimed is stored."),
    Metric(
        "DestroyFailures",
        _P,
        "Once per teardown without proof after its 10th round (275 s), and once per orphan without "
        "proof at the end of the pass after the one that asked for its end.",
    ),
    Metric(
        "StoppingAgeMax",
        _P,
        "How long the oldest `stopping` session has been so; 0 when there is none.",
        unit=Unit.SECONDS,
        kind=Kind.GAUGE,
    ),
    Metric("HardMaxEnforced", _P, "A session is ended at its hard maximum."),
    Metric("IdleShutdowns", _P, "A session is ended because its GPUs did nothing."),
    Metric("HeartbeatTimeouts", _P, "A session is ended because its agent fell silent."),
    Metric(
        "HeartbeatAgeMax",
        (),
        "How long the running session that was silent longest has been so; 0 when there is none.",
        unit=Unit.SECONDS,
        kind=Kind.GAUGE,
    ),
    Metric("AgentOutages", (), "So many agents fall silent at once that the fault must be ours."),
    Metric("HardStops", (), "A session is ended by its own schedule: no sweep has done it."),
    Metric(
        "ProvisioningDuration",
        _P,
        "A session becomes running: seconds since it was created.",
        unit=Unit.SECONDS,
        kind=Kind.SAMPLE,
    ),
    Metric(
        "SshVerifyDuration",
        _P,
        "The first login succeeds: seconds since the launch.",
        unit=Unit.SECONDS,
        kind=Kind.SAMPLE,
    ),
    Metric("SshVerifyAttempts", _P, "The first login succeeds: polls made.", kind=Kind.SAMPLE),
    Metric(
        "SshVerifyFailures",
        ("Provider", "Reason"),
        "An attempt ends with `ssh_timeout` or `auth_failed`.",
    ),
    Metric("SshVerifyErrors", ("Provider", "ErrorType"), "A login fails, by the kind of failure."),
    Metric(
        "ApiVerifyDuration",
        _P,
        "A machine's health path first answers: seconds since the launch.",
        unit=Unit.SECONDS,
        kind=Kind.SAMPLE,
    ),
    Metric("ApiVerifyFailures", _P, "An attempt ends with `api_timeout`."),
    Metric(
        "ProviderCalls",
        ("Provider", "Operation", "Result"),
        "A call to a provider is asked for; Result is success, error or circuit_open.",
    ),
    Metric(
        "ProviderErrors",
        ("Provider", "Operation", "ErrorType"),
        "A call fails: auth, rate_limited (also by our own spacing), unavailable, timeout, "
        "bad_reply, offer_gone (also no capacity) or other.",
        sums=(("ErrorType",), ("Provider", "ErrorType")),
    ),
    Metric(
        "ProviderLatency",
        ("Provider", "Operation"),
        "A call that was sent is over; waiting for its turn is not counted.",
        unit=Unit.MILLISECONDS,
        kind=Kind.SAMPLE,
    ),
    Metric(
        "CircuitState",
        _P,
        "0 closed, 1 half-open, 2 open: at each change and each minute.",
        kind=Kind.GAUGE,
    ),
    Metric(
        "ExpiredRunning",
        _P,
        "Running sessions more than 15 minutes past `expires_at`.",
        kind=Kind.GAUGE,
    ),
    Metric("HostKeyChanges", _P, "A machine is first seen with another host key."),
    Metric(
        "ProviderBalance",
        _P,
        "Dollars that are left, when they are read: at most hourly.",
        unit=Unit.NONE,
        kind=Kind.GAUGE,
    ),
    Metric(
        "ChargesDrift",
        _P,
        "A day is compared with the provider's charges: the difference beyond rounding and "
        "the proof of ends, in percent of what is booked; 100 when a session is charged of which "
        "nothing is booked.",
        unit=Unit.PERCENT,
        kind=Kind.GAUGE,
    ),
    Metric(
        "ChargesUnknown",
        _P,
        "The same: sessions of that day whose charge is not known.",
        kind=Kind.GAUGE,
    ),
    Metric("UnknownProviderStatus", _P, "An answer shows a status word that we do not know."),
    Metric(
        "SnapshotAge",
        _P,
        "Seconds since the fetch of the newest offers began.",
        unit=Unit.SECONDS,
        kind=Kind.GAUGE,
    ),
    Metric("OffersAvailable", _P, "Offers in the newest snapshot.", kind=Kind.GAUGE),
    Metric(
        "CostAccrued",
        _P,
        "Dollars by which the ledger grew: exactly those that a row grew by.",
        unit=Unit.NONE,
    ),
    Metric("BudgetAlerts", ("AlertType",), "A consumer has reached 80 or 100 % of its budget."),
    Metric("BudgetRefusals", (), "A request is refused because an enforced budget is used up."),
    Metric("WebhookDeliveries", ("Result",), "A message to a webhook is delivered or given up."),
    Metric("RetryAttempts", (*_RETRY, "Reason"), "An attempt after a session's first starts."),
    Metric("RetrySuccesses", _RETRY, "A session becomes running with such an attempt."),
    Metric("RetriesExhausted", _RETRY, "Another attempt was wanted, and there is none to make."),
    Metric(
        "OfferFailures",
        ("Provider", "GpuType", "FailureType"),
        "A failure of an offer is remembered.",
    ),
    Metric(
        "SessionDiskAvailable",
        _P,
        "Free disk of a machine, at each check that finds it out.",
        unit=Unit.GIGABYTES,
        kind=Kind.SAMPLE,
    ),
    Metric(
        "PriceHistoryFailures", _P, "A snapshot was published without its prices being counted."
    ),
    Metric(
        "HttpRequests",
        ("Method", "Route", "Status"),
        "A request is answered. Route is the pattern of the path, or `unmatched`.",
        sums=(("Status",),),
    ),
    Metric(
        "HttpLatency",
        ("Method", "Route"),
        "The same: the time that the function took.",
        unit=Unit.MILLISECONDS,
        kind=Kind.SAMPLE,
    ),
    Metric(
        "SweepCompleted",
        ("Sweep", "Provider"),
        "A run of a sweep ends well: lifecycle, reconcile, inventory, costs or gauges.",
        optional=("Provider",),
    ),
    Metric(
        "SweepDuration",
        ("Sweep", "Provider"),
        "A run of a sweep ends, well or not.",
        unit=Unit.MILLISECONDS,
        kind=Kind.SAMPLE,
        optional=("Provider",),
    ),
    Metric(
        "AuthFailures",
        ("Reason",),
        "A request is refused with 401 or 403. One without any key is refused by the gateway and "
        "not seen by us.",
    ),
)

METRICS: Mapping[str, Metric] = {one.name: one for one in _ALL}
"""By name, in the order of the document."""
