"""Where things are: everything a run leaves behind is below `.local/`, which git ignores."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STATE = ROOT / ".local"
VENVS = STATE / "venvs"
BUILD = STATE / "build"
RUN = STATE / "run"
ENDPOINTS = STATE / "endpoints.json"
SAM_LOCAL_VARIABLES = STATE / "sam-local-env.json"
DEPLOYMENT_ID = STATE / "deployment_id"

TEMPLATE = ROOT / "template.yaml"
SAMCONFIG = ROOT / "samconfig.toml"

# A virtual environment made by `python -m venv`: it has pip and the name python3.12, both of which
# `sam build` looks for on PATH.
PYTHON_WITH_PIP = STATE / "uv" / "bin"
EMULATOR_PYTHON = VENVS / "emulator" / "bin" / "python"
SAM = VENVS / "sam" / "bin" / "sam"
