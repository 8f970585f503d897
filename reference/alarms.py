"""The alarms, as the template has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gpu_shopper.core.provider_facts import FACTS
from reference.ringing import ABOVE, BELOW, CRITICAL, ON_AWS, WARNING, Alarm, Reading
from reference.stack import MACHINES, TABLES, dead_letters, resources

_COSTS = {"Sweep": "costs"}
_API_FAILURES = ("500", "502", "503", "504")
_PROVIDER_DOWN = ("auth", "rate_limited", "unavailable", "timeout", "bad_reply", "other")


def _alarm(name: str, why: str, metric: str, topic: str, **more: object) -> Alarm:
    """One that reads one of our metrics for the whole deployment, and rings at the first."""
    paragraph = metric.lower()
    made = Alarm(
        name=name,
        why=why,
        paragraph=paragraph,
        topic=topic,
        readings=(Reading(metric),),
        threshold="1",
    )
    return replace(made, **more)  # type: ignore[arg-type]


def _sweep(name: str, why: str, provider: str | None, words: dict[str, str]) -> Alarm:
    return _alarm(
        name if provider is None else f"{name}-{provider}",
        why,
        "SweepCompleted",
        CRITICAL,
        readings=(Reading("SweepCompleted", words),),
        paragraph="sweepcompleted-is-missing",
        comparison=BELOW,
        period_s=300,
        missing="breaching",
        condition=_rents_from(provider) if provider else None,
    )


def _rents_from(provider: str) -> str:
    return f"RentsFrom{provider.capitalize()}"


def _of_each_provider(provider: str) -> Iterator[Alarm]:
    yield _sweep(
        "ReconcileMissing",
        f"Nobody looks for orphans and ghosts at {provider}.",
        provider,
        {"Sweep": "reconcile", "Provider": provider},
    )
    yield _alarm(
        f"ProviderApiDown-{provider}",
        f"{provider} fails at more than it should; offers that are gone are no failure.",
        "ProviderErrors",
        WARNING,
        readings=tuple(
            Reading("ProviderErrors", {"Provider": provider, "ErrorType": word})
            for word in _PROVIDER_DOWN
        ),
        comparison=ABOVE,
        threshold="10",
        period_s=300,
        condition=f"{ON_AWS}{_rents_from(provider)}",
    )


def _of_the_machinery() -> Iterator[Alarm]:
    """What AWS counts of our state machines, tables and queues."""
    executions = tuple(
        Reading(metric, {"StateMachineArn": f"!Ref {machine}"}, "AWS/States")
        for machine in resources(MACHINES)
        for metric in ("ExecutionsFailed", "ExecutionsTimedOut")
    )
    yield Alarm(
        name="StateMachineFailed",
        why="An execution died; the sweep starts the next one.",
        paragraph="executions-that-failed",
        topic=WARNING,
        readings=executions,
        threshold="1",
        period_s=300,
        condition=ON_AWS,
    )
    for table in resources(TABLES):
        words = {"TableName": f"!Ref {table}"}
        yield Alarm(
            name=f"Throttled-{table}",
            why=f"DynamoDB refuses calls to {table} for their number.",
            paragraph="throttled-tables",
            topic=WARNING,
            readings=tuple(
                Reading(metric, words, "AWS/DynamoDB")
                for metric in ("ReadThrottleEvents", "WriteThrottleEvents")
            ),
            threshold="1",
            period_s=300,
            condition=ON_AWS,
        )
    for queue in dead_letters():
        words = {"QueueName": f"!GetAtt {queue}.QueueName"}
        yield Alarm(
            name=f"DeadLetters-{queue}",
            why=f"Events that nobody could handle lie in {queue}.",
            paragraph="dead-letters",
            topic=WARNING,
            readings=(Reading("ApproximateNumberOfMessagesVisible", words, "AWS/SQS"),),
            statistic="Maximum",
            threshold="1",
            period_s=300,
        )


def alarms() -> Iterator[Alarm]:
    """All of them, by how near they are to a machine that bills and that nobody ends."""
    yield _alarm(
        "OrphanDetected", "A machine of ours that no session owns.", "OrphansDetected", CRITICAL
    )
    yield _alarm(
        "OrphanFlood",
        "More orphans than one pass may end: is the table right?",
        "OrphansHeldBack",
        CRITICAL,
    )
    yield _alarm(
        "StoppingTooLong",
        "A session's end is not proven in time.",
        "StoppingAgeMax",
        CRITICAL,
        statistic="Maximum",
        comparison=ABOVE,
        threshold="!Ref StoppingAlarmS",
    )
    yield _alarm(
        "DestroyFailed",
        "Teardown after teardown does not end a machine.",
        "DestroyFailures",
        CRITICAL,
        period_s=300,
    )
    yield _alarm(
        "ReconciliationMismatch",
        "Our table and a provider disagree.",
        "ReconciliationMismatches",
        CRITICAL,
    )
    yield _alarm(
        "RunningPastExpiry",
        "Sessions are not ended at their time.",
        "ExpiredRunning",
        CRITICAL,
        statistic="Maximum",
    )
    yield _sweep("LifecycleMissing", "Nobody ends what has expired.", None, {"Sweep": "lifecycle"})
    # A quarter of an hour is three runs.
    yield replace(
        _sweep("CostsMissing", "Nothing is booked: no budget stops anything.", None, _COSTS),
        topic=WARNING,
        period_s=900,
    )
    yield _alarm(
        "ProviderAuthFailed",
        "A provider refuses our key: nothing there can be ended.",
        "ProviderErrors",
        CRITICAL,
        readings=(Reading("ProviderErrors", {"ErrorType": "auth"}),),
        paragraph="providererrors-auth",
        period_s=300,
    )
    for provider in FACTS:
        yield from _of_each_provider(provider)
    yield _alarm(
        "HardMaxEnforced",
        "A session lived to its hard maximum.",
        "HardMaxEnforced",
        WARNING,
        period_s=300,
    )
    yield _alarm(
        "InventoryStale",
        "No fresh offers; after this nothing is rented there.",
        "SnapshotAge",
        WARNING,
        statistic="Maximum",
        comparison=ABOVE,
        threshold="!Ref SnapshotUsableS",
        periods=5,
    )
    yield _alarm(
        "HostKeyChanged",
        "A machine shows another host key than the pinned one.",
        "HostKeyChanges",
        WARNING,
        period_s=300,
    )
    yield _alarm(
        "AgentsSilent",
        "Many agents fell silent at once: their reports do not reach us.",
        "AgentOutages",
        WARNING,
        period_s=300,
    )
    yield _alarm(
        "HeartbeatStale",
        "An agent has not reported for long, and its session runs on.",
        "HeartbeatAgeMax",
        WARNING,
        statistic="Maximum",
        comparison=ABOVE,
        threshold="!Ref HeartbeatStaleS",
    )
    yield _alarm(
        "BudgetExceeded",
        "A consumer has spent its month's budget.",
        "BudgetAlerts",
        WARNING,
        readings=(Reading("BudgetAlerts", {"AlertType": "exceeded"}),),
        period_s=300,
    )
    yield _alarm(
        "LowBalance",
        "A provider's account runs dry, and then it stops machines.",
        "ProviderBalance",
        WARNING,
        statistic="Minimum",
        comparison=BELOW,
        threshold="!Ref BalanceLowUsd",
        period_s=3600,
    )
    yield _alarm(
        "ChargesDiffer",
        "A provider charges otherwise than we book.",
        "ChargesDrift",
        WARNING,
        statistic="Maximum",
        comparison=ABOVE,
        threshold="!Ref ChargesDriftPercent",
        period_s=3600,
    )
    yield _alarm(
        "SshVerifyFailed",
        "Machines come up that nobody can log in to.",
        "SshVerifyFailures",
        WARNING,
        threshold="3",
        period_s=900,
    )
    yield _alarm(
        "ApiErrors",
        "Callers are answered with errors of ours.",
        "HttpRequests",
        WARNING,
        readings=tuple(Reading("HttpRequests", {"Status": one}) for one in _API_FAILURES),
        threshold="5",
        period_s=300,
        condition=ON_AWS,
    )
    yield from _of_the_machinery()
