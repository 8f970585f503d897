"""Every Python file is short enough to be read at once."""

from __future__ import annotations

from tests.template.cfn import ROOT

TOO_LONG = 300
"""Lines that a file must stay below; no file is excepted."""


def test_every_file_stays_below_300_lines() -> None:
    files = sorted(ROOT.glob("[a-z]*/**/*.py"))
    lines = {
        str(file.relative_to(ROOT)): len(file.read_text("utf-8").splitlines()) for file in files
    }
    assert len({name.split("/")[0] for name in lines}) >= 8
    assert {name: count for name, count in lines.items() if count >= TOO_LONG} == {}
