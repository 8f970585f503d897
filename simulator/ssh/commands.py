"""The commands the machines know, each answered from facts, never from the host."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from simulator.ssh import smi
from simulator.ssh.machine import MachineView

Command = Callable[[MachineView, list[str], str], tuple[str, int]]

_KERNEL = "5.15.0-139-generic"


def _echo(_view: MachineView, words: list[str], _given: str) -> tuple[str, int]:
    newline = "" if words[:1] == ["-n"] else "\n"
    return " ".join(words[1:] if newline == "" else words) + newline, 0


def _nvidia_smi(view: MachineView, words: list[str], _given: str) -> tuple[str, int]:
    return smi.run(view, words)


def _df(view: MachineView, words: list[str], _given: str) -> tuple[str, int]:
    size = max(1, int(view.hardware.disk_gb))
    used = round(size * view.inside.disk_used_pct / 100)
    percent = round(view.inside.disk_used_pct)
    unit = "G" if any("BG" in word or "h" in word for word in words) else ""
    factor = 1 if unit else 1024 * 1024
    head = "1G-blocks" if unit else "1K-blocks"
    numbers = f"{size * factor}{unit} {used * factor}{unit} {(size - used) * factor}{unit}"
    total, taken, left = numbers.split()
    return (
        f"Filesystem     {head}  Used Available Use% Mounted on\n"
        f"overlay        {total:>9} {taken:>5} {left:>9} {percent:>3}% /\n",
        0,
    )


def _dmesg(view: MachineView, words: list[str], _given: str) -> tuple[str, int]:
    boot_s = view.now_s() - view.uptime_s()
    human = any(word.startswith("-") and "T" in word for word in words)
    lines = _kernel_messages(view)
    return "".join(f"[{_stamp(boot_s, at_s, human=human)}] {text}\n" for at_s, text in lines), 0


def _kernel_messages(view: MachineView) -> list[tuple[float, str]]:
    driver = view.hardware.driver
    messages = [
        (0.0, f"Linux version {_KERNEL} (buildd@lcy02) (gcc 11.4.0)"),
        (2.1, f"nvidia: loading NVRM version {driver}"),
        (2.4, "nvidia-modeset: Loading NVIDIA Kernel Mode Setting Driver"),
    ]
    if view.inside.oom:
        killed = "Out of memory: Killed process 4242 (python3) total-vm:68719476kB"
        messages.append((view.uptime_s(), killed))
    return messages


def _stamp(boot_s: float, at_s: float, *, human: bool) -> str:
    if not human:
        return f"{at_s:12.6f}"
    return datetime.fromtimestamp(boot_s + at_s, UTC).strftime("%a %b %e %H:%M:%S %Y")


def _nvcc(view: MachineView, _words: list[str], _given: str) -> tuple[str, int]:
    cuda = view.inside.cuda_version or view.hardware.cuda
    if cuda is None:
        return "bash: nvcc: command not found\n", 127
    return (
        "nvcc: NVIDIA (R) Cuda compiler driver\n"
        "Copyright (c) 2005-2025 NVIDIA Corporation\n"
        f"Cuda compilation tools, release {cuda}, V{cuda}.85\n",
        0,
    )


def _uname(view: MachineView, words: list[str], _given: str) -> tuple[str, int]:
    if "-a" in words:
        return f"Linux {view.hostname} {_KERNEL} #149-Ubuntu SMP x86_64 GNU/Linux\n", 0
    flags = {"-r": _KERNEL, "-m": "x86_64", "-n": view.hostname}
    return (flags.get(words[0], "Linux") if words else "Linux") + "\n", 0


def _cat(view: MachineView, words: list[str], given: str) -> tuple[str, int]:
    files = {
        "/proc/driver/nvidia/version": (
            f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {view.hardware.driver}  Release\n"
            "GCC version:  gcc version 11.4.0 (Ubuntu 11.4.0-1ubuntu1~22.04)\n"
        ),
        "/etc/os-release": 'NAME="Ubuntu"\nVERSION_ID="22.04"\nID=ubuntu\n',
        "/etc/hostname": view.hostname + "\n",
        "/root/.ssh/authorized_keys": "".join(line + "\n" for line in view.usable_keys("root")),
        "/proc/cpuinfo": f"model name\t: {view.hardware.cpu_name}\n" * view.hardware.cpu_cores,
        "/proc/meminfo": f"MemTotal:       {view.hardware.ram_mb * 1024} kB\n",
    }
    if not words:
        return given, 0
    if words[0] not in files:
        return f"cat: {words[0]}: No such file or directory\n", 1
    return files[words[0]], 0


def _free(view: MachineView, _words: list[str], _given: str) -> tuple[str, int]:
    total = view.hardware.ram_mb
    head = "               total        used        free      shared  buff/cache   available\n"
    return f"{head}Mem:  {total:>14} {2048:>11} {total - 2048:>11}           8\n", 0


def _uptime(view: MachineView, _words: list[str], _given: str) -> tuple[str, int]:
    return f" up {int(view.uptime_s() // 60)} min,  load average: 0.10, 0.05, 0.01\n", 0


def _date(view: MachineView, _words: list[str], _given: str) -> tuple[str, int]:
    return datetime.fromtimestamp(view.now_s(), UTC).strftime("%a %b %e %H:%M:%S UTC %Y\n"), 0


def _head(_view: MachineView, words: list[str], given: str) -> tuple[str, int]:
    return "".join(given.splitlines(keepends=True)[: _count(words)]), 0


def _tail(_view: MachineView, words: list[str], given: str) -> tuple[str, int]:
    return "".join(given.splitlines(keepends=True)[-_count(words) :]), 0


def _count(words: list[str]) -> int:
    digits = re.findall(r"\d+", " ".join(words))
    return int(digits[0]) if digits else 10


def _grep(_view: MachineView, words: list[str], given: str) -> tuple[str, int]:
    flags = "".join(word[1:] for word in words if word.startswith("-"))
    pattern = next((word for word in words if not word.startswith("-")), "")
    options = re.IGNORECASE if "i" in flags else re.NOFLAG
    found = [
        line
        for line in given.splitlines(keepends=True)
        if bool(_matches(pattern, line, options)) != ("v" in flags)
    ]
    return "".join(found), 0 if found else 1


def _matches(pattern: str, line: str, options: re.RegexFlag) -> bool:
    try:
        return re.search(pattern, line, options) is not None
    except re.error:
        return pattern in line


def _wc(_view: MachineView, _words: list[str], given: str) -> tuple[str, int]:
    return f"{len(given.splitlines())}\n", 0


def _fixed(text: str, code: int = 0) -> Command:
    return lambda _view, _words, _given: (text, code)


COMMANDS: dict[str, Command] = {
    "echo": _echo,
    "nvidia-smi": _nvidia_smi,
    "df": _df,
    "dmesg": _dmesg,
    "nvcc": _nvcc,
    "uname": _uname,
    "cat": _cat,
    "free": _free,
    "uptime": _uptime,
    "date": _date,
    "head": _head,
    "tail": _tail,
    "grep": _grep,
    "wc": _wc,
    "hostname": lambda view, _words, _given: (view.hostname + "\n", 0),
    "nproc": lambda view, _words, _given: (f"{view.hardware.cpu_cores}\n", 0),
    "id": _fixed("uid=0(root) gid=0(root) groups=0(root)\n"),
    "pwd": _fixed("/root\n"),
    "true": _fixed(""),
    "false": _fixed("", 1),
    ":": _fixed(""),
    "ls": _fixed("onstart.sh\n"),
    "touch": _fixed(""),
    "mkdir": _fixed(""),
    "cd": _fixed(""),
    "export": _fixed(""),
    "set": _fixed(""),
}
