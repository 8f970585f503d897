"""What the outputs of our checks mean: the contract's vectors, and outputs nobody expects."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_shopper.core.diagnostics import (
    Check,
    Diagnostics,
    cuda_of,
    diagnosed,
    disk_of,
    driver_of,
    gpus_of,
    missing_gpus,
    oom_of,
    too_little_disk,
)
from tests.builders import NOON

HEAD = "Filesystem     1G-blocks  Used Available Use% Mounted on\n"
ROOT = "/dev/sda2           440G  128G      290G  31% /\n"
EFI = "/dev/sda1             1G    1G        0G 100% /boot/efi\n"


def test_the_root_s_free_space_counts_and_a_full_boot_partition_does_not() -> None:
    """2.17."""
    disk = disk_of(HEAD + ROOT + EFI)
    assert disk is not None
    assert (disk.available_gb, disk.low) == (290, False)
    assert [(one.path, one.size_gb, one.used_pct) for one in disk.mounts] == [("/", 440, 31)]


@pytest.mark.parametrize(("used", "low"), [(90, False), (91, True), (95, True)])
def test_more_than_ninety_percent_is_low(used: int, low: bool) -> None:
    """2.17: 90 is fine."""
    disk = disk_of(f"/dev/sda1 100G {used}G {100 - used}G {used}% /\n")
    assert disk is not None
    assert (disk.available_gb, disk.low) == (100 - used, low)


def test_any_full_mount_makes_it_low_and_without_a_root_the_largest_counts() -> None:
    """2.17."""
    disk = disk_of("/dev/sdb 100G 99G 1G 99% /data\n/dev/sdc 500G 10G 490G 2% /my data\n")
    assert disk is not None
    assert (disk.available_gb, disk.low) == (490, True)
    assert disk.mounts[1].path == "/my data"


@pytest.mark.parametrize(
    "line",
    [
        "tmpfs 16G 16G 0G 100% /dev/shm",
        "devtmpfs 16G 16G 0G 100% /dev",
        "udev 16G 16G 0G 100% /dev",
        "/dev/sda1 1G 1G 0G 100% /boot",
        "/dev/sda1 1G 1G 0G 100% /boot/efi",
        "/dev/loop0 1G 1G 0G 100% /snap/core/1",
        "df: /mnt: Permission denied",
        "/dev/sda9 - - - - /odd",
    ],
)
def test_what_is_no_disk_of_the_session_is_passed_over(line: str) -> None:
    """2.17."""
    alone, beside = disk_of(HEAD + line), disk_of(HEAD + line + "\n" + ROOT)
    assert alone is None
    assert beside is not None
    assert (beside.available_gb, beside.low) == (290, False)


@pytest.mark.parametrize("text", [None, "", HEAD, "bash: df: command not found\n"])
def test_no_disk_shown_is_unknown(text: str | None) -> None:
    """2.17: empty or header only."""
    assert disk_of(text) is None


def test_killed_processes_are_named_once_and_in_order() -> None:
    """2.17."""
    oom = oom_of(
        "[Thu Feb  6 12:34:55 2026] Out of memory: Killed process 1000 (python3) total-vm:1kB\n"
        "[Thu Feb  6 12:34:56 2026] Out of memory: Killed process 1001 (python3) total-vm:1kB\n"
        "[Thu Feb  6 12:40:00 2026] usb 1-1: new device\n"
    )
    assert oom is not None
    assert (oom.detected, oom.processes) == (True, ("python3",))
    assert oom.last_at == datetime(2026, 2, 6, 12, 34, 56, tzinfo=UTC)


def test_a_line_without_a_date_still_names_its_process() -> None:
    """2.17."""
    oom = oom_of("[12345.678] Killed process 999 (vllm_worker)\n")
    assert oom is not None
    assert (oom.processes, oom.last_at) == (("vllm_worker",), None)


@pytest.mark.parametrize(
    "line", ["python invoked oom-killer: gfp", "OOM_reaper: reaped", "Memory cgroup Out Of Memory"]
)
def test_out_of_memory_is_seen_in_any_case(line: str) -> None:
    assert oom_of(f"[1.0] {line}\n") is not None
    assert oom_of(f"[1.0] {line}\n").detected  # type: ignore[union-attr]


def test_silence_is_good_news_only_when_it_could_be_read() -> None:
    """2.17: unreadable is unknown."""
    assert oom_of(None) is None
    for quiet in ("", "[1.0] Linux version 5.15\n", "[1.0] headroom of the bathroom\n"):
        oom = oom_of(quiet)
        assert oom is not None
        assert (oom.detected, oom.processes, oom.last_at) == (False, (), None)


@pytest.mark.parametrize("stamp", ["[Xxx Feb  6 12:34:56 2026]", "[Thu Feb 31 12:34:56 2026]"])
def test_a_date_that_never_was_is_no_date(stamp: str) -> None:
    oom = oom_of(f"{stamp} Killed process 1 (a)\n")
    assert oom is not None
    assert oom.last_at is None


def test_a_gpu_line_is_read_whole() -> None:
    """2.17."""
    (gpu,) = gpus_of("NVIDIA GeForce RTX 4090, 1234, 24576, 45, 65, 250\n") or ()
    assert (gpu.name, gpu.memory_used_mb, gpu.memory_total_mb) == (
        "NVIDIA GeForce RTX 4090",
        1234,
        24576,
    )
    assert (gpu.utilization_pct, gpu.power_w) == (Decimal(45), Decimal(250))
    assert gpu.temperature_c == 65
    assert gpu.healthy is True


def test_what_a_gpu_does_not_tell_is_unknown() -> None:
    """2.17."""
    (gpu,) = gpus_of("NVIDIA A100, 0, 81920, [N/A], 35, [N/A]\n") or ()
    assert (gpu.utilization_pct, gpu.power_w, gpu.healthy) == (None, None, True)


@pytest.mark.parametrize(
    ("fields", "healthy"),
    [
        ("1, 100, 5, 89, 9.5", True),
        ("1, 100, 5, 90, 9.5", False),
        ("99, 100, 5, 50, 9.5", True),
        ("100, 100, 5, 50, 9.5", False),
        ("N/A, 100, 5, 50, 9.5", None),
        ("1, [N/A], 5, 50, 9.5", None),
        ("1, 100, 5, [Not Supported], 9.5", None),
    ],
)
def test_a_healthy_gpu_is_cool_and_has_memory_left(fields: str, healthy: bool | None) -> None:
    """2.17: below 90 degrees, less used than there is; unknown when one of them is."""
    (gpu,) = gpus_of(f"NVIDIA L4, {fields}") or ()
    assert gpu.healthy is healthy


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "NVIDIA L4, 1, 2, 3, 4\n",
        " , 1, 2, 3, 4, 5\n",
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n",
    ],
)
def test_no_gpu_that_can_be_read_is_unknown_not_missing(text: str | None) -> None:
    """2.17, 2.10: a check that fails ends nothing."""
    assert gpus_of(text) is None
    assert missing_gpus(diagnosed({Check.GPUS: text}, NOON), 8) == 0


def test_a_machine_that_names_fewer_gpus_than_paid_for_lacks_some() -> None:
    two = diagnosed({Check.GPUS: "A, 1, 2, 3, 4, 5\nB, 1, 2, 3, 4, 5\n"}, NOON)
    assert [missing_gpus(two, paid_for) for paid_for in (1, 2, 3, 8)] == [0, 0, 1, 6]
    none = diagnosed({Check.GPUS: "No devices were found\n"}, NOON)
    assert missing_gpus(none, 1) == 1


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("| NVIDIA-SMI 570.1  Driver Version: 570.1   CUDA Version: 12.9     |", "12.9"),
        ("11.8", "11.8"),
        ("11.8\n", "11.8"),
        ("GPU 0: NVIDIA GeForce RTX 4090", None),
        ("CUDA Version: N/A", None),
        ("", None),
        ("  ", None),
        (None, None),
    ],
)
def test_cuda_s_version_is_told_or_unknown(text: str | None, version: str | None) -> None:
    """2.17."""
    assert cuda_of(text) == (Decimal(version) if version else None)


def test_the_driver_s_version_is_told_or_unknown() -> None:
    assert driver_of("Driver Version: 570.153.02   CUDA Version: 12.8") == "570.153.02"
    assert driver_of("GPU 0") is None


@pytest.mark.parametrize(
    ("weights", "too_little"), [("290", False), ("290.5", True), ("16", False), (None, False)]
)
def test_the_weights_must_fit_on_what_is_free(weights: str | None, too_little: bool) -> None:
    """2.17: less than the weights, when both are known."""
    found = diagnosed({Check.DISK: HEAD + ROOT}, NOON)
    assert too_little_disk(found, Decimal(weights) if weights else None) is too_little
    unknown = Diagnostics(checked_at=NOON, ssh_available=True)
    assert not too_little_disk(unknown, Decimal(10_000))


@given(st.text(max_size=2_000))
def test_no_output_breaks_a_check(text: str) -> None:
    found = diagnosed(dict.fromkeys(Check, text), NOON)
    assert found.oom is not None
    assert (found.checked_at, found.ssh_available) == (NOON, True)
