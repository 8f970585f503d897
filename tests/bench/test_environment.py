"""The environment of the benchmarks: ours as it is shipped, the peer as it is named."""

from __future__ import annotations

import re

from tests.template.cfn import ROOT

PINNED = re.compile(r"^([a-z0-9-]+)==(\S+) \\$", re.MULTILINE)


def pins(file: str) -> dict[str, str]:
    return dict(PINNED.findall((ROOT / file).read_text("utf-8")))


def test_the_benchmarks_run_with_the_versions_that_are_shipped() -> None:
    bench, layer = pins("requirements/bench.txt"), pins("layers/shared/requirements.txt")
    assert layer.items() <= bench.items()


def test_the_peer_is_in_no_other_environment() -> None:
    assert pins("requirements/bench.txt")["gpuhunt"] == "0.1.34"
    assert "gpuhunt" not in pins("requirements/dev.txt")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert "$(foreach each,dev emulator sam," in makefile
