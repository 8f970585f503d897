"""Packaging is deterministic: equal content has equal bytes, so an update changes what changed."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from local import cloudformation
from local.stack import zipped


def test_equal_folders_give_equal_zips_whenever_they_were_written(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "b.py").write_text("b")
        (tmp_path / name / "a.py").write_text("a")
    assert zipped(tmp_path / "one") == zipped(tmp_path / "two")


def test_a_zip_holds_every_file_below_the_folder_by_its_relative_name(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.py").write_text("b")
    with zipfile.ZipFile(io.BytesIO(zipped(tmp_path))) as archive:
        assert archive.namelist() == ["sub/b.py"]
        assert archive.read("sub/b.py") == b"b"


def test_short_tags_of_a_template_become_their_long_form(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(
        "a: !Ref X\nb: !GetAtt X.Arn\nc: !Sub '${X}-1'\nd: !If [Local, !Ref X, !Ref Y]\n"
        "e: !Sub ['${a}', { a: !Ref X }]\nf: !Equals [!Ref Stage, '2']\n"
    )
    assert cloudformation.read(template) == {
        "a": {"Ref": "X"},
        "b": {"Fn::GetAtt": ["X", "Arn"]},
        "c": {"Fn::Sub": "${X}-1"},
        "d": {"Fn::If": ["Local", {"Ref": "X"}, {"Ref": "Y"}]},
        "e": {"Fn::Sub": ["${a}", {"a": {"Ref": "X"}}]},
        "f": {"Fn::Equals": [{"Ref": "Stage"}, "2"]},
    }
