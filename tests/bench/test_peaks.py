"""What processes of functions have taken, read from `/proc`."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.peaks import peaks_mb

OURS, OTHERS = "http://127.0.0.1:4001", "http://127.0.0.1:4002"


def _process(folder: Path, number: int, environ: dict[str, str], most_kb: int) -> None:
    process = folder / str(number)
    process.mkdir()
    (process / "environ").write_text("\0".join(f"{k}={v}" for k, v in environ.items()) + "\0")
    (process / "status").write_text(f"Name:\tpython\nVmHWM:\t  {most_kb} kB\nVmRSS:\t  9 kB\n")


def _run(function: str, emulator_url: str = OURS) -> dict[str, str]:
    return {"AWS_LAMBDA_FUNCTION_NAME": function, "AWS_ENDPOINT_URL": emulator_url}


def test_a_function_took_as_much_as_its_largest_process(tmp_path: Path) -> None:
    _process(tmp_path, 1, _run("verify"), 80 * 1_024)
    _process(tmp_path, 2, _run("verify"), 90 * 1_024)
    assert peaks_mb(OURS, tmp_path) == {"verify": pytest.approx(90)}


def test_processes_of_other_worlds_and_of_no_function_are_left_out(tmp_path: Path) -> None:
    _process(tmp_path, 1, _run("verify", OTHERS), 90 * 1_024)
    _process(tmp_path, 2, {"AWS_ENDPOINT_URL": OURS}, 90 * 1_024)
    (tmp_path / "3").mkdir()  # it ended while it was looked at
    (tmp_path / "self").mkdir()
    assert peaks_mb(OURS, tmp_path) == {}
