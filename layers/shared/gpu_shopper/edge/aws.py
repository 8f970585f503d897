"""The AWS services behind the ports: state machines, schedules, KMS, Secrets Manager."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from gpu_shopper.errors.provider import ProviderAuth
from gpu_shopper.usecases.deps import Machine, OrphanOutcome, OrphanTold, OrphanWish

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_stepfunctions import SFNClient

EXISTS = "ExecutionAlreadyExists"


class StepFunctions:
    """Starts executions named after session, purpose, attempt and restart."""

    def __init__(self, client: SFNClient, arns: Mapping[Machine, str], logger: Logger) -> None:
        self._client = client
        self._arns = arns
        self._logger = logger

    def start(self, machine: Machine, session_id: str, attempt: int, restarts: int) -> None:
        """Start once; the same name again is success.

        A start that fails is logged and not raised: the session is written, and the sweep
        starts what is missing.
        """
        name = f"{session_id}-{machine.value}-{attempt}" + (f"-r{restarts}" if restarts else "")
        try:
            self._client.start_execution(
                stateMachineArn=self._arns[machine],
                name=name,
                input=json.dumps({"session_id": session_id, "attempt": attempt}),
            )
        except (ClientError, BotoCoreError) as exc:
            if EXISTS not in str(getattr(exc, "response", {})):
                self._logger.exception("could not start an execution", execution=name)


class LambdaChecks:
    """Invokes the function that logs in to machines, without waiting for its answer."""

    def __init__(self, client: LambdaClient, function: str, logger: Logger) -> None:
        self._client = client
        self._function = function
        self._logger = logger

    def begin(self, session_id: str, attempt: int) -> None:
        """Invoke it once; a failure is logged and not raised: the next check comes in time."""
        event = {"step": "check", "session_id": session_id, "attempt": attempt}
        try:
            self._client.invoke(
                FunctionName=self._function,
                InvocationType="Event",
                Payload=json.dumps(event).encode(),
            )
        except (ClientError, BotoCoreError):
            self._logger.exception("could not begin a check", session_id=session_id)


class LambdaOrphanDesk:
    """Invokes the function that has the providers' keys, and waits for its answer."""

    def __init__(self, client: LambdaClient, function: str, logger: Logger) -> None:
        self._client = client
        self._function = function
        self._logger = logger

    def __call__(self, wish: OrphanWish) -> OrphanTold:
        """What became of `wish`; no answer in time is one too."""
        try:
            answer = self._client.invoke(
                FunctionName=self._function, Payload=json.dumps(asdict(wish)).encode()
            )
        except (ClientError, BotoCoreError):
            self._logger.exception("no answer about an orphan", instance_id=wish.instance_id)
            return OrphanTold(OrphanOutcome.UNAVAILABLE, "no answer yet; ask again")
        told = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            self._logger.error("an orphan could not be handled", instance_id=wish.instance_id)
            return OrphanTold(OrphanOutcome.UNAVAILABLE, "it could not be handled; ask again")
        return OrphanTold(**told | {"outcome": OrphanOutcome(told["outcome"])})


class Schedules:
    """One-time schedules, each named after its session and instant, so that none is ever moved."""

    def __init__(
        self, client: EventBridgeSchedulerClient, group: str, target: Target, logger: Logger
    ) -> None:
        self._client = client
        self._group = group
        self._target = target
        self._logger = logger

    def set(self, session_id: str, at: datetime) -> None:
        """Create it; one that is there already is this one. Raises botocore's errors."""
        with suppress(self._client.exceptions.ConflictException):
            self._client.create_schedule(
                Name=_schedule_name(session_id, at),
                GroupName=self._group,
                ScheduleExpression=f"at({at:%Y-%m-%dT%H:%M:%S})",
                ScheduleExpressionTimezone="UTC",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Target={
                    "Arn": self._target.function_arn,
                    "RoleArn": self._target.role_arn,
                    "Input": json.dumps({"session_id": session_id}),
                },
            )

    def clear(self, session_id: str, at: datetime) -> None:
        """Delete it; a failure is logged and not raised: it would find an ended session."""
        try:
            self._client.delete_schedule(Name=_schedule_name(session_id, at), GroupName=self._group)
        except self._client.exceptions.ResourceNotFoundException:
            return
        except (ClientError, BotoCoreError):
            self._logger.exception("could not delete a schedule", session_id=session_id)


@dataclass(frozen=True, slots=True)
class Target:
    """What a schedule invokes, and the role in which it does."""

    function_arn: str
    role_arn: str


def _schedule_name(session_id: str, at: datetime) -> str:
    return f"{session_id}-{at:%Y%m%dT%H%M%S}"


class KmsCipher:
    """Encrypts secrets of sessions or webhooks; KMS refuses to decrypt one under another's id."""

    def __init__(self, client: KMSClient, key_arn: str, context: str = "session_id") -> None:
        self._client = client
        self._key_arn = key_arn
        self._context = context

    def seal(self, owner_id: str, plaintext: str) -> str:
        """The ciphertext, base64."""
        answer = self._client.encrypt(
            KeyId=self._key_arn,
            Plaintext=plaintext.encode(),
            EncryptionContext={self._context: owner_id},
        )
        return base64.b64encode(answer["CiphertextBlob"]).decode()

    def open(self, owner_id: str, sealed: str) -> str:
        """The plaintext. Raises botocore's ClientError for another's ciphertext."""
        answer = self._client.decrypt(
            KeyId=self._key_arn,
            CiphertextBlob=base64.b64decode(sealed),
            EncryptionContext={self._context: owner_id},
        )
        return answer["Plaintext"].decode()


class Secrets:
    """Secrets as JSON objects, read once per function instance and again when asked to."""

    def __init__(self, client: SecretsManagerClient) -> None:
        self._client = client
        self._known: dict[str, dict[str, Any]] = {}

    def field(self, secret_id: str, name: str, *, fresh: bool = False) -> str:
        """One field of a secret. Raises ProviderAuth when the secret is not complete."""
        if fresh:
            self._known.pop(secret_id, None)
        value = self.field_or_none(secret_id, name)
        if value is None:
            self._known.pop(secret_id, None)
            raise ProviderAuth(f"secret {secret_id} has no {name}")
        return value

    def field_or_none(self, secret_id: str, name: str) -> str | None:
        """One field, None when the secret has none of this name. Raises ProviderAuth."""
        if secret_id not in self._known:
            self._known[secret_id] = self._read(secret_id)
        value = self._known[secret_id].get(name)
        return value if isinstance(value, str) and value else None

    def _read(self, secret_id: str) -> dict[str, Any]:
        try:
            answer = self._client.get_secret_value(SecretId=secret_id)
        except ClientError as exc:
            raise ProviderAuth(f"secret {secret_id} cannot be read") from exc
        text = answer.get("SecretString", "")
        try:
            parsed = json.loads(text)
        except ValueError as exc:
            raise ProviderAuth(f"secret {secret_id} is not JSON") from exc
        return parsed if isinstance(parsed, dict) else {}
