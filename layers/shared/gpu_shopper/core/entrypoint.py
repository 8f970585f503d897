"""Machines that run their image's own entrypoint: what the known inference servers are told."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class LaunchMode(StrEnum):
    """How a machine is used: logged in to, or asked over HTTP what its image serves."""

    SSH = "ssh"
    ENTRYPOINT = "entrypoint"


GPU_MEMORY_SHARE = "0.90"
_PACKED = {"AWQ": "awq", "GPTQ": "gptq", "FP8": "fp8"}
"""Quantizations that both servers know, by their own names."""
_VLLM = ("vllm",)
_TGI = ("text-generation-inference", "tgi")


def environment(
    image: str | None, model_id: str | None, quantization: str | None, gpu_count: int
) -> Mapping[str, str]:
    """The environment that serves `model_id` with vLLM or TGI; empty for other images."""
    name = (image or "").lower()
    packed = _PACKED.get(quantization or "")
    if any(word in name for word in _VLLM):
        return _vllm(model_id, packed, gpu_count)
    if any(word in name for word in _TGI):
        given = {"MODEL_ID": model_id, "QUANTIZE": packed}
        return {key: value for key, value in given.items() if value}
    return {}


def _vllm(model_id: str | None, packed: str | None, gpu_count: int) -> Mapping[str, str]:
    arguments = ["--gpu-memory-utilization", GPU_MEMORY_SHARE]
    if packed:
        arguments += ["--quantization", packed]
    if gpu_count > 1:
        arguments += ["--tensor-parallel-size", str(gpu_count)]
    model = {"VLLM_MODEL": model_id} if model_id else {}
    return {**model, "VLLM_ARGS": " ".join(arguments)}


def api_url(host: str, port: int) -> str:
    """`http://host:port`, an IPv6 address in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
