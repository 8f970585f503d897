"""The webhooks' part of the wiring: only two functions pay for it."""

from __future__ import annotations

import os
from functools import cache, partial
from typing import Any

import boto3

from gpu_shopper.core.session import Session
from gpu_shopper.core.webhooks import Letter
from gpu_shopper.edge.answers.sessions import SessionBody
from gpu_shopper.edge.aws import KmsCipher
from gpu_shopper.edge.settings import required
from gpu_shopper.edge.webhooks import written
from gpu_shopper.edge.wiring import AWS_CALLS, LOCAL_STAGE, deps, table
from gpu_shopper.errors import MissingSetting
from gpu_shopper.usecases.costs import booked_costs
from gpu_shopper.usecases.hooks import Hooks
from gpu_shopper.web import webhooks

ANY = "any"


@cache
def hooks() -> Hooks:
    """Everything that webhooks need, wired once per function instance."""
    public_only = not _any_target(required(os.environ, "WEBHOOK_TARGETS"))
    return Hooks(
        deps=deps(),
        table=table("WEBHOOKS_TABLE"),
        cipher=KmsCipher(
            boto3.client("kms", config=AWS_CALLS),
            required(os.environ, "WEBHOOK_KEY_ARN"),
            "webhook_id",
        ),
        check=partial(webhooks.check, public_only=public_only),
        post=partial(webhooks.post, public_only=public_only),
        letters=SqsLetters(
            boto3.client("sqs", config=AWS_CALLS),
            os.environ.get("WEBHOOK_QUEUE", ""),
            os.environ.get("WEBHOOK_DEAD_LETTERS", ""),
        ),
        show=_shown,
        public_only=public_only,
    )


def _any_target(words: str) -> bool:
    """Whether any address will do. Raises MissingSetting outside the local stage."""
    if words != ANY:
        return False
    if required(os.environ, "STAGE") != LOCAL_STAGE:
        raise MissingSetting("setting WEBHOOK_TARGETS may be any in the local stage only")
    return True


def _shown(session: Session) -> dict[str, Any]:
    cost = booked_costs(deps(), [session])[session.id]
    return SessionBody.of(session, cost).model_dump()


class SqsLetters:
    """Letters in two queues; the name of one that a function never uses may be empty."""

    def __init__(self, client: Any, queue_url: str, dead_letters_url: str) -> None:
        self._client = client
        self._queue_url = queue_url
        self._dead_letters_url = dead_letters_url

    def send(self, letter: Letter, wait_s: int) -> None:
        """See `Letters`."""
        self._client.send_message(
            QueueUrl=self._queue_url, MessageBody=written(letter), DelaySeconds=wait_s
        )

    def give_up(self, letter: Letter) -> None:
        """See `Letters`."""
        self._client.send_message(QueueUrl=self._dead_letters_url, MessageBody=written(letter))
