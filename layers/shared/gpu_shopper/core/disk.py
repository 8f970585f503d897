"""How much disk a model needs, in exact decimals, before anything is rented.

Sizes are GB. The figures are those of the product's contract.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

IMAGE_GB = 10
TEMPLATE_IMAGE_GB = 15
SYSTEM_GB = 5
BUFFER_SHARE = Decimal("0.5")
"""Of the weights: a download is on the disk beside what it is unpacked to."""
ROOM = Decimal("1.2")
STEP_GB = 5
MAX_DISK_GB = 10_000
"""The largest disk that may be asked for."""

QUANTIZATIONS: Mapping[str, Decimal] = {
    "FP32": Decimal(4),
    "FP16": Decimal(2),
    "BF16": Decimal(2),
    "FP8": Decimal(1),
    "INT8": Decimal(1),
    "INT4": Decimal("0.5"),
    "AWQ": Decimal("0.5625"),
    "GPTQ": Decimal("0.5625"),
    "GGUF-Q4": Decimal("0.5"),
}
"""Bytes per parameter of what a caller may name."""
_USUAL_BYTES = Decimal(2)

_KNOWN: Mapping[str, Decimal] = {
    "deepseek-r1": Decimal(671),
    "deepseek-v3": Decimal(671),
    "deepseek-v2": Decimal(236),
    "deepseek-coder-v2": Decimal(236),
}
"""Billions of parameters of models whose names do not tell them; the others' names do."""
_VARIANT = re.compile(r"-(?:instruct|base|chat|zero|[0-9]{4})$")
_IN_NAME = re.compile(r"[-_](awq|gptq|fp8|int8|int4)(?![a-z0-9])")
_EXPERTS = re.compile(r"[-_]([0-9]{1,4})x([0-9]{1,5}(?:\.[0-9]{1,3})?)b(?![a-z0-9])")
_SIZE = re.compile(r"[-_]([0-9]{1,5}(?:\.[0-9]{1,3})?)b(?![a-z0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskEstimate:
    """What a session needs on its disk, and of what that is made.

    `param_count_b` is in billions; None, with no weights, when only a template says a size.
    """

    minimum_gb: int
    recommended_gb: int
    model_weight_gb: Decimal = Decimal(0)
    download_buffer_gb: Decimal = Decimal(0)
    docker_image_gb: int = 0
    system_overhead_gb: int = 0
    template_floor_gb: int | None = None
    model_id: str | None = None
    quantization: str | None = None
    param_count_b: Decimal | None = None


def estimate(
    model_id: str | None,
    quantization: str | None,
    *,
    from_template: bool = False,
    template_floor_gb: int | None = None,
) -> DiskEstimate | None:
    """What `model_id` needs, or what its template recommends; None when neither can be told.

    `template_floor_gb` raises both sizes where it is larger; without a model it is taken as it is.
    """
    parameters = parameters_bn(model_id) if model_id else None
    if parameters is not None:
        return _of_model(model_id, quantization, parameters, from_template, template_floor_gb)
    if not template_floor_gb:
        return None
    floor = template_floor_gb
    return DiskEstimate(minimum_gb=floor, recommended_gb=floor, template_floor_gb=floor)


def weights_gb(model_id: str | None, quantization: str | None) -> Decimal | None:
    """The model's weights alone; None when its parameters cannot be told."""
    parameters = parameters_bn(model_id) if model_id else None
    if parameters is None:
        return None
    return parameters * _bytes_per_parameter(quantization or quantization_of(model_id or ""))


def parameters_bn(model_id: str) -> Decimal | None:
    """Billions of parameters by the model's name, which may follow its owner's and a slash."""
    name = model_id.lower().rsplit("/", 1)[-1]
    known = _KNOWN.get(_VARIANT.sub("", _IN_NAME.sub("", name)))
    if known is not None:
        return known
    experts = _EXPERTS.search(name)
    if experts:
        return _positive(int(experts[1]) * Decimal(experts[2]))
    size = _SIZE.search(name)
    return _positive(Decimal(size[1])) if size else None


def quantization_of(model_id: str) -> str | None:
    """The quantization in the model's name, if it has one."""
    found = _IN_NAME.search(model_id.lower())
    return found[1].upper() if found else None


def _positive(parameters: Decimal) -> Decimal | None:
    return parameters if parameters > 0 else None


def _bytes_per_parameter(quantization: str | None) -> Decimal:
    return QUANTIZATIONS.get((quantization or "").upper(), _USUAL_BYTES)


def _of_model(
    model_id: str | None,
    quantization: str | None,
    parameters: Decimal,
    from_template: bool,
    template_floor_gb: int | None,
) -> DiskEstimate:
    used = quantization or quantization_of(model_id or "")
    weights = parameters * _bytes_per_parameter(used)
    image = TEMPLATE_IMAGE_GB if from_template else IMAGE_GB
    total = weights + BUFFER_SHARE * weights + image + SYSTEM_GB
    floor = template_floor_gb or 0
    return DiskEstimate(
        minimum_gb=max(_ceiling(total), floor),
        recommended_gb=max(-(-_ceiling(ROOM * total) // STEP_GB) * STEP_GB, floor),
        model_weight_gb=weights,
        download_buffer_gb=BUFFER_SHARE * weights,
        docker_image_gb=image,
        system_overhead_gb=SYSTEM_GB,
        template_floor_gb=template_floor_gb,
        model_id=model_id,
        quantization=used,
        param_count_b=parameters,
    )


def _ceiling(size: Decimal) -> int:
    return int(size.to_integral_value(ROUND_CEILING))
