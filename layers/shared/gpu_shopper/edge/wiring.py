"""The one place where the environment, clocks and randomness become values and ports."""

from __future__ import annotations

import os
import secrets
import time
import uuid
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.settings import Settings
from gpu_shopper.edge import origins
from gpu_shopper.edge.aws import (
    KmsCipher,
    LambdaChecks,
    LambdaOrphanDesk,
    Schedules,
    Secrets,
    StepFunctions,
    Target,
)
from gpu_shopper.edge.http import Frame
from gpu_shopper.edge.logs import concerning, logger
from gpu_shopper.edge.publishing import EventBus
from gpu_shopper.edge.settings import read_settings, required
from gpu_shopper.edge.telemetry import Telemetry
from gpu_shopper.ssh.keys import new_pair
from gpu_shopper.store.inventory import SnapshotCache, Storage
from gpu_shopper.store.templates import TemplatesCache
from gpu_shopper.usecases.auditing import audited
from gpu_shopper.usecases.deps import Deps, Fact, Machine
from gpu_shopper.usecases.guarding import GuardedProvider
from gpu_shopper.usecases.measuring import Meter
from gpu_shopper.usecases.pacing import Pacer
from gpu_shopper.web.health import ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_shopper.providers.access import Access
    from gpu_shopper.providers.port import Provider
    from gpu_shopper.store.transactions import Put

AWS_CALLS = Config(connect_timeout=2, read_timeout=10, retries={"max_attempts": 3})
"""Time-outs in seconds and tries of calls to AWS: short, so that a caller gets its answer."""

LONG_CALLS = Config(connect_timeout=2, read_timeout=20, retries={"total_max_attempts": 1})
"""Of calls that wait for a provider: sent once, and not longer than the caller's function has."""

LOCAL_STAGE = "local"
"""The stage whose machines are simulated, on loopback."""


def now() -> datetime:
    """The instant, in UTC, cut to milliseconds as it is stored."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def new_id() -> str:
    """A fresh UUIDv4."""
    return str(uuid.uuid4())


def new_secret() -> str:
    """32 random bytes as 43 characters of `[A-Za-z0-9_-]`."""
    return secrets.token_urlsafe(32)


@cache
def settings() -> Settings:
    """The settings table of this deployment."""
    return read_settings(os.environ)


@cache
def deps() -> Deps:
    """Everything outside, wired once per function instance.

    A function that has no right to a service never calls it; making its client costs little.
    """
    public_only = required(os.environ, "STAGE") != LOCAL_STAGE
    return Deps(
        settings=settings(),
        deployment_id=required(os.environ, "DEPLOYMENT_ID"),
        release=required(os.environ, "RELEASE"),
        enabled_providers=tuple(required(os.environ, "ENABLED_PROVIDERS").split(",")),
        now=now,
        new_id=new_id,
        new_secret=new_secret,
        new_pair=new_pair,
        sessions=table("SESSIONS_TABLE"),
        access=table("ACCESS_TABLE"),
        operations=table("OPERATIONS_TABLE"),
        audit=table("AUDIT_TABLE"),
        inventory=Storage(table("INVENTORY_TABLE"), _BUCKET),
        prices=table("PRICES_TABLE"),
        costs=table("COSTS_TABLE"),
        snapshots=SnapshotCache(),
        templates=TemplatesCache(),
        provider=provider,
        machines=_LazyMachines(),
        checks=_LazyChecks(),
        hard_stops=_LazyHardStops(),
        orphan_desk=lambda wish: _orphan_desk()(wish),
        ask_api=partial(ask, public_only=public_only),
        cipher=_LazyCipher("PROBE_KEY_KMS_ARN"),
        repeat_cipher=_LazyCipher("REPEAT_KEY_KMS_ARN"),
        origin=partial(origins.current, required(os.environ, "POWERTOOLS_SERVICE_NAME")),
        note=telemetry().note,
        concerning=concerning,
        api_url=_api_url(),
        public_targets_only=public_only,
    )


def _api_url() -> str:
    """Where machines reach the API; known only to the function that rents them."""
    url, api_id = (os.environ.get(name, "") for name in ("API_URL", "API_ID"))
    return url.replace("{api}", api_id).rstrip("/")


@cache
def telemetry() -> Telemetry:
    """Where facts are told: the function's log."""
    deployment_id = required(os.environ, "DEPLOYMENT_ID")
    return Telemetry(logger, deployment_id, now, print)


class _WorkingTime:
    """Seconds that stand still while a call to a provider waits for its turn."""

    def __init__(self) -> None:
        self._waited_s = 0.0

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
        self._waited_s += seconds

    def __call__(self) -> float:
        return time.monotonic() - self._waited_s


@cache
def provider(name: str) -> Provider:
    """The adapter of `name`, with credentials from its secret. Raises ProviderAuth without."""
    # Imported here because only functions that may call providers should pay for it.
    from gpu_shopper.providers.registry import build

    clock_s = _WorkingTime()
    adapter = build(name, _access(name, clock_s.sleep), settings())
    meter = Meter(name, telemetry().note, clock_s)
    return GuardedProvider(adapter, table("OPERATIONS_TABLE"), now, settings(), meter, _stored)


def _stored(fact: Fact) -> list[Put]:
    return audited(deps(), [fact])


def _access(name: str, sleep: Callable[[float], None]) -> Access:
    from gpu_shopper.providers.access import Access

    secret_id, credential = required(os.environ, f"{name.upper()}_SECRET"), FACTS[name].credential
    return Access(
        base_url=required(os.environ, f"{name.upper()}_BASE_URL"),
        credentials=lambda fresh: secret_values().field(secret_id, credential, fresh=fresh),
        pace=Pacer(name, table("OPERATIONS_TABLE"), now, sleep, settings()),
        billing_url=os.environ.get(f"{name.upper()}_BILLING_URL", ""),
        field=lambda other: secret_values().field_or_none(secret_id, other) or "",
    )


@cache
def frame() -> Frame:
    """What every HTTP answer needs."""
    origins = os.environ.get("ALLOWED_ORIGINS", "")
    return Frame(logger, new_id, origins, telemetry().note, time.perf_counter)


def bootstrap_secret() -> str:
    """The secret of the first operator key, made at deploy."""
    return secret_values().field(required(os.environ, "OPERATOR_KEY_SECRET"), "secret")


@cache
def secret_values() -> Secrets:
    """Secrets Manager, with what was read kept."""
    return Secrets(boto3.client("secretsmanager", config=AWS_CALLS))


@cache
def event_bus() -> EventBus:
    """The bus on which this deployment tells what happens."""
    client = boto3.client("events", config=AWS_CALLS)
    name = required(os.environ, "EVENT_BUS")
    return EventBus(client, name, required(os.environ, "DEPLOYMENT_ID"))


@cache
def _dynamodb() -> Any:
    return boto3.resource("dynamodb", config=AWS_CALLS)


def table(name: str) -> Any:
    """The table that setting `name` names; a function without that setting never uses it."""
    return _dynamodb().Table(os.environ.get(name, f"no-{name.lower()}"))


@cache
def _s3() -> Any:
    return boto3.resource("s3", config=AWS_CALLS)


class _LazyBucket:
    """The snapshot bucket, its client made at first use: most requests find theirs in memory."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_s3().Bucket(required(os.environ, "SNAPSHOT_BUCKET")), name)


_BUCKET: Any = _LazyBucket()


class _LazyMachines:
    """State machines, their client made at first use."""

    def start(self, machine: Machine, session_id: str, attempt: int, restarts: int) -> None:
        _machines().start(machine, session_id, attempt, restarts)


@cache
def _machines() -> StepFunctions:
    arns = {
        machine: os.environ.get(f"{machine.value.upper()}_MACHINE_ARN", "") for machine in Machine
    }
    return StepFunctions(boto3.client("stepfunctions", config=AWS_CALLS), arns, logger)


class _LazyChecks:
    """Lambda, its client made at first use."""

    def begin(self, session_id: str, attempt: int) -> None:
        _checks().begin(session_id, attempt)


@cache
def _checks() -> LambdaChecks:
    function = required(os.environ, "VERIFY_SSH_FUNCTION")
    return LambdaChecks(boto3.client("lambda", config=AWS_CALLS), function, logger)


class _LazyHardStops:
    """EventBridge Scheduler, its client made at first use."""

    def set(self, session_id: str, at: datetime) -> None:
        _hard_stops().set(session_id, at)

    def clear(self, session_id: str, at: datetime) -> None:
        _hard_stops().clear(session_id, at)


@cache
def _hard_stops() -> Schedules:
    """A function without the target's names has no right to set one, and only clears them."""
    group = required(os.environ, "HARD_STOP_GROUP")
    names = ("HARD_STOP_FUNCTION_ARN", "HARD_STOP_ROLE_ARN")
    target = Target(*(os.environ.get(name, "") for name in names))
    return Schedules(boto3.client("scheduler", config=AWS_CALLS), group, target, logger)


@cache
def _orphan_desk() -> LambdaOrphanDesk:
    function = required(os.environ, "RECONCILE_FUNCTION")
    return LambdaOrphanDesk(boto3.client("lambda", config=LONG_CALLS), function, logger)


class _LazyCipher:
    """KMS with the key that a setting names, its client made at first use."""

    def __init__(self, key_setting: str) -> None:
        self._key_setting = key_setting

    def seal(self, owner_id: str, plaintext: str) -> str:
        return _cipher(self._key_setting).seal(owner_id, plaintext)

    def open(self, owner_id: str, sealed: str) -> str:
        return _cipher(self._key_setting).open(owner_id, sealed)


@cache
def _cipher(key_setting: str) -> KmsCipher:
    key_arn = required(os.environ, key_setting)
    return KmsCipher(boto3.client("kms", config=AWS_CALLS), key_arn)
