"""One name per GPU model, whoever spells it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_shopper.core.gpu_names import canonical

# canonical name ← spellings of it
SPELLINGS = {
    "A40": ["a40-pcie-48gb", "NVIDIA A40", "A40"],
    "A10G": ["A10g", "NVIDIA A10G 24GB"],
    "RTX 5090": ["geforcertx5090-pcie-32gb", "RTX 5090", "rtx5090", "NVIDIA GeForce RTX 5090"],
    "RTX 4090": [
        "NVIDIA GeForce RTX 4090 PCIe 24GB",
        "geforcertx4090-pcie-24gb",
        "  rtx_4090\n",
        "4090",
        "RTX4090 24 GB",
    ],
    "RTX 4090 D": ["RTX 4090D", "NVIDIA GeForce RTX 4090 D"],
    "RTX 4070 Ti SUPER": ["RTX 4070S Ti", "NVIDIA GeForce RTX 4070 Ti SUPER", "rtx4070tisuper"],
    "RTX 4080 SUPER": ["RTX 4080S", "RTX 4080 Super"],
    "RTX 3060 Laptop": ["RTX 3060 laptop", "NVIDIA GeForce RTX 3060 Laptop GPU"],
    "GTX 1080 Ti": ["GTX 1080 Ti", "GeForce GTX 1080Ti"],
    "GTX 1660 SUPER": ["GTX 1660 S"],
    "GTX 970": ["GeForce 970"],
    "Titan RTX": ["Titan RTX", "NVIDIA TITAN RTX"],
    "Titan V CEO": ["TITAN V CEO"],
    "GTX Titan X": ["GTX TITAN X"],
    "RTX A4000": ["rtxa4000-pcie-16gb", "RTX A4000", "A4000", "NVIDIA RTX A4000"],
    "RTX A5000": ["A5000"],
    "RTX A6000": ["A6000", "RTX A6000 48GB", "rtxa6000-pcie-48gb"],
    "RTX 6000 Ada": ["RTX 6000Ada", "NVIDIA RTX 6000 Ada Generation", "rtx6000ada-pcie-48gb"],
    "RTX 4000 SFF Ada": ["NVIDIA RTX 4000 SFF Ada Generation"],
    "RTX 8000": ["Q RTX 8000", "Quadro RTX 8000"],
    "RTX PRO 6000": [
        "RTX PRO 6000",
        "RTX PRO 6000 WS",
        "RTX PRO 6000 S",
        "NVIDIA RTX PRO 6000 Blackwell Server Edition",
        "rtxpro6000-pcie-96gb",
    ],
    "RTX PRO 6000 Max-Q": ["NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition"],
    "RTX PRO 4000 Mobile": ["RTX PRO 4000 Mobile"],
    "H100 SXM": ["H100 SXM5 80GB", "h100-sxm5-80gb", "H100 SXM", "NVIDIA H100 80GB HBM3"],
    "H100 PCIe": ["H100 PCIE", "NVIDIA H100 PCIe", "h100-pcie-80gb"],
    "H100 NVL": ["H100 NVL", "NVIDIA H100 NVL 94GB"],
    "A100 SXM": ["A100 SXM4", "a100-sxm4-80gb", "NVIDIA A100-SXM4-40GB"],
    "A100 PCIe": ["A100 PCIE", "NVIDIA A100 80GB PCIe"],
    "H200": ["H200", "h200-sxm5-141gb", "NVIDIA H200"],
    "H200 NVL": ["H200 NVL"],
    "B200": ["B200", "NVIDIA B200 SXM6"],
    "GH200": ["GH200 SXM", "NVIDIA GH200 480GB"],
    "V100": ["Tesla V100", "v100-sxm2-16gb", "Tesla V100-SXM2-32GB", "v100"],
    "T4": ["Tesla T4", "t4"],
    "L40S": ["L40S", "l40s-pcie-48gb"],
    "P4000": ["Quadro P4000"],
    "MI250X": ["InstinctMI250X", "AMD Instinct MI250X"],
    "RX 7900 XTX": ["RX 7900 XTX", "AMD Radeon RX 7900 XTX"],
    "Radeon PRO W7900": ["PRO W7900"],
    "CMP 170HX": ["CMP 170HX"],
    "P104-100": ["P104-100"],
}
PAIRS = [(raw, name) for name, spellings in SPELLINGS.items() for raw in spellings]


@pytest.mark.parametrize(("raw", "name"), PAIRS)
def test_every_spelling_of_a_model_has_one_name(raw: str, name: str) -> None:
    """M-36"""
    assert canonical(raw) == name


@pytest.mark.parametrize(("raw", "name"), PAIRS)
def test_case_does_not_matter_and_a_canonical_name_is_its_own(raw: str, name: str) -> None:
    assert {canonical(raw.upper()), canonical(raw.lower()), canonical(name)} == {name}


@pytest.mark.parametrize("raw", ["Strange Accelerator 9", "TPU v5e", "Gaudi 2"])
def test_an_unknown_model_keeps_its_own_name(raw: str) -> None:
    assert canonical(f" {raw}\x00 ") == raw


def test_models_that_differ_in_speed_or_memory_bus_stay_apart() -> None:
    apart = ["H100 SXM", "H100 PCIE", "H100 NVL", "A100 SXM4", "A100 PCIE", "L40", "L40S"]
    apart += ["RTX 6000Ada", "Q RTX 6000", "RTX A6000", "RTX PRO 6000", "RTX 4070", "RTX 4070S"]
    assert len({canonical(one) for one in apart}) == len(apart)


@given(st.text(max_size=300))
def test_naming_twice_changes_nothing(raw: str) -> None:
    once = canonical(raw)
    assert canonical(once) == once
    assert len(once) <= 128
    assert once == once.strip()
    assert once.isprintable()


@pytest.mark.parametrize("joint", ["  ", "-", "_", "\t"])
def test_spaces_dashes_and_underscores_are_alike(joint: str) -> None:
    joined = {joint.join(raw.split()): name for raw, name in PAIRS}
    assert {raw: canonical(raw) for raw in joined} == joined
