"""What `sam local invoke` needs to run the built functions against the emulator that is up.

It passes only variables that the template declares, so a copy of the built template declares the
endpoint too; the file of variables holds what the deployed functions have.
"""

from __future__ import annotations

import json
from pathlib import Path

from local import aws, cloudformation
from local.endpoints import write_private

TEMPLATE = "template-for-sam-local.json"
_ENDPOINT = "AWS_ENDPOINT_URL"


def write(built_template: Path, variables: Path, emulator_url: str, ids: dict[str, str]) -> None:
    """Write the template beside the built one, and `variables` for `--env-vars`."""
    template = cloudformation.read(built_template)
    template["Globals"]["Function"]["Environment"]["Variables"][_ENDPOINT] = ""
    built_template.with_name(TEMPLATE).write_text(json.dumps(template))
    write_private(variables, json.dumps(_variables(emulator_url, ids), indent=2) + "\n")


def _variables(emulator_url: str, ids: dict[str, str]) -> dict[str, dict[str, str]]:
    client = aws.client("lambda", emulator_url)
    functions = {name: each for name, each in ids.items() if name.endswith("Function")}
    return {
        name: client.get_function_configuration(FunctionName=each)["Environment"]["Variables"]
        | {_ENDPOINT: emulator_url}
        for name, each in functions.items()
    }
