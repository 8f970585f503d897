"""Disk estimates: the contract's vectors, and every way in which a name tells a size."""

from __future__ import annotations

import typing
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_shopper.core.disk import QUANTIZATIONS, estimate, parameters_bn, weights_gb
from gpu_shopper.edge.fields import Quantization


@pytest.mark.parametrize(
    ("model", "quantization", "weights", "minimum", "recommended"),
    [
        ("meta-llama/Llama-3.1-70B", None, "140", 225, 270),
        ("meta-llama/Llama-3.1-8B", None, "16", 39, 50),
        ("TheBloke/Llama-2-70B-AWQ", None, "39.375", 75, 90),
        ("deepseek-ai/DeepSeek-R1", "FP8", "671", 1022, 1230),
        ("mistralai/Mixtral-8x7B", None, "112", 183, 220),
    ],
)
def test_a_model_needs_what_the_contract_s_vectors_say(
    model: str, quantization: str | None, weights: str, minimum: int, recommended: int
) -> None:
    """2.17."""
    found = estimate(model, quantization)
    assert found is not None
    assert found.model_weight_gb == Decimal(weights) == weights_gb(model, quantization)
    assert (found.minimum_gb, found.recommended_gb) == (minimum, recommended)


def test_a_template_s_image_is_larger() -> None:
    """2.17: 15 GB instead of 10."""
    found = estimate("meta-llama/Llama-3.1-8B", None, from_template=True)
    assert found is not None
    assert (found.docker_image_gb, found.minimum_gb, found.recommended_gb) == (15, 44, 55)


@pytest.mark.parametrize(("floor", "sizes"), [(43, (44, 55)), (50, (50, 55)), (60, (60, 60))])
def test_a_template_s_size_raises_both_where_it_is_larger(
    floor: int, sizes: tuple[int, int]
) -> None:
    """2.17."""
    found = estimate("Llama-3.1-8B", None, from_template=True, template_floor_gb=floor)
    assert found is not None
    assert (found.minimum_gb, found.recommended_gb, found.template_floor_gb) == (*sizes, floor)


def test_a_template_alone_is_believed() -> None:
    """2.17: template 50 GB only, and no weights to compare with a machine's disk."""
    found = estimate(None, None, from_template=True, template_floor_gb=50)
    assert found is not None
    assert (found.minimum_gb, found.recommended_gb, found.param_count_b) == (50, 50, None)
    assert weights_gb(None, None) is None


@pytest.mark.parametrize("model", [None, "", "openai/whisper-large", "phi", "a-b", "x-0b", "7b"])
def test_without_a_size_there_is_no_estimate(model: str | None) -> None:
    """2.17: whisper-large."""
    assert estimate(model, "FP8") is None
    assert estimate(model, None, template_floor_gb=0) is None


@pytest.mark.parametrize(
    ("model", "billions"),
    [
        ("deepseek-ai/DeepSeek-R1", "671"),
        ("DEEPSEEK-AI/deepseek-v3", "671"),
        ("deepseek-ai/DeepSeek-V3-0324", "671"),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "70"),
        ("deepseek-ai/DeepSeek-V2", "236"),
        ("deepseek-ai/DeepSeek-Coder-V2", "236"),
        ("deepseek-ai/DeepSeek-Coder-V2-Instruct", "236"),
        ("deepseek-ai/DeepSeek-R1-AWQ", "671"),
        ("mistralai/Mixtral-8x22B-v0.1", "176"),
        ("mistralai/Mixtral-8x22B-Instruct", "176"),
        ("meta-llama/Llama-2-70b-hf", "70"),
        ("meta-llama/Meta-Llama-3-70B", "70"),
        ("meta-llama/Meta-Llama-3.1-70B", "70"),
        ("meta-llama/Meta-Llama-3.1-405B", "405"),
        ("meta-llama/Meta-Llama-3.1-405B-FP8", "405"),
        ("01-ai/Yi-34B", "34"),
        ("tiiuae/falcon-180B", "180"),
        ("TinyLlama_1.1b", "1.1"),
        ("google/gemma-2-9b-it", "9"),
        ("Qwen/Qwen3-30B-A3B", "30"),
    ],
)
def test_parameters_are_told_from_the_name_in_any_case(model: str, billions: str) -> None:
    """2.17."""
    assert parameters_bn(model) == parameters_bn(model.upper()) == Decimal(billions)


@pytest.mark.parametrize("model", ["llama-4bit", "owner-70b/whisper", "m-70bx", "deepseek-r"])
def test_what_only_looks_like_a_size_is_none(model: str) -> None:
    """2.17: the b ends the number's word, and the owner's name says nothing."""
    assert parameters_bn(model) is None


@pytest.mark.parametrize(
    ("model", "given", "weights"),
    [
        ("m-10b", None, "20"),
        ("m-10b", "FP32", "40"),
        ("m-10b", "bf16", "20"),
        ("m-10b", "INT8", "10"),
        ("m-10b", "GPTQ", "5.625"),
        ("m-10b", "GGUF-Q4", "5"),
        ("m-10b_int4", None, "5"),
        ("m-10b-FP8-dynamic", None, "10"),
        ("m-10b-int8", None, "10"),
        ("m-10b-gptq", "FP16", "20"),
        ("m-10b", "strange", "20"),
        ("m-10b-awqx", None, "20"),
    ],
)
def test_bytes_per_parameter_are_as_given_else_as_named_else_two(
    model: str, given: str | None, weights: str
) -> None:
    """2.17."""
    assert weights_gb(model, given) == Decimal(weights)


def test_a_caller_may_name_exactly_the_known_quantizations() -> None:
    """QA-L2: one list."""
    literal = typing.get_args(Quantization)[0]
    assert set(typing.get_args(literal)) == set(QUANTIZATIONS)


@given(st.text(max_size=200), st.sampled_from([None, *QUANTIZATIONS]))
def test_no_name_breaks_an_estimate(model: str, quantization: str | None) -> None:
    found = estimate(model, quantization, template_floor_gb=8)
    assert found is not None
    assert 8 <= found.minimum_gb <= found.recommended_gb


@given(st.integers(1, 99_999), st.sampled_from([*QUANTIZATIONS]))
def test_the_recommended_size_is_a_fifth_more_in_fives(size: int, quantization: str) -> None:
    found = estimate(f"m-{size}b", quantization)
    assert found is not None
    assert found.recommended_gb % 5 == 0
    assert found.recommended_gb >= Decimal("1.2") * (found.minimum_gb - 1)
