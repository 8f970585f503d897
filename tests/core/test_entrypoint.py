"""What inference servers are told through their environment."""

from __future__ import annotations

import pytest

from gpu_shopper.core.entrypoint import api_url, environment

VLLM = "vllm/vllm-openai:latest"
TGI = "ghcr.io/huggingface/text-generation-inference:latest"


@pytest.mark.parametrize(
    ("quantization", "gpus", "arguments"),
    [
        (None, 1, "--gpu-memory-utilization 0.90"),
        ("AWQ", 1, "--gpu-memory-utilization 0.90 --quantization awq"),
        ("BF16", 2, "--gpu-memory-utilization 0.90 --tensor-parallel-size 2"),
        ("FP8", 8, "--gpu-memory-utilization 0.90 --quantization fp8 --tensor-parallel-size 8"),
    ],
)
def test_vllm_is_told_model_and_arguments(
    quantization: str | None, gpus: int, arguments: str
) -> None:
    """5.1: parallel only over several GPUs."""
    told = environment(VLLM, "org/m-8b", quantization, gpus)
    assert told == {"VLLM_MODEL": "org/m-8b", "VLLM_ARGS": arguments}


@pytest.mark.parametrize(
    ("quantization", "more"), [(None, {}), ("GPTQ", {"QUANTIZE": "gptq"}), ("FP16", {})]
)
def test_tgi_is_told_model_and_quantization(quantization: str | None, more: dict[str, str]) -> None:
    """5.1."""
    assert environment(TGI, "org/m-8b", quantization, 4) == {"MODEL_ID": "org/m-8b"} | more


def test_without_a_model_the_image_s_own_is_served() -> None:
    assert set(environment(VLLM, None, None, 1)) == {"VLLM_ARGS"}
    assert environment(TGI, None, None, 1) == {}


@pytest.mark.parametrize("image", [None, "nginx", "nvidia/cuda:12"])
def test_other_images_are_told_nothing(image: str | None) -> None:
    assert environment(image, "org/m-8b", "AWQ", 2) == {}


def test_an_address_is_written_as_a_url() -> None:
    assert api_url("203.0.113.7", 8000) == "http://203.0.113.7:8000"
    assert api_url("2a00::1", 8000) == "http://[2a00::1]:8000"
