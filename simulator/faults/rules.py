"""Rules, their selectors and windows, and which of them fire for an occasion."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from simulator import checks, draws
from simulator.checks import BadField
from simulator.faults.catalogue import CATALOGUE, DEFAULTS, DOORS, OPERATIONS
from simulator.knobs import PROVIDERS

_WHEN: dict[str, checks.Check] = {
    "count": checks.integer(),
    "after": checks.integer(),
    "every": checks.integer(1),
    "probability": checks.number(0, 1),
    "from_s": checks.number(),
    "until_s": checks.number(),
}
_MATCH: dict[str, checks.Check] = {
    "label": checks.text,
    "offer_id": checks.ident,
    "instance_id": checks.ident,
    "gpu_type": checks.text,
    "body_contains": checks.text,
}
_SELECTORS: dict[str, checks.Check] = {
    "id": checks.ident,
    "provider": checks.one_of(*PROVIDERS),
    "method": checks.text,
    "path": checks.text,
    "operation": checks.one_of(*OPERATIONS, *DOORS),
    "match": checks.anything,
    "when": checks.anything,
    "action": checks.anything,
    "params": checks.anything,
    "continue": checks.flag,
}


@dataclass(frozen=True)
class Occasion:
    """Something a rule may act on: a request, or a connection to a machine."""

    provider: str
    operation: str
    method: str = ""
    path: str = ""
    label: str | None = None
    offer_id: str | None = None
    instance_id: str | None = None
    gpu_type: str | None = None
    body: str = ""


@dataclass
class Rule:
    """One posted fault rule with its counts."""

    id: str
    action: str
    params: dict[str, Any]
    posted_s: float
    selectors: dict[str, Any] = field(default_factory=dict)
    match: dict[str, str] = field(default_factory=dict)
    when: dict[str, Any] = field(default_factory=dict)
    goes_on: bool = False
    matched: int = 0
    fired: int = 0
    first_fired_s: float | None = None

    def shown(self) -> dict[str, Any]:
        """The rule as answered by the control endpoint."""
        return {
            "id": self.id,
            **self.selectors,
            "match": self.match,
            "when": self.when,
            "action": {"type": self.action, **self.params},
            "continue": self.goes_on,
            "matched": self.matched,
            "fired": self.fired,
        }

    def selects(self, occasion: Occasion) -> bool:
        """Whether every given selector holds."""
        return self._right_place(occasion) and self._right_thing(occasion)

    def _right_place(self, occasion: Occasion) -> bool:
        wanted = self.selectors
        if wanted.get("provider") not in (None, occasion.provider):
            return False
        if wanted.get("method", occasion.method).upper() != occasion.method:
            return False
        if "path" in wanted and not _path_matches(wanted["path"], occasion.path):
            return False
        if "operation" in wanted:
            return bool(wanted["operation"] == occasion.operation)
        usual = CATALOGUE[self.action].operations
        return occasion.operation not in DOORS if usual is None else occasion.operation in usual

    def _right_thing(self, occasion: Occasion) -> bool:
        if self.match.get("body_contains", "") not in occasion.body:
            return False
        if occasion.operation == "list":  # there the match selects rows, see `covers`
            return True
        return self.covers(
            occasion.label, occasion.offer_id, occasion.instance_id, occasion.gpu_type
        )

    def covers(
        self, label: str | None, offer_id: str | None, instance_id: str | None, gpu: str | None
    ) -> bool:
        """Whether a machine or offer is one the match names; labels may be globs."""
        given = {"offer_id": offer_id, "instance_id": instance_id, "gpu_type": gpu}
        if "label" in self.match and not fnmatchcase(label or "", self.match["label"]):
            return False
        return all(given[name] == self.match[name] for name in given if name in self.match)

    def fires(self, number: int, now_s: float, seed: int) -> bool:
        """Whether match `number` (from 1) is one to act on; depends on nothing else."""
        when, age_s = self.when, now_s - self.posted_s
        if not when.get("from_s", 0.0) <= age_s < when.get("until_s", float("inf")):
            return False
        late = number - int(when.get("after", 0))
        if late <= 0 or late % int(when.get("every", 1)):
            return False
        if "probability" in when and draws.share(seed, self.id, number) >= when["probability"]:
            return False
        return self.fired < float(when.get("count", "inf"))


class RuleBook:
    """All rules in order of posting."""

    def __init__(self, now_s: Callable[[], float], seed: Callable[[], int]) -> None:
        self._now_s = now_s
        self._seed = seed
        self.clear()

    def clear(self) -> None:
        """No rules, and ids from the beginning."""
        self.rules: list[Rule] = []
        self._numbers = itertools.count(1)

    def add(self, body: Any) -> Rule:
        """A new rule from its posted form. Raises BadField."""
        rule = parse(body, self._now_s(), lambda: f"rule-{next(self._numbers)}")
        if any(existing.id == rule.id for existing in self.rules):
            raise BadField("id", f"there is a rule {rule.id} already")
        self.rules.append(rule)
        return rule

    def remove(self, rule_id: str) -> bool:
        """Whether there was such a rule."""
        before = len(self.rules)
        self.rules = [rule for rule in self.rules if rule.id != rule_id]
        return len(self.rules) < before

    def consult(self, occasion: Occasion) -> list[Rule]:
        """The rules that act on this occasion: the first that fires, more if it goes on.

        Every rule counts its matches, so that no rule's draws depend on another.
        """
        acting: list[Rule] = []
        closed = False
        for rule in self.rules:
            if not rule.selects(occasion):
                continue
            rule.matched += 1
            if closed or not rule.fires(rule.matched, self._now_s(), self._seed()):
                continue
            self.count(rule)
            acting.append(rule)
            closed = not rule.goes_on
        return acting

    def count(self, rule: Rule) -> None:
        """Note that the rule acted."""
        rule.fired += 1
        if rule.first_fired_s is None:
            rule.first_fired_s = self._now_s()


def parse(body: Any, now_s: float, next_id: Callable[[], str]) -> Rule:
    """Read a rule. The action is a name with `params`, `{type, ...}`, or `{name: {...}}`.

    Raises BadField, naming every unknown field.
    """
    given = checks.mapping("body", body)
    name, params = _action(given)
    action = CATALOGUE[name]
    loose = {k: v for k, v in given.items() if k in action.params and k not in _SELECTORS}
    rest = {k: v for k, v in given.items() if k not in loose}
    selectors = checks.fields(rest, _SELECTORS)
    settings = DEFAULTS.get(name, {}) | checks.fields(params | loose, action.params, "action")
    when = checks.fields(selectors.pop("when", None) or {}, _WHEN, "when")
    match = checks.fields(selectors.pop("match", None) or {}, _MATCH, "match")
    _limits(name, settings, when)
    for done in ("action", "params"):
        selectors.pop(done, None)
    return Rule(
        id=selectors.pop("id", None) or next_id(),
        action=name,
        params=settings,
        posted_s=now_s,
        goes_on=selectors.pop("continue", False),
        selectors=selectors,
        match=match,
        when=when,
    )


def _limits(name: str, settings: dict[str, Any], when: dict[str, Any]) -> None:
    """Counts and durations given as parameters mean the same as in `when`."""
    if name in ("attach_fails", "ssh") and "count" in settings:
        when.setdefault("count", settings["count"])
    if name == "outage" and settings.get("for_s") is not None:
        when.setdefault("until_s", when.get("from_s", 0.0) + settings["for_s"])


def _action(given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    action = given.get("action")
    params = checks.mapping("params", given.get("params") or {})
    if isinstance(action, dict):
        name_key = next((key for key in ("type", "name", "action") if key in action), None)
        if name_key:
            params = {**params, **{k: v for k, v in action.items() if k != name_key}}
            action = action[name_key]
        elif len(action) == 1:
            action, inner = next(iter(action.items()))
            params = {**params, **_inner(inner)}
    if not isinstance(action, str) or action not in CATALOGUE:
        raise BadField("action", f"must be one of {', '.join(sorted(CATALOGUE))}")
    return action, params


def _inner(value: Any) -> dict[str, Any]:
    if value in (None, True):
        return {}
    return checks.mapping("action", value)


def _path_matches(pattern: str, path: str) -> bool:
    return fnmatchcase(path.rstrip("/"), pattern.rstrip("/"))
