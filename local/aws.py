"""boto3 clients of the emulator. The credentials are dummies: the emulator's root accepts them."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from local.emulator import REGION

# Step Functions' host prefix would point away from the emulator.
_CONFIG = Config(
    inject_host_prefix=False,
    # The emulator fails now and then when it is asked for a list that grows meanwhile.
    retries={"total_max_attempts": 5},
    read_timeout=70,
    max_pool_connections=20,
)


def client(service: str, emulator_url: str) -> Any:
    """A client of `service`; typed Any because the caller names the service at run time."""
    return boto3.client(
        service,  # type: ignore[call-overload]  # its overloads want a literal
        endpoint_url=emulator_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the emulator's well-known dummy
        config=_CONFIG,
    )
