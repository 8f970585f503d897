"""The documents below `docs/` that are written from code: current, and complete."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from gpu_shopper.core.settings import Settings
from gpu_shopper.core.states import ROWS, State
from reference import __main__ as documents
from reference import settings, states
from tests.template.cfn import parameters


@pytest.mark.parametrize("name", documents.DOCUMENTS)
def test_the_document_is_what_would_be_written_now(name: str) -> None:
    """Stale means: somebody changed the code and not the document; `make docs` repairs it."""
    assert name not in documents.stale()


def test_a_changed_document_is_called_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(documents, "ROOT", tmp_path)
    for name in documents.DOCUMENTS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    documents.write()
    assert documents.main(["--check"]) == 0
    (tmp_path / "docs/states.md").write_text("something else", "utf-8")
    (tmp_path / "docs/settings.md").unlink()
    assert documents.main(["--check"]) == 1
    assert "docs/states.md is stale" in capsys.readouterr().out


def test_every_setting_has_a_meaning_in_the_table() -> None:
    assert list(settings.documented()) == [one.name for one in fields(Settings)]


def test_every_parameter_is_in_the_document() -> None:
    text = settings.text()
    assert [name for name in parameters() if f"| `{name}` |" not in text] == []


def test_every_state_and_event_is_in_the_document() -> None:
    text = states.text()
    assert all(f"`{state}`" in text for state in State)
    for row in ROWS:
        for source in row.sources:
            for target in row.targets:
                assert f"{source} --> {target}: {row.event}" in text
