"""Values for tests: whole by default, changed by name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gpu_shopper.core.instances import Health, Instance, SshAddress
from gpu_shopper.core.labels import Label
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.session import Attempt, LaunchState, Session, Wish
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.states import State
from gpu_shopper.core.templates import Template

NOON = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)
DEPLOYMENT = "ab12cd34"
SESSION_ID = "7b0c2f0e-5a1d-4c7e-9a55-0d6f5f1c2e3a"
SETTINGS = Settings()
PUBLIC_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl caller"
)
TEMPLATE_HASH = "38a9dab633743d43107eb9a80d4ada9e"
ADDRESS = SshAddress("203.0.113.7", 30022, "root")


def later(seconds: float) -> datetime:
    """The instant `seconds` after NOON."""
    return NOON + timedelta(seconds=seconds)


def an_offer(**changes: Any) -> Offer:
    """An RTX 4090 at $0.40 an hour."""
    offer = Offer(
        id="vastai-1001",
        provider="vastai",
        provider_id="1001",
        gpu_type="RTX 4090",
        gpu_name_raw="RTX 4090",
        gpu_count=1,
        vram_gb=24,
        price_microusd_per_hour=400_000,
        default_disk_gb=50,
        storage_microusd_per_gb_month=100_000,
        location="Texas, US",
        country="US",
        reliability=0.99,
        max_duration_hours=0,
        base_confidence=0.9,
        cuda_version=12.8,
        machine_id="77",
        gpu_ram_mb=24_564,
    )
    return offer._replace(**changes)


def a_template(**changes: Any) -> Template:
    """A template of an image with Ollama, for cards of at least 8 GB."""
    template = Template(
        id=101,
        hash_id=TEMPLATE_HASH,
        name="Open WebUI (Ollama)",
        image="vastai/ollama",
        tag="0.15.4",
        use_ssh=True,
        ssh_direct=True,
        recommended=True,
        recommended_disk_gb=60.0,
        extra_filters='{"gpu_ram": {"gte": 8000}}',
        count_created=99,
    )
    return replace(template, **changes)


def an_attempt(**changes: Any) -> Attempt:
    """The first attempt, its machine rented at NOON and known by id."""
    attempt = Attempt(
        number=1,
        label=str(Label(DEPLOYMENT, SESSION_ID, 1)),
        offer_id="vastai-1001",
        provider="vastai",
        provider_offer_id="1001",
        gpu_type="RTX 4090",
        gpu_count=1,
        vram_gb=24,
        location="Texas, US",
        price_microusd_per_hour=400_000,
        started_at=NOON,
        launch=LaunchState.ACCEPTED,
        called_at=NOON,
        call_ended_at=NOON,
        instance_id="5001",
        launched_at=NOON,
    )
    return replace(attempt, **changes)


def a_session(**changes: Any) -> Session:
    """A session of two hours, made at NOON and running."""
    session = Session(
        id=SESSION_ID,
        consumer_id="alice",
        deployment_id=DEPLOYMENT,
        state=State.RUNNING,
        version=3,
        created_at=NOON,
        updated_at=NOON,
        state_entered_at=NOON,
        expires_at=later(7_200),
        hard_max_at=later(43_200),
        reservation_hours=2,
        hard_max_hours=12,
        wish=Wish(
            workload_type="ssh",
            offer_id="vastai-1001",
            disk_gb=50,
            ssh_timeout_min=10,
            ssh_public_key=PUBLIC_KEY,
            ssh_key_source="client",
        ),
        attempts=(an_attempt(),),
    )
    return replace(session, **changes)


def an_instance(**changes: Any) -> Instance:
    """The machine of `an_attempt`, up and reachable."""
    instance = Instance(
        id="5001",
        provider="vastai",
        label=str(Label(DEPLOYMENT, SESSION_ID, 1)),
        health=Health.UP,
        status="running",
        price_microusd_per_hour=400_000,
        ssh=ADDRESS,
    )
    return replace(instance, **changes)
