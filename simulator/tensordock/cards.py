"""The GPUs that TensorDock's locations offer, by its own names for them."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.draws import Weighted
from simulator.gpus import BY_NAME, GpuModel

_MB_PER_GB = 1024


@dataclass(frozen=True)
class Card:
    """One GPU. `v0_name` is TensorDock's id of it, `price` the usual $/h per GPU."""

    v0_name: str
    display_name: str
    model: GpuModel
    memory_gb: int
    price: float

    @property
    def memory_mb(self) -> int:
        """As `nvidia-smi` shows it: the model's variant nearest to the size in the name."""
        sizes = [megabytes for megabytes, _ in self.model.memory.values]
        return min(sizes, key=lambda size: abs(size - self.memory_gb * _MB_PER_GB))


# weight|v0Name|display name|model in simulator.gpus|$/h per GPU
_TABLE = """
9|geforcertx4090-pcie-24gb|NVIDIA GeForce RTX 4090 PCIe 24GB|RTX 4090|.35
5|geforcertx5090-pcie-32gb|NVIDIA GeForce RTX 5090 PCIe 32GB|RTX 5090|.55
6|geforcertx3090-pcie-24gb|NVIDIA GeForce RTX 3090 PCIe 24GB|RTX 3090|.2
6|rtxa4000-pcie-16gb|NVIDIA RTX A4000 PCIe 16GB|RTX A4000|.11
4|rtxa5000-pcie-24gb|NVIDIA RTX A5000 PCIe 24GB|RTX A5000|.2
5|rtxa6000-pcie-48gb|NVIDIA RTX A6000 PCIe 48GB|RTX A6000|.4
3|rtx6000ada-pcie-48gb|NVIDIA RTX 6000 Ada PCIe 48GB|RTX 6000Ada|.7
2|rtxpro6000-pcie-96gb|NVIDIA RTX PRO 6000 Blackwell PCIe 96GB|RTX PRO 6000 S|1.05
4|a100-sxm4-80gb|NVIDIA A100 SXM4 80GB|A100 SXM4|1.2
4|a100-pcie-80gb|NVIDIA A100 PCIe 80GB|A100 PCIE|.95
5|h100-sxm5-80gb|NVIDIA H100 SXM5 80GB|H100 SXM|2.25
3|h100-pcie-80gb|NVIDIA H100 PCIe 80GB|H100 PCIE|1.99
2|l4-pcie-24gb|NVIDIA L4 PCIe 24GB|L4|.35
3|l40-pcie-48gb|NVIDIA L40 PCIe 48GB|L40|.7
4|l40s-pcie-48gb|NVIDIA L40S PCIe 48GB|L40S|.8
3|a40-pcie-48gb|NVIDIA A40 PCIe 48GB|A40|.4
3|v100-sxm2-16gb|NVIDIA Tesla V100 SXM2 16GB|Tesla V100|.22
"""


def _card(line: str) -> tuple[Card, float]:
    weight, v0_name, display_name, model, price = line.split("|")
    memory_gb = int(v0_name.rsplit("-", 1)[1].removesuffix("gb"))
    card = Card(v0_name, display_name, BY_NAME[model], memory_gb, float(price))
    return card, float(weight)


CARD_DRAW: Weighted[Card] = Weighted.of([_card(line) for line in _TABLE.strip().splitlines()])
BY_V0_NAME: dict[str, Card] = {card.v0_name: card for card in CARD_DRAW.values}


def card_of(name: str) -> Card | None:
    """The card with that v0Name or model name."""
    known = (card for card in CARD_DRAW.values if name in (card.v0_name, card.model.name))
    return next(known, None)
