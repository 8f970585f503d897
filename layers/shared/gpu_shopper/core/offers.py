"""What can be rented: one offer of one provider, in our units."""

from __future__ import annotations

from typing import NamedTuple

HOURS_PER_MONTH = 720
"""Vast.ai bills storage per month of 720 hours; other providers are converted to it."""


class Offer(NamedTuple):
    """A priced configuration that its provider says can be rented now.

    A tuple, because whole markets of them are made every minute: a frozen dataclass takes four
    times as long.

    `price_microusd_per_hour` is the whole offer: all GPUs, CPU, RAM and `default_disk_gb` of
    disk. Unknown numbers are None, never 0. `max_duration_hours` 0 means unlimited.
    `base_confidence` is 0 to 1, before age and failures are taken into account. `vcpus` and
    `ram_gb` are set where we choose them: they are in the price, and a launch asks for them.
    `gpu_ram_mb` is per GPU and exact, where `vram_gb` is what a card is sold with; `cpu_cores` is
    the offer's share of the machine, `compute_cap` a hundred times the CUDA compute capability.
    """

    id: str
    provider: str
    provider_id: str
    gpu_type: str
    gpu_name_raw: str
    gpu_count: int
    vram_gb: int | None
    price_microusd_per_hour: int
    default_disk_gb: int
    storage_microusd_per_gb_month: int
    location: str
    country: str | None
    reliability: float | None
    max_duration_hours: int
    base_confidence: float
    cuda_version: float | None = None
    driver_version: str | None = None
    machine_id: str | None = None
    host_id: str | None = None
    verified: bool | None = None
    disk_gb_available: int | None = None
    inet_up_mbps: int | None = None
    inet_down_mbps: int | None = None
    inet_up_microusd_per_gb: int | None = None
    inet_down_microusd_per_gb: int | None = None
    vcpus: int | None = None
    ram_gb: int | None = None
    gpu_ram_mb: int | None = None
    compute_cap: int | None = None
    cpu_arch: str | None = None
    cpu_cores: float | None = None
    static_ip: bool | None = None

    def price_with_disk(self, disk_gb: int) -> int:
        """Micro-dollars per hour of the whole offer with `disk_gb` instead of the default disk."""
        extra_gb = disk_gb - self.default_disk_gb
        return self.price_microusd_per_hour + round(
            self.storage_microusd_per_gb_month * extra_gb / HOURS_PER_MONTH
        )
