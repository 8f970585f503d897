"""What use cases need from outside; wired once per function, faked in tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from gpu_shopper.core.audit import Origin
from gpu_shopper.core.instances import HostPort, SshAddress
from gpu_shopper.core.polling import ApiTry, SshTry
from gpu_shopper.core.settings import Settings
from gpu_shopper.providers.port import Provider
from gpu_shopper.ssh.keys import KeyPair
from gpu_shopper.store.inventory import SnapshotCache, Storage
from gpu_shopper.store.templates import TemplatesCache

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class Machine(StrEnum):
    """The two state machines, by what they do."""

    PROVISION = "provision"
    TEARDOWN = "teardown"


class Machines(Protocol):
    """Starts executions; a second start under the same name counts as success."""

    def start(self, machine: Machine, session_id: str, attempt: int, restarts: int) -> None:
        """Start `machine` for this attempt, under a name derived from all four."""
        ...


class Checks(Protocol):
    """Begins checks of running machines, without waiting for them."""

    def begin(self, session_id: str, attempt: int) -> None:
        """Have the machine of this attempt checked; a beginning that fails is not repeated."""
        ...


class HardStops(Protocol):
    """Timers of single sessions, which end them when every sweep is broken."""

    def set(self, session_id: str, at: datetime) -> None:
        """Have `hard_stop` called at `at`, a whole second; the same again is the same timer.

        Raises when that cannot be promised.
        """
        ...

    def clear(self, session_id: str, at: datetime) -> None:
        """Remove that timer; one that stays finds nothing to do, so a failure is not raised."""
        ...


class OrphanAct(StrEnum):
    """What an operator may want of one machine."""

    DESTROY = "destroy"
    ADOPT = "adopt"


@dataclass(frozen=True, slots=True)
class OrphanWish:
    """One wish, and whose: whoever carries it out may ask the provider."""

    act: OrphanAct
    provider: str
    instance_id: str
    key_id: str
    reason: str | None = None


class OrphanOutcome(StrEnum):
    """What became of a wish."""

    DESTROYING = "destroying"
    DESTROYED = "destroyed"
    ADOPTED = "adopted"
    NOT_FOUND = "not_found"
    NOT_ALLOWED = "not_allowed"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class OrphanTold:
    """The outcome; `text` says why not, session and attempt are those that have the machine."""

    outcome: OrphanOutcome
    text: str = ""
    session_id: str | None = None
    attempt: int | None = None


class Cipher(Protocol):
    """Encrypts a secret of a session or webhook; its id is part of the encryption context."""

    def seal(self, owner_id: str, plaintext: str) -> str:
        """The ciphertext as text."""
        ...

    def open(self, owner_id: str, sealed: str) -> str:
        """The plaintext; fails for another's id."""
        ...


class Probe(Protocol):
    """One SSH try; `open_key` gives the private key, and is called by a try that can use it."""

    def __call__(
        self,
        address: SshAddress,
        open_key: Callable[[], str],
        pinned_host_key: str | None,
        settings: Settings,
        /,
    ) -> SshTry: ...


class Concerning(Protocol):
    """What happens until it ends is about a session, an attempt, a machine: the log says so."""

    def __call__(self, **ids: str | int) -> AbstractContextManager[None]: ...


def _unsaid(**_ids: str | int) -> AbstractContextManager[None]:
    return nullcontext()


class AskApi(Protocol):
    """One request to a machine that serves HTTP."""

    def __call__(self, target: HostPort, path: str, settings: Settings, /) -> ApiTry: ...


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that became true, once: an audit event, and the metrics that count it."""

    operation: str
    provider: str | None = None
    session_id: str | None = None
    consumer_id: str | None = None
    instance_id: str | None = None
    attempt: int | None = None
    actor: str | None = None
    key_id: str | None = None
    reason: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    dimensions: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """Everything outside: tables, providers, state machines, keys, clock, ids."""

    settings: Settings
    deployment_id: str
    release: str
    enabled_providers: tuple[str, ...]
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    new_secret: Callable[[], str]
    new_pair: Callable[[str], KeyPair]
    sessions: Table
    access: Table
    operations: Table
    audit: Table
    inventory: Storage
    prices: Table
    costs: Table
    snapshots: SnapshotCache
    templates: TemplatesCache
    provider: Callable[[str], Provider]
    machines: Machines
    checks: Checks
    hard_stops: HardStops
    orphan_desk: Callable[[OrphanWish], OrphanTold]
    ask_api: AskApi
    cipher: Cipher
    # Of what a repeat may show again: with a key of its own, which opens no probe key.
    repeat_cipher: Cipher
    origin: Callable[[], Origin]
    note: Callable[[Fact], None]
    concerning: Concerning = _unsaid
    # Where machines reach this API, without a slash at the end; empty where no machine is rented.
    api_url: str = ""
    # Only a local run may check machines at other than public addresses: the simulator's.
    public_targets_only: bool = True


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step tells its state machine: where to go, and after how many whole seconds."""

    outcome: str
    wait_s: int = 0
