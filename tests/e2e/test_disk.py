"""Disk by model: refused when it cannot do, chosen when nobody says."""

from __future__ import annotations

from tests.e2e import provider
from tests.e2e.renting import Renting, wish

MODEL = "meta-llama/Llama-3.1-8B"


def test_too_little_disk_leaves_nothing_and_the_model_s_disk_is_rented(renting: Renting) -> None:
    """X-9, M-8: neither record nor lock; then the machine gets what was recommended."""
    offer, consumer = renting.offer(), renting.consumer()
    body = wish(offer, model_id=MODEL, disk_gb=38)
    refused = consumer.send("POST", "/api/v1/sessions", json=body)
    assert (refused.status_code, refused.json()["error_type"]) == (400, "insufficient_disk")
    assert (refused.json()["minimum_gb"], refused.json()["recommended_gb"]) == (39, 50)
    assert refused.json()["breakdown"]["model_weight_gb"] == 16
    assert consumer.get("/api/v1/sessions")["sessions"] == []
    rental = renting.rent(offer, consumer, model_id=MODEL, quantization="fp32")
    assert (rental.created["disk_gb"], rental.created["quantization"]) == (80, "FP32")
    rental.until("running")
    (launch,) = provider.launches(renting.live, rental.offer_id)
    assert launch["body"]["disk"] == 80
    rental.end()


def test_an_image_that_loads_long_gets_longer(renting: Renting) -> None:
    """BUG-005: 15 minutes for vLLM, unless the caller says."""
    rental = renting.rent(docker_image="vllm/vllm-openai:latest")
    assert rental.created["ssh_timeout_minutes"] == 15
    rental.end()
