"""What a caller asks for, and the wish that a session keeps of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from gpu_shopper.core.deadlines import ready_within_min
from gpu_shopper.core.entrypoint import LaunchMode
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.session import ChosenTemplate, Notice, RetryScope, StoragePolicy, Wish
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.templates import Template
from gpu_shopper.errors import ValidationFailed
from gpu_shopper.usecases.deps import Deps


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """A validated request for a session; None means that the caller left it to us."""

    consumer_id: str
    provider: str
    offer_id: str
    workload_type: str
    reservation_hours: int
    ssh_public_key: str | None = None
    max_price_microusd_per_hour: int | None = None
    disk_gb: int | None = None
    ssh_timeout_min: int | None = None
    auto_retry: bool = False
    max_retries: int | None = None
    retry_scope: RetryScope = RetryScope.SAME_GPU
    docker_image: str | None = None
    template_hash_id: str | None = None
    on_start_cmd: str | None = field(default=None, repr=False)
    model_id: str | None = None
    quantization: str | None = None
    launch_mode: LaunchMode = LaunchMode.SSH
    exposed_ports: tuple[int, ...] = ()
    health_path: str = "/"
    agent: bool = False
    idle_threshold_min: int = 0
    storage_policy: StoragePolicy = StoragePolicy.DESTROY
    drain_min: int | None = None


def check_software(wanted: NewSession) -> None:
    """A machine runs an image or a template, where it takes one. Raises ValidationFailed."""
    provider, facts = wanted.provider, FACTS[wanted.provider]
    if wanted.docker_image is not None and not facts.takes_image:
        text = f"docker_image cannot be chosen at {provider}: its machines are no containers"
        raise ValidationFailed([("docker_image", text)])
    if wanted.template_hash_id is None:
        return
    if not facts.has_templates:
        text = f"template_hash_id cannot be used at {provider}: it has no templates"
        raise ValidationFailed([("template_hash_id", text)])
    if wanted.docker_image is not None:
        text = "template_hash_id brings an image of its own: leave docker_image out"
        raise ValidationFailed([("template_hash_id", text)])


def capped(deps: Deps, wanted: NewSession, now: datetime) -> tuple[Notice, ...]:
    """A warning when more retries were asked for than a session may have."""
    most = deps.settings.retry_max
    if (wanted.max_retries or 0) <= most:
        return ()
    message = f"max_retries is taken as {most}, the most that a session may have"
    return (Notice(code="max_retries_capped", message=message, at=now),)


def wish_of(
    deps: Deps, wanted: NewSession, template: Template | None, public_line: str, disk_gb: int
) -> Wish:
    """The wish, defaults filled in; `disk_gb` is what will be rented."""
    image = template.image if template else wanted.docker_image
    return Wish(
        workload_type=wanted.workload_type,
        offer_id=wanted.offer_id,
        disk_gb=disk_gb,
        ssh_timeout_min=wanted.ssh_timeout_min or ready_within_min(image, deps.settings),
        ssh_public_key=public_line,
        ssh_key_source="client" if wanted.ssh_public_key else "generated",
        max_price_microusd_per_hour=wanted.max_price_microusd_per_hour,
        auto_retry=wanted.auto_retry,
        max_retries=_max_retries(wanted, deps.settings),
        retry_scope=wanted.retry_scope,
        docker_image=wanted.docker_image,
        template=_kept(template) if template else None,
        on_start_cmd=wanted.on_start_cmd,
        model_id=wanted.model_id,
        quantization=wanted.quantization,
        launch_mode=wanted.launch_mode,
        exposed_ports=wanted.exposed_ports,
        health_path=wanted.health_path,
        agent=wanted.agent,
        idle_threshold_min=wanted.idle_threshold_min,
        storage_policy=wanted.storage_policy,
        drain_min=_drain_min(wanted, deps.settings),
    )


def _kept(template: Template) -> ChosenTemplate:
    return ChosenTemplate(
        hash_id=template.hash_id,
        name=template.name,
        onstart=template.onstart,
        extra_filters=template.extra_filters,
    )


def _drain_min(wanted: NewSession, settings: Settings) -> int | None:
    if wanted.storage_policy is not StoragePolicy.PRESERVE:
        return None
    return settings.drain_default_min if wanted.drain_min is None else wanted.drain_min


def _max_retries(wanted: NewSession, settings: Settings) -> int:
    asked = settings.retry_default if wanted.max_retries is None else wanted.max_retries
    return min(asked, settings.retry_max)
