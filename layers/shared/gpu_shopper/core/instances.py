"""What a provider shows of a machine, and what we ask it for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gpu_shopper.core.offers import Offer


class Health(StrEnum):
    """The four things a provider's status word can mean to us; absence is never one of them."""

    UP = "up"
    WAIT = "wait"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class HostPort:
    """A TCP address as the provider maps it."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class SshAddress:
    """Where, and as whom, to log in."""

    host: str
    port: int
    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A machine as its provider shows it now.

    `status` is the provider's own word, cleaned; `health` what it means. `price_microusd_per_hour`
    is what the provider says this instance costs while running, None when it does not say.
    """

    id: str
    provider: str
    label: str | None
    health: Health
    status: str
    message: str | None = None
    price_microusd_per_hour: int | None = None
    ssh: SshAddress | None = None
    port_map: Mapping[int, HostPort] = field(default_factory=dict)
    gpu_type: str | None = None
    machine_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKey:
    """An SSH host key made for one machine: `type base64`, and its private part as OpenSSH PEM."""

    public: str
    private_pem: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """One launch: everything the provider is asked for. Keys and commands never reach a log.

    `agent_cmd` installs the agent, and holds its token.
    `entrypoint`: the image's own entrypoint is run, and no SSH server.
    """

    offer: Offer
    label: str
    disk_gb: int
    ssh_public_keys: tuple[str, ...]
    image: str | None = None
    template_hash_id: str | None = None
    on_start_cmd: str | None = field(default=None, repr=False)
    agent_cmd: str | None = field(default=None, repr=False)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    exposed_ports: tuple[int, ...] = ()
    host_key: HostKey | None = None
    entrypoint: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """The provider accepted: an instance with this id exists and may cost money.

    `key_error` says, in a few words, that an SSH key could not be attached. `age_ms` is how long
    ago it was accepted: putting keys on a machine takes time in which it already costs.
    """

    instance_id: str
    price_microusd_per_hour: int | None = None
    key_error: str | None = None
    age_ms: int = 0
