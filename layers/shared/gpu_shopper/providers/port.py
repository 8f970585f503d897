"""The five methods that make a provider, what each of them promises, and what some can besides."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol, runtime_checkable

from gpu_shopper.core.charges import Charge
from gpu_shopper.core.instances import Instance, Launched, LaunchRequest
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.templates import Template


class Provider(Protocol):
    """A company whose API rents GPUs. Methods raise `ProviderError` and its children only.

    Each request waits for its turn first; a method whose request has none soon raises TooSoon.
    """

    name: str

    def list_offers(self) -> list[Offer]:
        """Everything rentable now, unfiltered; raises rather than return a part."""
        ...

    def launch(self, request: LaunchRequest) -> Launched:
        """Rent once and label the machine; never repeated inside.

        Raises: OfferGone, NoCapacity, LaunchRejected, ProviderAuth, RateLimited, TooSoon (surely
        nothing rented), ProviderUnavailable (not even a connection was made), RentedDespiteError
        (an instance exists), LaunchUncertain (look first).
        """
        ...

    def find(self, instance_id: str) -> Instance | None:
        """The instance, or None only when the provider says that it does not exist."""
        ...

    def list_instances(self) -> list[Instance]:
        """All instances of the account, every page; raises rather than return a part."""
        ...

    def terminate(self, instance_id: str) -> None:
        """Ask the provider to end the instance; silent when it is gone already. No proof."""
        ...


@runtime_checkable
class AttachesKeys(Protocol):
    """Optional: SSH keys can be put on a machine after its launch.

    A machine adopted by its label may have lost its keys together with the launch's answer.
    """

    def attach_ssh_keys(self, instance_id: str, keys: Iterable[str]) -> str | None:
        """Let the holders of `keys` log in: None, or why not; never raises, safe to repeat."""
        ...


@runtime_checkable
class TellsBalance(Protocol):
    """Optional: the provider tells what is left to spend. Raises `ProviderError`."""

    def balance(self) -> int | None:
        """Micro-dollars that can still be spent; None when our keys may not see it."""
        ...


@runtime_checkable
class TellsCharges(Protocol):
    """Optional: the provider tells what it has billed. Raises `ProviderError`."""

    def charges(self, start: datetime, end: datetime) -> list[Charge]:
        """Everything billed for instances from `start` to `end`: every page, or an error.

        Providers bill by the day (UTC): entries may reach over both ends.
        """
        ...


@runtime_checkable
class ShowsLogs(Protocol):
    """Optional: the provider shows what a machine wrote. Raises `ProviderError`."""

    def logs(self, instance_id: str) -> str:
        """The last lines, without keys and at most 16,000 characters; "" when it wrote none.

        May take 15 s. What the session's own secrets are the caller knows, and takes out.
        """
        ...


@runtime_checkable
class ListsTemplates(Protocol):
    """Optional: the provider keeps templates that a launch can name.

    `core.provider_facts` says the same in `has_templates`, for those who call no provider.
    """

    def list_templates(self) -> list[Template]:
        """Its recommended templates, every one; raises rather than return a part."""
        ...
