"""The session state table: the only place that says what may happen to a session.

Terminal states, what a 409 offers and the tests are derived from `ROWS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a session is in its life; only `stopped` and `failed` are ends."""

    PENDING = "pending"
    PROVISIONING = "provisioning"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


class Event(StrEnum):
    """What can happen to a session."""

    LAUNCH = "launch"
    BECOME_READY = "become_ready"
    RETRY_LAUNCH = "retry_launch"
    REFUSE_LAUNCH = "refuse_launch"
    FAIL_PROVISIONING = "fail_provisioning"
    REQUEST_STOP = "request_stop"
    EXPIRE = "expire"
    HARD_MAX = "hard_max"
    IDLE = "idle"
    HEARTBEAT_TIMEOUT = "heartbeat_timeout"
    INSTANCE_DIED = "instance_died"
    EXTEND = "extend"
    OVERRIDE = "override"
    LOSE_INSTANCE = "lose_instance"
    CONFIRM_GONE = "confirm_gone"


class Actor(StrEnum):
    """Who says that an event happened."""

    API = "api"
    OPERATOR = "operator"
    LIFECYCLE = "lifecycle"
    RECONCILER = "reconciler"


class EndReason(StrEnum):
    """Why a session ended; written once, by the event that began the end."""

    USER_REQUESTED = "user_requested"
    EXPIRED = "expired"
    HARD_MAX = "hard_max"
    IDLE = "idle"
    HEARTBEAT_TIMEOUT = "heartbeat_timeout"
    SSH_TIMEOUT = "ssh_timeout"
    API_TIMEOUT = "api_timeout"
    INSTANCE_STOPPED = "instance_stopped"
    AUTH_FAILED = "auth_failed"
    HOST_KEY_CHANGED = "host_key_changed"
    INSUFFICIENT_DISK_ON_HOST = "insufficient_disk_on_host"
    NO_CAPACITY = "no_capacity"
    STALE_INVENTORY = "stale_inventory"
    LAUNCH_REJECTED = "launch_rejected"
    PRICE_ABOVE_MAX = "price_above_max"
    PRICE_MISMATCH = "price_mismatch"
    PROVIDER_AUTH = "provider_auth"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    PROVISION_TIMEOUT = "provision_timeout"
    GHOST = "ghost"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `targets` holds two states only where the recorded cause decides."""

    event: Event
    sources: frozenset[State]
    targets: frozenset[State]
    actors: frozenset[Actor]
    reasons: frozenset[EndReason] = frozenset()


def _row(
    event: Event,
    sources: set[State],
    targets: set[State],
    actors: set[Actor],
    reasons: set[EndReason] | None = None,
) -> Row:
    return Row(
        event,
        frozenset(sources),
        frozenset(targets),
        frozenset(actors),
        frozenset(reasons or set()),
    )


_S, _E, _A, _R = State, Event, Actor, EndReason

ROWS: tuple[Row, ...] = (
    _row(_E.LAUNCH, {_S.PENDING}, {_S.PROVISIONING}, {_A.LIFECYCLE}),
    _row(_E.BECOME_READY, {_S.PROVISIONING}, {_S.RUNNING}, {_A.LIFECYCLE, _A.RECONCILER}),
    _row(_E.RETRY_LAUNCH, {_S.PROVISIONING}, {_S.PENDING}, {_A.LIFECYCLE}),
    _row(
        _E.REFUSE_LAUNCH,
        {_S.PENDING, _S.PROVISIONING},
        {_S.FAILED},
        {_A.LIFECYCLE},
        {
            _R.STALE_INVENTORY,
            _R.NO_CAPACITY,
            _R.PRICE_ABOVE_MAX,
            _R.PRICE_MISMATCH,
            _R.PROVIDER_AUTH,
            _R.PROVIDER_UNAVAILABLE,
            _R.LAUNCH_REJECTED,
            _R.PROVISION_TIMEOUT,
        },
    ),
    _row(
        _E.FAIL_PROVISIONING,
        {_S.PROVISIONING},
        {_S.STOPPING},
        {_A.LIFECYCLE},
        {
            _R.SSH_TIMEOUT,
            _R.API_TIMEOUT,
            _R.INSTANCE_STOPPED,
            _R.AUTH_FAILED,
            _R.HOST_KEY_CHANGED,
            _R.PRICE_MISMATCH,
            _R.INSUFFICIENT_DISK_ON_HOST,
            _R.NO_CAPACITY,
            _R.PROVISION_TIMEOUT,
        },
    ),
    _row(
        _E.REQUEST_STOP,
        {_S.PENDING, _S.PROVISIONING, _S.RUNNING},
        {_S.STOPPING},
        {_A.API},
        {_R.USER_REQUESTED},
    ),
    _row(_E.EXPIRE, {_S.RUNNING}, {_S.STOPPING}, {_A.LIFECYCLE}, {_R.EXPIRED}),
    _row(_E.HARD_MAX, {_S.RUNNING}, {_S.STOPPING}, {_A.LIFECYCLE}, {_R.HARD_MAX}),
    _row(_E.IDLE, {_S.RUNNING}, {_S.STOPPING}, {_A.LIFECYCLE}, {_R.IDLE}),
    _row(
        _E.HEARTBEAT_TIMEOUT,
        {_S.RUNNING},
        {_S.STOPPING},
        {_A.LIFECYCLE},
        {_R.HEARTBEAT_TIMEOUT},
    ),
    _row(_E.INSTANCE_DIED, {_S.RUNNING}, {_S.STOPPING}, {_A.RECONCILER}, {_R.INSTANCE_STOPPED}),
    _row(_E.EXTEND, {_S.RUNNING}, {_S.RUNNING}, {_A.API}),
    _row(_E.OVERRIDE, {_S.PENDING}, {_S.PENDING}, {_A.OPERATOR}),
    _row(_E.OVERRIDE, {_S.PROVISIONING}, {_S.PROVISIONING}, {_A.OPERATOR}),
    _row(_E.OVERRIDE, {_S.RUNNING}, {_S.RUNNING}, {_A.OPERATOR}),
    _row(
        _E.LOSE_INSTANCE,
        {_S.RUNNING},
        {_S.STOPPED},
        {_A.RECONCILER, _A.LIFECYCLE},
        {_R.GHOST},
    ),
    _row(
        _E.LOSE_INSTANCE,
        {_S.PROVISIONING},
        {_S.FAILED},
        {_A.RECONCILER, _A.LIFECYCLE},
        {_R.GHOST},
    ),
    _row(
        _E.CONFIRM_GONE,
        {_S.STOPPING},
        {_S.STOPPED, _S.FAILED},
        {_A.LIFECYCLE, _A.RECONCILER},
    ),
)

TERMINAL: frozenset[State] = frozenset(State) - {state for row in ROWS for state in row.sources}
LIVE: frozenset[State] = frozenset(State) - TERMINAL


def row_for(state: State, event: Event) -> Row | None:
    """The table's row for `event` in `state`, or None when it is not allowed."""
    return next((row for row in ROWS if row.event is event and state in row.sources), None)


def api_events(state: State) -> list[str]:
    """The events a caller may cause in `state`: what a 409 offers as `allowed_events`."""
    return sorted(
        row.event.value for row in ROWS if state in row.sources and Actor.API in row.actors
    )
