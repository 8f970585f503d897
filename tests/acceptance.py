"""`python -m tests.acceptance`: which acceptance criteria have a test, taken from the tests alone.

A test names its criteria at the start of its docstring, before a colon, a full stop or its end:
\"\"\"N-17, M-105: …\"\"\". Tests that others inherit count where they are written.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

_TESTS = Path(__file__).parent
_ID = r"(?:BUG|CRIT|E2E|QA|[A-Z]{1,2})-[A-Z]?\d+"
_NAMED = re.compile(rf"({_ID}(?:,\s*{_ID})*)(?:[:.]|\Z)")


def ids_of(docstring: str) -> list[str]:
    """The criteria that a docstring names; none when it does not begin with them."""
    named = _NAMED.match(docstring)
    return [] if named is None else re.findall(_ID, named[1])


def named() -> Iterator[tuple[str, str]]:
    """Every test, as file and name, with its docstring."""
    for file in sorted(_TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield f"{file.relative_to(_TESTS)}::{node.name}", ast.get_docstring(node) or ""


def _in_order(criterion: str) -> tuple[str, int]:
    group = criterion.rstrip("0123456789")
    return group, int(criterion.removeprefix(group))


def main() -> None:
    """Print each criterion with its tests, and how many there are."""
    covered: dict[str, list[str]] = defaultdict(list)
    for test, docstring in named():
        for criterion in ids_of(docstring):
            covered[criterion].append(test)
    for criterion in sorted(covered, key=_in_order):
        print(f"{criterion:<6} {', '.join(covered[criterion])}")
    print(f"{len(covered)} criteria have a test")


if __name__ == "__main__":
    main()
