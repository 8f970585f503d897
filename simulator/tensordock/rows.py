"""Locations, host nodes and machines as TensorDock shows them."""

from __future__ import annotations

from typing import Any

from simulator import draws
from simulator.faults.rules import Rule
from simulator.instances import MICRO, Instance
from simulator.tensordock.market import Location, Node, Stock

ADDRESS = "127.0.0.1"
_SPELLINGS = (str.lower, str.capitalize, str.upper)
_WORDS = {"creating", "running", "stopping", "stopped", "starting", "error"}

Row = dict[str, Any]


def location_row(location: Location) -> Row:
    """A location with the GPUs that are listed there; the list may be empty."""
    return {
        "id": location.id,
        "city": location.city,
        "stateprovince": location.state,
        "country": location.country,
        "tier": location.tier,
        "gpus": [_gpu(stock) for stock in location.stocks if stock.listed and stock.largest],
    }


def _gpu(stock: Stock) -> Row:
    return {
        "v0Name": stock.card.v0_name,
        "displayName": stock.card.display_name,
        "max_count": stock.largest,
        "price_per_hr": stock.gpu_price,
        "resources": {
            "max_vcpus": stock.max_vcpus,
            "max_ram_gb": stock.max_ram_gb,
            "max_storage_gb": stock.max_storage_gb,
        },
        "pricing": _pricing(stock),
        "network_features": {
            "dedicated_ip_available": stock.dedicated_ip,
            "port_forwarding_available": stock.forwarding,
            "network_storage_available": stock.network_storage,
        },
    }


def _pricing(stock: Stock) -> Row:
    return {
        "per_vcpu_hr": stock.vcpu_price,
        "per_gb_ram_hr": stock.ram_price,
        "per_gb_storage_hr": stock.storage_price,
    }


def node_row(stock: Stock, node: Node) -> Row:
    """One host node with what is free on it."""
    location = stock.location
    gpu = {
        "v0Name": stock.card.v0_name,
        "availableCount": node.free,
        "price_per_hr": stock.gpu_price,
    }
    return {
        "id": node.id,
        "location_id": location.id,
        "engine": "qemu",
        "uptime_percentage": node.uptime_pct,
        "available_resources": {
            "gpus": [gpu],
            "vcpu_count": stock.max_vcpus,
            "ram_gb": stock.max_ram_gb,
            "storage_gb": stock.max_storage_gb,
            "max_vcpus_per_gpu": stock.max_vcpus,
            "max_ram_per_gpu": stock.max_ram_gb,
            "available_ports": list(range(20000, 20010)) if stock.forwarding else [],
            "has_public_ip_available": stock.dedicated_ip,
        },
        "pricing": _pricing(stock),
        "location": _node_location(location),
    }


def _node_location(location: Location) -> Row:
    return {
        "uuid": location.id,
        "city": location.city,
        "stateprovince": location.state,
        "country": location.country,
        "network_speed_gbps": location.speed_gbps,
        "organization": location.organization,
        "organizationName": location.organization,
        "tier": location.tier,
    }


def machine_row(instance: Instance, seed: int, now_s: float) -> Row:
    """A machine, flat; its address is null until it is known."""
    request = instance.request
    card = request["v0_name"]
    known = now_s >= instance.address_s
    return {
        "type": "virtualmachine",
        "id": str(instance.id),
        "name": instance.label,
        "status": spelt(instance.status, instance.id, seed),
        "ipAddress": ADDRESS if known else None,
        "portForwards": _forwards(instance) if known else [],
        "resources": {
            "vcpu_count": instance.hardware.cpu_cores,
            "ram_gb": request["ram_gb"],
            "storage_gb": int(instance.disk_gb),
            "gpus": {card: {"count": instance.hardware.gpus, "v0Name": card}},
        },
        "rateHourly": instance.price_micro / MICRO,
    }


def spelt(word: str | None, instance_id: int, seed: int) -> str | None:
    """The provider's words come in mixed case; each machine keeps to one way."""
    if word not in _WORDS:
        return word
    number = int(draws.share(seed, "spelling", instance_id) * len(_SPELLINGS))
    return _SPELLINGS[number](word)


def _forwards(instance: Instance) -> list[Row]:
    ports = {end.inside_port: end.port for end in instance.ports}
    ports |= {22: instance.ssh.port} if instance.ssh else {}
    return [
        {"internal_port": inside, "external_port": outside}
        for inside, outside in sorted(ports.items())
        if not instance.request["no_forwards"]
    ]


def bent_row(row: Row, rule: Rule) -> Row:
    """The row with what the fault does to it."""
    match rule.action:
        case "status_word":
            return row | {"status": rule.params["word"]}
        case "no_port_forwards":
            return row | {"portForwards": []}
        case "ip_missing":
            return row | {"ipAddress": None}
        case "port_changes":
            return row | {"portForwards": [_moved(f, rule.fired) for f in row["portForwards"]]}
        case _:
            return row


def _moved(forward: Row, times: int) -> Row:
    return forward | {"external_port": 1024 + (forward["external_port"] + times) % 60_000}


def list_body(rows: list[Row], shape: int) -> Row:
    """The list in one of the three shapes in which it has been seen."""
    if shape == 1:
        return {"data": rows}
    if shape == 2:
        return {"data": {"instances": rows}}
    wrapped = [{"id": row["id"], "type": row["type"], "attributes": _inner(row)} for row in rows]
    return {"data": {"type": "list", "attributes": {"instances": wrapped}}}


def _inner(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("id", "type")}
