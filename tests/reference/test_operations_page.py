"""`docs/operations.md` is written by hand: what it names must exist."""

from __future__ import annotations

import re

from tests.template.cfn import ROOT, parameters

PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
CODE = "\n".join(
    path.read_text("utf-8") for path in sorted((ROOT / "layers/shared/gpu_shopper").rglob("*.py"))
)
FINDINGS = PAGE.split("\n## Findings")[1].split("\n## Destroy")[0]


def test_every_metric_that_a_finding_is_headed_with_is_emitted() -> None:
    headings = " ".join(re.findall(r"^### (.*)$", FINDINGS, re.MULTILINE))
    names = re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", headings)
    assert len(names) >= 10
    assert [name for name in names if f'"{name}"' not in CODE] == []


def test_every_parameter_that_it_tells_of_is_in_the_template() -> None:
    told = re.findall(r"`([A-Z][a-z]+[A-Za-z]+)`", PAGE.split("## Settings to know")[1])
    assert len(told) >= 5
    assert [name for name in told if name not in parameters()] == []


def test_every_link_into_the_page_itself_has_its_heading() -> None:
    anchors = {line.lower().replace(" ", "-") for line in re.findall(r"^#+ (.*)$", PAGE, re.M)}
    assert [link for link in re.findall(r"\(#([\w-]+)\)", PAGE) if link not in anchors] == []
