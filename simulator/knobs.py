"""The global knobs of `/_test/config`: defaults, checks, and typed reading."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from simulator import checks
from simulator.checks import BadField, Check

FASTEST = 100_000  # seconds of the simulator in a real one
PROVIDERS = ("vastai", "tensordock")
_BOOT: dict[str, Check] = {
    "null_s": checks.number(),
    "loading_s": checks.number(),
    "ip_delay_s": checks.number(),
    "key_delay_s": checks.number(),
}
_LATENCY: dict[str, Check] = {name: checks.number() for name in ("min", "max", "p50", "p99")}
_CHURN: dict[str, Check] = {
    "rented_per_min": checks.number(0, 1),
    "vanish_per_h": checks.number(0, 1),
    "appear_per_h": checks.number(0, 1),
    "price_edits_per_h": checks.number(0, 1),
}


def _boot(field: str, value: Any) -> dict[str, Any]:
    body = checks.known(value, {*_BOOT, *PROVIDERS}, field)
    return {
        name: checks.fields(part, _BOOT, f"{field}.{name}")
        if name in PROVIDERS
        else _BOOT[name](f"{field}.{name}", part)
        for name, part in body.items()
    }


def _latency(field: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return checks.number()(field, value)
    if set(value) <= set(PROVIDERS):
        return {name: _latency(f"{field}.{name}", part) for name, part in value.items()}
    body = checks.fields(value, _LATENCY, field)
    if set(body) not in ({"min", "max"}, {"p50", "p99"}):
        raise BadField(field, "needs min and max, or p50 and p99")
    return body


def _require_key(field: str, value: Any) -> dict[str, list[str]] | None:
    if value is None:
        return None
    body = checks.known(value, PROVIDERS, field)
    return {name: checks.texts(f"{field}.{name}", keys) for name, keys in body.items()}


def _rate_limit(field: str, value: Any) -> Any:
    if value in ("off", "vast_intervals") or value is None or value is False:
        return value or "off"
    return checks.number()(field, value)


_CHECKS: dict[str, Check] = {
    "seed": checks.integer(),
    "speed": checks.number(0, FASTEST),
    "realistic": checks.flag,
    "strict_slash": checks.flag,
    "strict_body": checks.flag,
    "require_key": _require_key,
    "latency_ms": _latency,
    "rate_limit": _rate_limit,
    "retry_after_share": checks.number(0, 1),
    "boot": _boot,
    "destroy_s": checks.number(),
    "gone_linger_s": checks.number(),
    "list_lag_s": checks.number(),
    "single_lag_s": checks.number(),
    "list_shape": checks.one_of(1, 2, 3),
    "stale_locations": checks.number(0, 1),
    "v0_list": checks.one_of(410, "410", "deprecated_200", "empty_200"),
    "page_size": checks.integer(1, 25),
    "logs_delay_s": checks.number(),
    "churn": lambda field, value: (
        checks.fields(value, _CHURN, field) if value else dict.fromkeys(_CHURN, 0)
    ),
    "balance_usd": checks.number(-1e9, 1e9),
}
_DEFAULTS: dict[str, Any] = {
    "seed": 1,
    "speed": 1.0,
    "realistic": False,
    "strict_slash": False,
    "strict_body": True,
    "require_key": None,
    "latency_ms": 0,
    "rate_limit": "off",
    "retry_after_share": 0.5,
    "boot": {"null_s": 0.1, "loading_s": 0.2, "ip_delay_s": 0.1, "key_delay_s": 0},
    "destroy_s": 0.05,
    "gone_linger_s": 0,
    "list_lag_s": 0,
    "single_lag_s": 0,
    "list_shape": 1,
    "stale_locations": 0,
    "v0_list": 410,
    "page_size": 25,
    "logs_delay_s": 0.2,
    "churn": dict.fromkeys(_CHURN, 0),
    "balance_usd": 100,
}


@dataclass(frozen=True)
class Boot:
    """Seconds of a machine's start: no status yet, loading, until it has an address, a key."""

    null_s: float
    loading_s: float
    ip_delay_s: float
    key_delay_s: float


class Knobs:
    """All knobs in force. `update` checks first and changes everything or nothing."""

    def __init__(self, require_key: dict[str, list[str]] | None = None) -> None:
        self._start = copy.deepcopy(_DEFAULTS) | {"require_key": require_key}
        self.restart()

    def restart(self) -> None:
        """Everything as after the program's start."""
        self.values: dict[str, Any] = copy.deepcopy(self._start)

    def update(self, body: Any) -> dict[str, Any]:
        """Set the given knobs and return them checked. Raises BadField."""
        checked = checks.fields(body, _CHECKS)
        for name, value in checked.items():
            if name in ("boot", "churn"):
                value = _merged(self.values[name], value)
            self.values[name] = value
        return checked

    def boot(self, provider: str) -> Boot:
        """The start-up times of one provider's machines."""
        common = {name: self.values["boot"][name] for name in _BOOT}
        return Boot(**(common | self.values["boot"].get(provider, {})))

    def keys(self, provider: str) -> list[str] | None:
        """The only keys that work, or None when any does."""
        required = self.values["require_key"]
        return None if required is None else required.get(provider)

    def flag(self, name: str) -> bool:
        """A knob that is on or off."""
        return bool(self.values[name])

    def seconds(self, name: str) -> float:
        """A knob that is a number."""
        return float(self.values[name])


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for name, value in new.items():
        nested = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = merged[name] | value if nested else value
    return merged
