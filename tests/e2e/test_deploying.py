"""What a deploy insists on."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from local import paths, stack
from local.build import build
from local.parameters import local_stage
from tests.e2e.deployed import Deployed


@pytest.mark.parametrize("deployment_id", ["AB12CD34", "ab12cd3", "ab12cd345", "ab12-d34", None])
def test_a_stack_without_a_proper_deployment_id_is_refused(
    live: Deployed, deployment_id: str | None
) -> None:
    """N-17."""
    parameters = local_stage(paths.SAMCONFIG)
    if deployment_id is not None:
        parameters["DeploymentId"] = deployment_id
    with pytest.raises(ClientError, match="DeploymentId"):
        stack.deploy(live.endpoints.emulator_url, build(), parameters, name="another")
