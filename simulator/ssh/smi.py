"""`nvidia-smi`, as the machine's GPU would print it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from simulator.ssh.machine import MachineView

_IDLE_SHARE = 0.06  # of the power limit, when nothing runs


def run(view: MachineView, words: list[str]) -> tuple[str, int]:
    """The text and exit code for these arguments."""
    if view.hardware.cuda is None:
        return "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n", 9
    if not _shown(view):
        return "No devices were found\n", 6
    if "-L" in words or "--list-gpus" in words:
        return "".join(_listed(view, index) for index in _shown(view)), 0
    query = _option(words, "--query-gpu")
    if query is not None:
        return _csv(view, query.split(","), _option(words, "--format") or "csv")
    if _option(words, "--query-compute-apps") is not None:
        return "", 0
    return _table(view), 0


def _shown(view: MachineView) -> range:
    """The GPUs that its driver finds."""
    return range(view.hardware.gpus - min(view.inside.missing_gpus, view.hardware.gpus))


def _option(words: list[str], name: str) -> str | None:
    for position, word in enumerate(words):
        if word.startswith(name + "="):
            return word.split("=", 1)[1]
        if word == name and position + 1 < len(words):
            return words[position + 1]
    return None


def full_name(name: str) -> str:
    """The driver's name of a model, from the provider's spelling."""
    if name.startswith(("RTX ", "GTX ")) and not name.startswith("RTX A"):
        return f"NVIDIA GeForce {name}"
    return f"NVIDIA {name}"


def _uuid(view: MachineView, index: int) -> str:
    number = view.hardware.bus_offset * 16 + index
    return f"GPU-{number:08x}-5d1c-4b7e-9a3f-{number * 7919:012x}"


def _bus(index: int) -> str:
    return f"00000000:{index + 1:02X}:00.0"


def _listed(view: MachineView, index: int) -> str:
    return f"GPU {index}: {full_name(view.hardware.gpu_name)} (UUID: {_uuid(view, index)})\n"


def _used_mb(view: MachineView) -> int:
    return int(view.hardware.memory_mb * view.inside.util_pct / 100 * 0.8)


def _power_w(view: MachineView) -> float:
    share = _IDLE_SHARE + (0.95 - _IDLE_SHARE) * view.inside.util_pct / 100
    return view.hardware.power_w * share


def _temperature(view: MachineView) -> int:
    return int(34 + view.inside.util_pct * 0.4)


# field: (value of GPU i, unit)
_FIELDS: dict[str, tuple[Callable[[MachineView, int], str], str]] = {
    "index": (lambda _v, i: str(i), ""),
    "name": (lambda v, _i: full_name(v.hardware.gpu_name), ""),
    "gpu_name": (lambda v, _i: full_name(v.hardware.gpu_name), ""),
    "count": (lambda v, _i: str(len(_shown(v))), ""),
    "uuid": (_uuid, ""),
    "gpu_uuid": (_uuid, ""),
    "pci.bus_id": (lambda _v, i: _bus(i), ""),
    "driver_version": (lambda v, _i: v.hardware.driver, ""),
    "memory.total": (lambda v, _i: str(v.hardware.memory_mb), "MiB"),
    "memory.used": (lambda v, _i: str(_used_mb(v)), "MiB"),
    "memory.free": (lambda v, _i: str(v.hardware.memory_mb - _used_mb(v)), "MiB"),
    "utilization.gpu": (lambda v, _i: f"{v.inside.util_pct:.0f}", "%"),
    "utilization.memory": (lambda v, _i: f"{v.inside.util_pct * 0.7:.0f}", "%"),
    "temperature.gpu": (lambda v, _i: str(_temperature(v)), ""),
    "power.draw": (lambda v, _i: f"{_power_w(v):.2f}", "W"),
    "power.limit": (lambda v, _i: f"{v.hardware.power_w:.2f}", "W"),
    "compute_cap": (lambda v, _i: f"{v.hardware.compute_cap / 100:.1f}", ""),
    "ecc.errors.uncorrected.volatile.total": (lambda _v, _i: "0", ""),
    "fan.speed": (lambda _v, _i: "30", "%"),
    "pstate": (lambda v, _i: "P0" if v.inside.util_pct else "P8", ""),
    "persistence_mode": (lambda _v, _i: "Enabled", ""),
    "timestamp": (lambda v, _i: _moment(v).strftime("%Y/%m/%d %H:%M:%S.000"), ""),
}


def _csv(view: MachineView, names: list[str], style: str) -> tuple[str, int]:
    names = [name.strip() for name in names]
    wrong = next((name for name in names if name not in _FIELDS), None)
    if wrong is not None:
        return f'Field "{wrong}" is not a valid field to query.\n', 2
    units = "nounits" not in style
    rows = [
        ", ".join(_cell(view, index, name, units=units) for name in names) for index in _shown(view)
    ]
    if "noheader" not in style:
        rows.insert(0, ", ".join(_title(name, units=units) for name in names))
    return "".join(row + "\n" for row in rows), 0


def _cell(view: MachineView, index: int, name: str, *, units: bool) -> str:
    value, unit = _FIELDS[name]
    return f"{value(view, index)} {unit}" if units and unit else value(view, index)


def _title(name: str, *, units: bool) -> str:
    unit = _FIELDS[name][1]
    return f"{name} [{unit}]" if units and unit else name


def _moment(view: MachineView) -> datetime:
    return datetime.fromtimestamp(view.now_s(), UTC)


def _table(view: MachineView) -> str:
    cuda = view.inside.cuda_version or view.hardware.cuda
    rule = "+" + "-" * 89 + "+\n"
    heads = (
        f"{_moment(view):%a %b %e %H:%M:%S %Y}\n"
        + rule
        + f"| NVIDIA-SMI {view.hardware.driver:<21}  Driver Version: {view.hardware.driver:<14} "
        + f"CUDA Version: {cuda!s:<9}|\n"
        + rule
        + "| GPU  Name                 Persistence-M | Bus-Id          Disp.A |"
        + " Volatile Uncorr. ECC |\n"
        + "| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage |"
        + " GPU-Util  Compute M. |\n"
        + "|=========================================+========================+"
        + "======================|\n"
    )
    body = "".join(_block(view, index) for index in _shown(view))
    tail = (
        "\n"
        + rule
        + "| Processes:"
        + " " * 78
        + "|\n"
        + "|  No running processes found"
        + " " * 61
        + "|\n"
        + rule
    )
    return heads + body + tail


def _block(view: MachineView, index: int) -> str:
    name = full_name(view.hardware.gpu_name)[:27]
    power = f"{_power_w(view):.0f}W / {view.hardware.power_w:>4}W"
    memory = f"{_used_mb(view)}MiB / {view.hardware.memory_mb}MiB"
    state = "P0" if view.inside.util_pct else "P8"
    return (
        f"| {index:>3}  {name:<27} On |   {_bus(index)} Off |                  N/A |\n"
        f"| 30% {_temperature(view):>4}C {state:>5} {power:>22} |"
        f" {memory:>22} | {view.inside.util_pct:>7.0f}%      Default |\n"
        "+-----------------------------------------+------------------------+"
        "----------------------+\n"
    )
