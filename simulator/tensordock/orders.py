"""What a create asks for, and everything that can be wrong with its body."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeGuard

import asyncssh

from simulator.tensordock.errors import Problem
from simulator.tensordock.market import Stock

MIN_STORAGE_GB = 100
_SSH_PORT, _LAST_PORT = 22, 65535
_IMAGES = {
    "ubuntu2404",
    "ubuntu2204",
    "ubuntu2404_ml_everything",
    "ubuntu2404_ml_pytorch",
    "ubuntu2404_ml_tensorflow",
    "debian12",
    "windows10",
}
_KNOWN = {
    "name",
    "type",
    "image",
    "resources",
    "location_id",
    "hostnode_id",
    "useDedicatedIp",
    "port_forwards",
    "ssh_key",
    "ssh_key_id",
    "cloud_init",
    "password",
}
_ATTRIBUTES = ("data", "attributes")


class BadOrder(Exception):
    """The create body is refused with 400 and all its problems."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems


@dataclass(frozen=True)
class Order:
    """A create body that passed every check."""

    name: str
    image: str
    v0_name: str
    gpus: int
    vcpus: int
    ram_gb: int
    storage_gb: int
    location_id: str | None
    node_id: str | None
    dedicated_ip: bool
    forwarded: tuple[int, ...]
    runcmd: Any

    def price(self, stock: Stock) -> float:
        """The whole price in $/h: GPUs, vCPUs, RAM and storage."""
        return (
            self.gpus * stock.gpu_price
            + self.vcpus * stock.vcpu_price
            + self.ram_gb * stock.ram_price
            + self.storage_gb * stock.storage_price
        )

    def fits(self, stock: Stock) -> bool:
        """Whether the location gives one machine that much."""
        return (
            self.vcpus <= stock.max_vcpus
            and self.ram_gb <= stock.max_ram_gb
            and self.storage_gb <= stock.max_storage_gb
        )


def attributes_of(body: Any) -> dict[str, Any]:
    """`data.attributes` of a create body, empty when there are none."""
    data = body.get("data") if isinstance(body, dict) else None
    attributes = data.get("attributes") if isinstance(data, dict) else None
    return attributes if isinstance(attributes, dict) else {}


def read(body: Any, *, strict: bool) -> Order:
    """The order in a create body. Raises BadOrder with every problem."""
    attributes = attributes_of(body)
    if not attributes or body["data"].get("type") != "virtualmachine":
        raise BadOrder([Problem("invalid_type", "Expected a virtualmachine", ("data",))])
    if problems := list(_problems(attributes, strict=strict)):
        raise BadOrder(problems)
    return _order(attributes)


def _order(attributes: dict[str, Any]) -> Order:
    resources = attributes["resources"]
    ((v0_name, gpu),) = resources["gpus"].items()
    forwards = attributes.get("port_forwards") or []
    return Order(
        name=attributes["name"],
        image=attributes["image"],
        v0_name=v0_name,
        gpus=gpu["count"],
        vcpus=resources["vcpu_count"],
        ram_gb=resources["ram_gb"],
        storage_gb=resources["storage_gb"],
        location_id=attributes.get("location_id"),
        node_id=attributes.get("hostnode_id"),
        dedicated_ip=bool(attributes.get("useDedicatedIp")),
        forwarded=tuple(dict.fromkeys(forward["internal_port"] for forward in forwards)),
        runcmd=(attributes.get("cloud_init") or {}).get("runcmd"),
    )


def _problems(attributes: dict[str, Any], *, strict: bool) -> Iterator[Problem]:
    if strict and (unknown := sorted(set(attributes) - _KNOWN)):
        text = f"Unrecognized key(s) in object: {', '.join(unknown)}"
        yield Problem("unrecognized_keys", text, _ATTRIBUTES)
    if not _text(attributes.get("name")):
        yield _wrong("invalid_type", "name is required", "name")
    if attributes.get("type", "virtualmachine") != "virtualmachine":
        yield _wrong("invalid_literal", "type must be virtualmachine", "type")
    if str(attributes.get("image")) not in _IMAGES:
        yield _wrong("invalid_enum_value", "Invalid image", "image")
    if _text(attributes.get("location_id")) == _text(attributes.get("hostnode_id")):
        text = "Exactly one of location_id and hostnode_id is required"
        yield _wrong("custom", text, "location_id")
    yield from _resource_problems(attributes.get("resources"))
    yield from _network_problems(attributes)
    yield from _key_problems(attributes)
    yield from _cloud_init_problems(attributes.get("cloud_init"))


def _resource_problems(resources: Any) -> Iterator[Problem]:
    if not isinstance(resources, dict):
        yield _wrong("invalid_type", "resources are required", "resources")
        return
    vcpus, ram_gb = resources.get("vcpu_count"), resources.get("ram_gb")
    if not _whole(vcpus, 2) or vcpus % 2:
        yield _wrong("custom", "vCPU count must be an even number", "resources", "vcpu_count")
    if not _whole(ram_gb, 2) or ram_gb % 2:
        yield _wrong("custom", "RAM must be a multiple of 2 GB", "resources", "ram_gb")
    if not _whole(resources.get("storage_gb"), MIN_STORAGE_GB):
        text = f"Storage must be at least {MIN_STORAGE_GB} GB"
        yield _wrong("too_small", text, "resources", "storage_gb")
    gpus = resources.get("gpus")
    if not isinstance(gpus, dict) or len(gpus) != 1 or not _counted(next(iter(gpus.values()))):
        yield _wrong("custom", "Exactly one GPU type with a count", "resources", "gpus")


def _counted(gpu: Any) -> bool:
    return isinstance(gpu, dict) and _whole(gpu.get("count"), 1)


def _network_problems(attributes: dict[str, Any]) -> Iterator[Problem]:
    if not isinstance(attributes.get("useDedicatedIp", False), bool):
        yield _wrong("invalid_type", "Expected boolean", "useDedicatedIp")
    forwards = attributes.get("port_forwards") or []
    if not isinstance(forwards, list) or not all(_forward(forward) for forward in forwards):
        yield _wrong("invalid_type", "Invalid port forward", "port_forwards")
        return
    forwarded = {forward["internal_port"] for forward in forwards}
    linux = not str(attributes.get("image")).startswith("windows")
    if linux and not attributes.get("useDedicatedIp") and _SSH_PORT not in forwarded:
        text = "SSH port (22) must be forwarded for Ubuntu VMs"
        yield _wrong("custom", text, "port_forwards")


def _forward(forward: Any) -> bool:
    ports = forward if isinstance(forward, dict) else {}
    pair = (ports.get("internal_port"), ports.get("external_port"))
    return all(_whole(port, 1) and port <= _LAST_PORT for port in pair)


def _key_problems(attributes: dict[str, Any]) -> Iterator[Problem]:
    line = attributes.get("ssh_key")
    if _text(line) == _text(attributes.get("ssh_key_id")):
        yield _wrong("custom", "Exactly one of ssh_key and ssh_key_id is required", "ssh_key")
    elif _text(line) and not _public_key(line):
        yield _wrong("custom", "Invalid SSH key", "ssh_key")


def _public_key(line: str) -> bool:
    try:
        asyncssh.import_public_key(line.strip())
    except (ValueError, asyncssh.KeyImportError):
        return False
    return True


def _cloud_init_problems(cloud_init: Any) -> Iterator[Problem]:
    """Only `runcmd` is looked at: the rest is accepted and ignored."""
    if cloud_init is None:
        return
    commands = cloud_init.get("runcmd", []) if isinstance(cloud_init, dict) else None
    if not isinstance(commands, list) or not all(isinstance(c, str | list) for c in commands):
        yield _wrong("invalid_type", "runcmd must be a list of commands", "cloud_init", "runcmd")


def _wrong(code: str, message: str, *path: str) -> Problem:
    return Problem(code, message, (*_ATTRIBUTES, *path))


def _text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())


def _whole(value: Any, low: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= low
