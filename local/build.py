"""Builds template.yaml with `sam build`, and skips that when nothing it reads has changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from local import paths

_READ_BY_BUILD = ("template.yaml", "functions", "layers", "statemachines")
_OUTPUT = paths.BUILD / "sam"
_FINGERPRINT = paths.BUILD / "fingerprint"
_TOOLS_FOLDERS = {"__pycache__"}


class BuildFailed(Exception):
    """`sam build` refused; the message is what it said."""


def build() -> Path:
    """The built template; made only if its sources differ from last time's. Raises BuildFailed."""
    built = _OUTPUT / "template.yaml"
    wanted = fingerprint(paths.ROOT)
    if built.exists() and _FINGERPRINT.exists() and _FINGERPRINT.read_text() == wanted:
        return built
    _FINGERPRINT.unlink(missing_ok=True)
    _sam_build()
    _slim_layer()
    _FINGERPRINT.write_text(wanted)
    return built


def fingerprint(root: Path) -> str:
    """A hash over the names and contents of everything the build reads below `root`."""
    digest = hashlib.sha256()
    for file in _sources(root):
        digest.update(f"{file.relative_to(root)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _sources(root: Path) -> Iterator[Path]:
    for name in _READ_BY_BUILD:
        top = root / name
        for file in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if file.is_file() and not _TOOLS_FOLDERS & set(file.parts):
                yield file


def _sam_build() -> None:
    paths.BUILD.mkdir(parents=True, exist_ok=True)
    command = [paths.SAM, "build", "--cached", "--parallel", "--template", paths.TEMPLATE]
    command += ["--build-dir", _OUTPUT, "--cache-dir", paths.BUILD / "cache"]
    done = subprocess.run(
        [str(word) for word in command],
        cwd=paths.ROOT,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        shutil.rmtree(_OUTPUT, ignore_errors=True)
        raise BuildFailed((done.stdout + done.stderr).strip())


def _environment() -> dict[str, str]:
    """`sam build` looks for a python3.12 that has pip, first on PATH."""
    path = os.pathsep.join([str(paths.PYTHON_WITH_PIP), os.environ.get("PATH", "")])
    return os.environ | {"PATH": path, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}


def _slim_layer() -> None:
    """Leave only the byte code of other people's packages: a third of the files to unpack.

    The code is marked as not to be checked against its source. Our own package keeps its text, so
    stack traces in the logs still quote it.
    """
    for layer in _OUTPUT.glob("*/python"):
        others = [each for each in layer.iterdir() if each.name != "gpu_shopper"]
        _compile("-b", *(each for each in others if each.is_dir() or each.suffix == ".py"))
        for package in others:
            _remove_unread(package)
        _compile(layer / "gpu_shopper")


def _compile(*words: str | Path) -> None:
    command = [sys.executable, "-m", "compileall", "-q", "-j", "0"]
    command += ["--invalidation-mode", "unchecked-hash", *(str(word) for word in words)]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL)


def _remove_unread(package: Path) -> None:
    for file in [package, *package.rglob("*")]:
        if file.is_file() and _is_unread(file):
            file.unlink()


def _is_unread(file: Path) -> bool:
    if ".dist-info" in str(file):
        return file.name != "METADATA"  # some packages ask for their own version
    is_compiled = file.suffix == ".py" and file.with_suffix(".pyc").exists()
    return is_compiled or file.suffix in (".pyi", ".typed")
