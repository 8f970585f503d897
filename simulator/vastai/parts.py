"""Hardware lists of the sample market: CPUs, boards, disks, drivers."""

from __future__ import annotations

from simulator.draws import Weighted

# (CUDA version advertised, driver version), by share of machines
CUDA_DRAW: Weighted[tuple[float, str]] = Weighted.of(
    [
        ((12.8, "570.153.02"), 33),
        ((13.0, "580.95.05"), 16),
        ((12.4, "550.144.03"), 13),
        ((12.2, "535.183.01"), 9),
        ((12.9, "575.64.03"), 8),
        ((12.6, "560.35.03"), 7),
        ((12.7, "565.57.01"), 5),
        ((13.1, "590.44.01"), 4),
        ((12.5, "555.58.02"), 1.5),
        ((12.3, "545.29.06"), 1),
        ((12.1, "530.41.03"), 0.8),
        ((12.0, "525.147.05"), 0.8),
        ((11.8, "520.61.05"), 0.5),
        ((11.7, "515.105.01"), 0.2),
        ((11.6, "510.108.03"), 0.1),
        ((11.4, "470.256.02"), 0.1),
    ]
)

# (name as reported, GHz, cores, has AVX)
CPU_DRAW: Weighted[tuple[str, float, int, int]] = Weighted.of(
    [
        (("AMD EPYC 7B13 64-Core Processor", 3.5, 128, 1), 10),
        (("AMD EPYC 7402 24-Core Processor", 3.35, 48, 1), 8),
        (("AMD EPYC 7K62 48-Core Processor", 3.3, 96, 1), 7),
        (("AMD EPYC 9354 32-Core Processor", 3.8, 64, 1), 6),
        (("AMD EPYC 9654 96-Core Processor", 3.7, 192, 1), 6),
        (("AMD EPYC 7282 16-Core Processor", 3.2, 32, 1), 5),
        (("Intel(R) Xeon(R) Platinum 8480+", 3.8, 224, 1), 6),
        (("Intel(R) Xeon(R) Platinum 8468", 3.8, 192, 1), 5),
        (("Intel(R) Xeon(R) Gold 6248R CPU @ 3.00GHz", 4.0, 96, 1), 5),
        (("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", 3.3, 56, 1), 8),
        (("Intel(R) Xeon(R) CPU E5-2697 v3 @ 2.60GHz", 3.6, 28, 1), 4),
        (("Intel(R) Core(TM) i9-10900X CPU @ 3.70GHz", 4.7, 20, 1), 4),
        (("Intel(R) Core(TM) i7-8700K CPU @ 3.70GHz ", 4.7, 12, 1), 4),
        (("AMD Ryzen 9 5950X 16-Core Processor", 4.9, 32, 1), 7),
        (("AMD Ryzen 9 7950X 16-Core Processor", 5.7, 32, 1), 6),
        (("AMD Ryzen Threadripper 3970X 32-Core Processor", 4.5, 64, 1), 5),
        (("AMD Ryzen Threadripper PRO 5975WX 32-Cores ", 4.5, 64, 1), 3),
        (("Intel(R) Celeron(R) G3930 CPU @ 2.90GHz", 2.9, 2, 0), 1),
    ]
)

BOARDS = (
    "ROME2D32GM-2T",
    "H12SSL-i",
    "PRIME Z390-P",
    "X99-F8",
    "MZ72-HB0-00",
    "WRX80 Creator",
    "X12DPG-OA6",
    "H11DSi",
    "",
)
DISKS = (
    "SAMSUNG MZQL27T6HBLA-00A07",
    "KINGSTON SFYRD2000G",
    "WD_BLACK SN850X 4000GB",
    "nvme",
    "Micron_7450_MTFDKCC3T8TFR",
    "CT4000P3PSSD8",
)
OS_VERSIONS: Weighted[str] = Weighted.of([("22.04", 70.0), ("24.04", 20.0), ("20.04", 10.0)])

# $/GB/month before the platform's markup, by share of machines
STORAGE_DRAW: Weighted[float] = Weighted.of(
    [(0.10, 34), (0.15, 30), (0.20, 14), (0.05, 8), (0.25, 4), (0.30, 3), (0.0, 2), (1.0, 0.6)]
)
# $/GB before the markup
TRAFFIC_DRAW: Weighted[float] = Weighted.of(
    [(0.0, 22), (0.002, 20), (0.005, 18), (0.01, 18), (0.015, 10), (0.02, 10), (0.05, 2)]
)
MEMORY_GB_DRAW: Weighted[int] = Weighted.of(
    [(16, 4), (32, 10), (64, 18), (128, 20), (256, 18), (512, 16), (1024, 8), (2015, 6)]
)
SMALLEST_CHUNK: Weighted[int] = Weighted.of([(1, 70), (2, 12), (4, 6), (0, 12)])
RELIABILITY_BANDS: Weighted[tuple[float, float]] = Weighted.of(
    [
        ((0.995, 0.9999), 58),
        ((0.985, 0.995), 22),
        ((0.95, 0.985), 13),
        ((0.8, 0.95), 5),
        ((0.3, 0.8), 2),
    ]
)
DURATION_DAYS: Weighted[tuple[float, float]] = Weighted.of(
    [((0.05, 1), 6), ((1, 14), 24), ((14, 90), 40), ((90, 730), 30)]
)
DATACENTER_SHARE = {"consumer": 0.14, "pro": 0.30, "datacenter": 0.62}
