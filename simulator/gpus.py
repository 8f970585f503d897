"""The GPU models of the sample market, as Vast.ai spells them.

Weights, prices and memory sizes are calibrated on public snapshots of offers; power, bandwidth
and TFLOPS are the makers' data-sheet values.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.draws import Weighted


@dataclass(frozen=True)
class GpuModel:
    """One model. Prices in $ per GPU-hour as listed; memory in MB per GPU; power in W."""

    name: str
    weight: float
    kind: str
    memory: Weighted[tuple[int, float]]
    price: float
    spread: float
    compute_cap: int
    power_w: int
    tflops: float
    bandwidth_gbs: float

    @property
    def arch(self) -> str:
        """nvidia or amd, as in the row's `gpu_arch`."""
        return "nvidia" if self.compute_cap else "amd"

    @property
    def forced_to_eight(self) -> bool:
        """SXM boards are mostly sold as whole machines of eight."""
        return "SXM" in self.name or self.name in ("H200", "B200")


# name|weight|kind|memory MB[:share[:price factor]],...|$/h|sigma|capability|W|TFLOPS|GB/s
_TABLE = """
RTX 4090|17|consumer|24564:96.5,23028:2,49140:1.5:1.28|.31|.24|890|450|82.6|1008
RTX 5090|15|consumer|32607|.39|.25|1200|575|104.8|1792
RTX 3090|12|consumer|24576|.15|.28|860|350|35.6|936
RTX 5060 Ti|4|consumer|16311:80,8151:20:.8|.09|.25|1200|180|23.7|448
H100 SXM|3.6|datacenter|81559|1.9|.22|900|700|66.9|3350
RTX 5070 Ti|3|consumer|16303|.13|.25|1200|300|43.9|896
RTX 3060|3|consumer|12288|.05|.3|860|170|12.7|360
RTX A6000|2.6|pro|49140:85,46068:15|.42|.2|860|300|38.7|768
RTX 5080|2.5|consumer|16303|.17|.25|1200|360|56.3|960
H200|2.4|datacenter|143771|2.5|.16|900|700|66.9|4800
RTX 3080|2|consumer|10240:70,12288:25,20470:5:1.2|.09|.3|860|320|29.8|760
RTX 4070 Ti|1.5|consumer|12282|.1|.25|890|285|40.1|504
RTX 3080 Ti|1.2|consumer|12288|.1|.28|860|350|34.1|912
RTX 4080|1.3|consumer|16376|.16|.25|890|320|48.7|717
RTX 4080S|1.6|consumer|16376|.17|.25|890|320|52.2|736
RTX 4070S Ti|1.4|consumer|16376|.13|.25|890|285|44.1|672
RTX 4070S|1.2|consumer|12282|.1|.25|890|220|35.5|504
RTX 4070|1.2|consumer|12282|.08|.25|890|200|29.1|504
RTX 4060 Ti|2|consumer|16380:75,8188:25:.75|.08|.25|890|165|22.1|288
RTX 4060|1.1|consumer|8188|.06|.25|890|115|15.1|272
RTX 5070|1.3|consumer|12227|.1|.25|1200|250|30.9|672
RTX 5060|.7|consumer|8151|.07|.25|1200|145|19.2|448
RTX 3070|1.4|consumer|8192|.06|.3|860|220|20.3|448
RTX 3070 Ti|.6|consumer|8192|.07|.3|860|290|21.7|608
RTX 3060 Ti|.9|consumer|8192|.06|.3|860|200|16.2|448
RTX 3090 Ti|.6|consumer|24564|.18|.28|860|450|40.0|1008
RTX 4090D|.7|consumer|24564:80,49140:20:1.28|.3|.25|890|425|73.5|1008
RTX 2080 Ti|1.2|consumer|11264:85,22528:15:1.25|.07|.3|750|250|13.4|616
RTX 2070|.3|consumer|8192|.05|.3|750|175|7.5|448
RTX 2060|.3|consumer|6144|.04|.3|750|160|6.5|336
GTX 1080 Ti|.8|consumer|11264|.05|.3|610|250|11.3|484
GTX 1080|.5|consumer|8192|.04|.3|610|180|8.9|320
GTX 1070|.3|consumer|8192|.03|.3|610|150|6.5|256
GTX 1660 S|.4|consumer|6144|.03|.3|750|125|5.0|336
Titan RTX|.2|consumer|24576|.12|.3|750|280|16.3|672
Titan V|.15|consumer|12288|.1|.3|700|250|14.9|653
CMP 170HX|.1|consumer|8192|.06|.35|800|250|12.6|1493
A100 SXM4|2.3|datacenter|81920:70,40960:30:.72|.79|.3|800|400|19.5|2039
A100 PCIE|1.6|datacenter|81920:60,40960:40:.72|.75|.28|800|300|19.5|1935
A40|1.0|datacenter|46068:80,49140:20|.38|.2|860|300|37.4|696
A10|.6|datacenter|23028|.22|.22|860|150|31.2|600
A30|.3|datacenter|24576|.25|.25|800|165|10.3|933
A16|.15|datacenter|15356|.1|.25|860|62|4.5|200
L4|.8|datacenter|23034|.28|.2|890|72|30.3|300
L40|.9|datacenter|46068|.48|.22|890|300|90.5|864
L40S|2.0|datacenter|46068|.51|.24|890|350|91.6|864
H100 PCIE|.9|datacenter|81559|1.75|.2|900|350|51.2|2039
H100 NVL|1.2|datacenter|95830|1.85|.2|900|400|60.0|3938
H200 NVL|.7|datacenter|143771|2.3|.18|900|600|60.0|4800
GH200 SXM|.2|datacenter|97871|1.5|.25|900|900|66.9|4000
B200|1.5|datacenter|183359|4.3|.15|1000|1000|74.5|8000
Tesla V100|1.0|datacenter|16384:60:.8,32768:40|.2|.3|700|300|15.7|900
Tesla P100|.4|datacenter|16384|.07|.3|600|250|9.3|732
Tesla P40|.4|datacenter|24576|.08|.3|610|250|11.8|347
Tesla T4|.9|datacenter|15360|.1|.25|750|70|8.1|320
RTX A5000|1.1|pro|24564|.2|.22|860|230|27.8|768
RTX A4500|.4|pro|20470|.15|.22|860|200|23.7|640
RTX A4000|1.4|pro|16376|.1|.22|860|140|19.2|448
RTX A2000|.4|pro|12282|.06|.22|860|70|8.0|288
RTX 6000Ada|1.6|pro|49140:80,46068:20|.6|.2|890|300|91.1|960
RTX 5000Ada|.4|pro|32760|.4|.2|890|250|65.3|576
RTX 4000Ada|.6|pro|20475|.2|.2|890|130|26.7|360
RTX PRO 6000 WS|2.0|pro|97887|.95|.2|1200|600|125.0|1792
RTX PRO 6000 S|1.0|pro|97887|.98|.2|1200|600|120.0|1597
RTX PRO 5000|.3|pro|48935|.55|.22|1200|300|73.7|1344
RTX PRO 4000|.3|pro|24467|.25|.22|1200|140|46.9|672
Q RTX 8000|.5|pro|49152|.25|.25|750|295|16.3|672
Q RTX 6000|.4|pro|24576|.15|.25|750|295|16.3|672
Q RTX 4000|.2|pro|8192|.06|.25|750|160|7.1|416
InstinctMI250X|.25|datacenter|65520|.9|.25|0|560|47.9|3277
RX 7900 XTX|.2|consumer|24560|.2|.25|0|355|61.4|960
"""

_COUNTS = {
    "consumer": "1:34 2:17 3:4 4:17 5:2 6:5 7:2 8:15 9:.6 10:1 12:1.6 16:.8",
    "pro": "1:30 2:20 4:20 6:4 8:22 10:4",
    "datacenter": "8:58 4:16 1:14 2:10",
}


def _memory(text: str) -> Weighted[tuple[int, float]]:
    pairs = []
    for variant in text.split(","):
        megabytes, _, rest = variant.partition(":")
        weight, _, factor = rest.partition(":")
        pairs.append(((int(megabytes), float(factor or 1)), float(weight or 100)))
    return Weighted.of(pairs)


def _model(line: str) -> GpuModel:
    name, weight, kind, memory, price, spread, cap, power, tflops, bandwidth = line.split("|")
    return GpuModel(
        name=name,
        weight=float(weight),
        kind=kind,
        memory=_memory(memory),
        price=float(price),
        spread=float(spread),
        compute_cap=int(cap),
        power_w=int(power),
        tflops=float(tflops),
        bandwidth_gbs=float(bandwidth),
    )


def _counts(text: str) -> Weighted[int]:
    pairs = (part.split(":") for part in text.split())
    return Weighted.of([(int(count), float(weight)) for count, weight in pairs])


MODELS: tuple[GpuModel, ...] = tuple(_model(line) for line in _TABLE.strip().splitlines())
BY_NAME: dict[str, GpuModel] = {model.name: model for model in MODELS}
MODEL_DRAW: Weighted[GpuModel] = Weighted.of([(model, model.weight) for model in MODELS])
GPUS_PER_MACHINE: dict[str, Weighted[int]] = {k: _counts(v) for k, v in _COUNTS.items()}
