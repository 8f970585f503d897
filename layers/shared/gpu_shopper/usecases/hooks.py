"""What the use cases of webhooks need from outside besides `Deps`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from gpu_shopper.core.session import Session
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.webhooks import Letter, Posted, Target
from gpu_shopper.usecases.deps import Cipher, Deps

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class Letters(Protocol):
    """The queue of messages to webhooks."""

    def send(self, letter: Letter, wait_s: int) -> None:
        """Have it delivered after `wait_s` seconds, at most 900."""
        ...

    def give_up(self, letter: Letter) -> None:
        """Leave it with the dead letters."""
        ...


class Post(Protocol):
    """One request to a receiver."""

    def __call__(
        self, target: Target, headers: Mapping[str, str], body: bytes, settings: Settings, /
    ) -> Posted: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Webhooks' own table, key, sender and queue; `show` gives a session as callers see it."""

    deps: Deps
    table: Table
    cipher: Cipher
    check: Callable[[Target], None]
    post: Post
    letters: Letters
    show: Callable[[Session], dict[str, Any]]
    # Only a local run may send to other than public addresses, and without TLS.
    public_only: bool = True
