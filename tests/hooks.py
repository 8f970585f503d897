"""Webhooks on a world: no network, a queue in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gpu_shopper.core.session import Session
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.webhooks import Letter, Posted, Target
from gpu_shopper.edge.answers.sessions import SessionBody
from gpu_shopper.usecases.costs import booked_costs
from gpu_shopper.usecases.hooks import Hooks
from gpu_shopper.web.webhooks import BadTarget
from tests.fakes import FakeCipher
from tests.world import World


@dataclass
class FakeLetters:
    """Keeps what was sent, with how long it is held back."""

    sent: list[tuple[Letter, int]] = field(default_factory=list)
    given_up: list[Letter] = field(default_factory=list)

    def send(self, letter: Letter, wait_s: int) -> None:
        assert 0 <= wait_s <= 900, "SQS holds nothing back for longer"
        self.sent.append((letter, wait_s))

    def give_up(self, letter: Letter) -> None:
        self.given_up.append(letter)


@dataclass
class FakeReceiver:
    """Answers with the statuses given, the last one for ever; None is no answer."""

    statuses: list[int | None] = field(default_factory=lambda: [200])
    got: list[tuple[Target, Mapping[str, str], bytes]] = field(default_factory=list)
    private: tuple[str, ...] = ("internal.example",)

    def __call__(
        self, target: Target, headers: Mapping[str, str], body: bytes, settings: Settings
    ) -> Posted:
        self.got.append((target, headers, body))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return Posted(7, status, None if status else "TimeoutError")

    def check(self, target: Target) -> None:
        if target.host in self.private:
            raise BadTarget("must lead to public addresses only")


@dataclass
class Mail:
    """Everything that a test of webhooks touches besides its world."""

    hooks: Hooks
    letters: FakeLetters
    receiver: FakeReceiver


def mail_of(world: World) -> Mail:
    """Webhooks of this world."""
    letters, receiver = FakeLetters(), FakeReceiver()
    table: Any = world.webhooks

    def show(session: Session) -> dict[str, Any]:
        cost = booked_costs(world.deps, [session])[session.id]
        return SessionBody.of(session, cost).model_dump()

    hooks = Hooks(
        deps=world.deps,
        table=table,
        cipher=FakeCipher("webhook"),
        check=receiver.check,
        post=receiver,
        letters=letters,
        show=show,
    )
    return Mail(hooks, letters, receiver)
