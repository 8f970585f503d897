"""A build is made again exactly when something it reads has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.build import fingerprint


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("functions/one/app.py", "layers/shared/code.py", "statemachines/a.asl.json"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("1")
    (tmp_path / "template.yaml").write_text("1")
    return tmp_path


@pytest.mark.parametrize(
    "changed",
    ["template.yaml", "functions/one/app.py", "layers/shared/code.py", "statemachines/a.asl.json"],
)
def test_a_changed_source_changes_the_fingerprint(project: Path, changed: str) -> None:
    before = fingerprint(project)
    (project / changed).write_text("2")
    assert fingerprint(project) != before


def test_a_new_and_a_moved_source_change_the_fingerprint(project: Path) -> None:
    before = fingerprint(project)
    (project / "functions" / "new.py").write_text("")
    added = fingerprint(project)
    (project / "functions" / "new.py").rename(project / "functions" / "moved.py")
    assert len({before, added, fingerprint(project)}) == 3


def test_what_the_build_does_not_read_does_not_matter(project: Path) -> None:
    before = fingerprint(project)
    (project / "README.md").write_text("changed")
    (project / "functions" / "__pycache__").mkdir()
    (project / "functions" / "__pycache__" / "app.pyc").write_text("made by running it")
    assert fingerprint(project) == before
