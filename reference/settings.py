"""`docs/settings.md`: every number of the product, its parameter, default, unit and meaning."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from gpu_shopper.core.settings import Settings
from reference.stack import template

HEAD = """\
# Settings

Written by `make docs` from `core/settings.py` of the layer and from `template.yaml`.

Each is a parameter of the template: `sam deploy --parameter-overrides AbsenceMinAgeS=90`. Functions
get all of them, in this order, in one variable `SETTINGS`; one of the setting's own name in
capitals (`ABSENCE_MIN_AGE_S`) goes before it. A missing or unreadable one stops the function with
its name. The defaults are meant for real providers; the stage `local` of `samconfig.toml` shortens
the waits that only slow machines need.
"""
OTHERS = """\
## The deployment

What belongs to the stack and not to the rules.
"""

_SECTION = re.compile(r"    # (?P<title>[A-Z].*)\.")
_SETTING = re.compile(r"    (?P<name>\w+): int = (?P<default>[\d_]+)  # (?P<meaning>.+)")
_UNITS = {"_ms": "ms", "_s": "s", "_min": "min", "_hours": "h", "_days": "d", "_percent": "%"}
# Their names end like a unit and are counts.
_COUNTS = ("orphans_per_pass_min", "_per_s")


def text() -> str:
    """The whole document."""
    return "\n".join([HEAD.rstrip(), *_settings(), "", OTHERS, *_others(), ""])


def parameter(name: str) -> str:
    """The template parameter of a setting."""
    return "".join(word.capitalize() for word in name.split("_"))


def documented() -> dict[str, str]:
    """Setting → its meaning, as the comments of the table say it."""
    found = map(_SETTING.fullmatch, inspect.getsource(Settings).splitlines())
    return {one["name"]: one["meaning"] for one in found if one}


def _settings() -> Iterator[str]:
    for line in inspect.getsource(Settings).splitlines():
        if section := _SECTION.fullmatch(line):
            yield from ("", f"## {section['title']}", "")
            yield "| setting | parameter | default | unit | range | meaning |"
            yield "|---|---|---|---|---|---|"
        elif setting := _SETTING.fullmatch(line):
            yield _row(setting["name"], setting["meaning"])


def _row(name: str, meaning: str) -> str:
    own = _parameters()[parameter(name)]
    cells = (f"`{name}`", f"`{parameter(name)}`", f"{own['Default']:,}", _unit(name), _range(own))
    return f"| {' | '.join(cells)} | {meaning} |"


def _unit(name: str) -> str:
    if name.endswith(_COUNTS):
        return ""
    return next((unit for end, unit in _UNITS.items() if name.endswith(end)), "")


def _range(own: dict[str, Any]) -> str:
    least, most = own.get("MinValue"), own.get("MaxValue")
    if most is not None:
        return f"{least} … {most:,}"
    return f"≥ {least}" if least is not None else ""


def _others() -> Iterator[str]:
    yield "| parameter | default | allowed | meaning |"
    yield "|---|---|---|---|"
    known = {parameter(name) for name in documented()}
    for name, own in _parameters().items():
        if name not in known:
            default = f"`{own['Default']}`" if own.get("Default", "") != "" else ""
            yield f"| `{name}` | {default} | {_allowed(own)} | {own['Description']} |"


def _allowed(own: dict[str, Any]) -> str:
    if "AllowedValues" in own:
        return ", ".join(f"`{value}`" for value in own["AllowedValues"])
    pattern = own.get("AllowedPattern", "").replace("|", "\\|")
    return f"`{pattern}`" if pattern else _range(own)


def _parameters() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = template()["Parameters"]
    return found
