"""Templates: a provider's recipes of image, ports and start-up, which a launch can name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from gpu_shopper.core import compatibility
from gpu_shopper.core.compatibility import Condition
from gpu_shopper.core.inventory import Filters
from gpu_shopper.core.normalise import MB_PER_GB, number
from gpu_shopper.core.offers import Offer

HASH_ID = r"[A-Za-z0-9]{1,64}"
"""Pattern of a template's name at its provider; a new one after each edit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One recipe, as its provider wrote it; only `hash_id` means anything to a launch.

    `extra_filters` is the JSON text of the conditions that it sets for machines.
    """

    id: int
    hash_id: str
    name: str
    image: str
    use_ssh: bool
    ssh_direct: bool
    recommended: bool
    tag: str | None = None
    env: str | None = None
    onstart: str | None = None
    runtype: str | None = None
    args_str: str | None = None
    recommended_disk_gb: float | None = None
    extra_filters: str | None = None
    creator_id: int | None = None
    created_at: datetime | None = None
    count_created: int | None = None

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What a machine must have; unreadable conditions are left out."""
        return compatibility.conditions_of(self.extra_filters).readable

    @property
    def disk_floor_gb(self) -> int | None:
        """The least disk it should have, in whole GB."""
        return math.ceil(self.recommended_disk_gb) if self.recommended_disk_gb else None

    def fits(self, offer: Offer) -> bool:
        """True when `offer` has everything that this template asks for."""
        return compatibility.fits(offer, self.conditions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """One complete fetch of a provider's templates, most used first."""

    provider: str
    generation: str
    fetched_at: datetime
    all: tuple[Template, ...]

    def get(self, hash_id: str) -> Template | None:
        """The template called `hash_id`, if there is one."""
        return next((one for one in self.all if one.hash_id == hash_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which templates a caller wants to see; None does not filter."""

    recommended: bool | None = None
    use_ssh: bool | None = None
    name: str | None = None
    image: str | None = None


def ordered(templates: Iterable[Template]) -> tuple[Template, ...]:
    """Most used first, then by name; of a hash that comes twice the first is kept."""
    once = {one.hash_id: one for one in reversed(list(templates))}
    return tuple(sorted(once.values(), key=_rank))


def _rank(one: Template) -> tuple[int, str, str]:
    return -(one.count_created or 0), one.name, one.hash_id


def chosen(templates: Iterable[Template], wanted: Wanted) -> list[Template]:
    """The templates that pass every filter; texts are parts of names, in any case."""
    return [
        one
        for one in templates
        if wanted.recommended in (None, one.recommended)
        and wanted.use_ssh in (None, one.use_ssh)
        and (wanted.name or "").casefold() in one.name.casefold()
        and (wanted.image or "").casefold() in one.image.casefold()
    ]


def narrowed(filters: Filters, template: Template) -> Filters:
    """`filters`, and beside them what `template` asks for.

    Its least CUDA version and its least memory of all GPUs together become those of the filters;
    after that every condition must hold.
    """
    conditions = template.conditions
    return replace(
        filters,
        min_cuda=max([filters.min_cuda, *_bounds(conditions, "cuda_max_good", _CUDA)]),
        min_total_vram_gb=max([0, *map(int, _bounds(conditions, "gpu_total_ram", _VRAM))]),
        conditions=conditions,
    )


type _Mapping = Mapping[str, Callable[[float], float]]

_CUDA: _Mapping = {"gte": float, "gt": lambda version: round(version + 0.1, 6)}
_VRAM: _Mapping = {
    "gte": lambda megabytes: math.ceil(megabytes / MB_PER_GB),
    "gt": lambda megabytes: math.ceil(megabytes / MB_PER_GB) + 1,
}


def _bounds(conditions: Iterable[Condition], name: str, mapping: _Mapping) -> list[float]:
    """The least values that `conditions` name for one property; only finite numbers are any."""
    named = [one for one in conditions if one.name == name and one.operator in mapping]
    known = [(one.operator, number(one.wanted)) for one in named]
    return [mapping[word](value) for word, value in known if value is not None]
