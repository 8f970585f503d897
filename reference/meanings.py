"""What every field of the API means, for callers; a test finds fields without a meaning here.

`field` means the same in every body that has it; `Model.field` differs there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gpu_shopper.core.api_keys import Role
from gpu_shopper.core.inventory import Usability
from gpu_shopper.core.session import Outcome
from gpu_shopper.core.states import EndReason, State

MEANINGS: Mapping[str, str] = {
    # Failures of offers.
    "OfferHealthQuery.provider": "Only this provider's offers; it must be enabled here.",
    "OfferHealthQuery.gpu_type": "Part of the GPU's name, as in the inventory.",
    "OfferHealthBody.offers": "Offers whose failures still count, last failed first.",
    "gpu_types": "GPU types with failed offers in the last hour.",
    "recent_failures": "Failures of the offer or its machine in the last 30 minutes.",
    "is_suppressed": "Whether the offer is hidden: neither listed nor rented.",
    "suppressed_at": "Since when it is hidden.",
    "suppressed_until": "When it comes back by itself.",
    "confidence_multiplier": "What its confidence is multiplied with; 0 while it is hidden.",
    "last_failure": "When it failed last.",
    "last_failure_type": "How it failed last.",
    "last_failure_reason": "What was said of it, if anything.",
    "gpu_type_key": "Provider and GPU type, as `vastai:RTX 4090`.",
    "failed_offer_count": "Offers on different machines that failed in the last hour.",
    "is_degraded": "Whether all offers of the type are trusted less.",
    "degradation_applied": "What their confidence is multiplied with while they are.",
    # Requests: what to list.
    "provider": "Name of the provider, such as `vastai`.",
    "gpu_type": "Name of the GPU in our spelling, such as `RTX 4090`.",
    "InventoryQuery.provider": "Only this provider's offers; it must be enabled here.",
    "InventoryQuery.gpu_type": "Part of the GPU's name; case, spaces, `-` and `_` do not matter.",
    "InventoryQuery.location": "Part of the location; case does not matter.",
    "min_vram": "Least memory per GPU in GB; above 0, offers of unknown memory drop out.",
    "max_price": "Most to pay, in USD per hour for the whole machine.",
    "min_gpu_count": "Least number of GPUs; wins over `gpu_count`.",
    "InventoryQuery.gpu_count": "Another name of `min_gpu_count`.",
    "min_reliability": "Least reliability, 0 to 1; above 0, offers without one drop out.",
    "min_availability_confidence": "Least confidence, 0 to 1, that the offer is still for rent.",
    "min_cuda": "Least CUDA version; above 0, offers of unknown version drop out.",
    "sort": "Order: cheapest first, dearest first, or highest first with unknown last.",
    "limit": "Most entries in one answer.",
    "offset": "How many entries to pass over; beyond the end the list is empty.",
    "cursor": "`next_cursor` of the page before, with the same filters and key; valid 24 hours.",
    "SessionsQuery.consumer_id": "Only this consumer's sessions; consumer keys see their own only.",
    "SessionsQuery.status": "One or more states, separated by commas.",
    "SessionsQuery.provider": "Only sessions with this provider.",
    "KeysQuery.consumer_id": "Only this consumer's keys.",
    "KeysQuery.role": "Only keys of this role.",
    "include_revoked": "Whether to list revoked keys too.",
    # Requests: what to make.
    "CreateSessionBody.consumer_id": "For whom; required with an operator key, otherwise your own.",
    "CreateSessionBody.offer_id": "Id of the offer; prefix in any case, for Vast.ai also bare.",
    "CreateSessionBody.max_price": "Refuse when the offer costs more, in USD per hour.",
    "CreateSessionBody.disk_gb": "Disk in GB; without it what the model needs, or the usual size.",
    "CreateSessionBody.ssh_timeout_minutes": (
        "How long the machine may take to answer over SSH; without it 10, or more for some images."
    ),
    "CreateSessionBody.quantization": "How its weights are packed, in any case; else by its name.",
    "CreateSessionBody.docker_image": "Image to run; without it the provider's own.",
    "CreateSessionBody.reservation_hours": "Hours until the session expires; it may be extended.",
    "ssh_public_key": "Your public key, one line; without it a pair is made and shown once.",
    "on_start_cmd": "Command to run when the machine starts; never shown again.",
    "additional_hours": "Hours to add to the reservation.",
    "CreateKeyBody.consumer_id": "Whose key; required for a consumer key, absent for an operator.",
    "CreateKeyBody.expires_at": "When the key ends, at most 2 years away; never, if absent.",
    # Offers.
    "OfferBody.id": "Id to rent it by, such as `vastai-12345678`.",
    "provider_id": "The provider's own id of the offer.",
    "gpu_name_raw": "The GPU's name as the provider writes it.",
    "gpu_count": "Number of GPUs.",
    "vram_gb": "Memory per GPU in GB; null when unknown.",
    "price_per_hour": "USD per hour for the whole machine with its disk.",
    "location": "Where the machine is, as the provider says.",
    "country": "Two-letter country code; null when unknown.",
    "reliability": "The provider's reliability figure, 0 to 1; null when unknown.",
    "available": "Always true: only offers that can be rented are shown.",
    "max_duration_hours": "Longest rental the provider allows; 0 means no limit.",
    "fetched_at": "When the offers were fetched from the provider.",
    "availability_confidence": "0 to 1: how sure it is that the offer can still be rented.",
    "cuda_version": "Newest CUDA version of the driver; null when unknown.",
    "machine_id": "The provider's id of the physical machine; unknown is null or left out.",
    "interruptible": "Always false: only machines that nobody can take back are offered.",
    "price_percentile_7d": "Where the price stands among the last 7 days'; null when not known.",
    "inet_up_usd_per_gb": "USD per GB sent.",
    "inet_down_usd_per_gb": "USD per GB received.",
    "offers": "This page of offers.",
    "total": "How many offers fit, on all pages.",
    "providers": "How fresh each provider's part of this answer is, by name.",
    "ProviderBody.status": "`stale`: older than trusted; `unavailable`: too old, none shown.",
    "ProviderBody.error": "What went wrong with the newest fetch.",
    # Sessions.
    "SessionBody.id": "Id of the session, a UUID.",
    "session_id": "Id of the session, a UUID.",
    "session": "The new session.",
    "sessions": "This page of sessions, newest first.",
    "consumer_id": "Who it is for.",
    "deployment_id": "Which deployment made it; part of every machine's label.",
    "status": "Where the session is in its life; only `stopped` and `failed` are ends.",
    "end_reason": "Why it began to end; set once.",
    "SessionBody.error": "What went wrong, for people.",
    "offer_id": "The rented offer.",
    "provider_instance_id": "The provider's id of the machine, once known.",
    "price_source": "Who said the price: the offer, or the provider for this machine.",
    "cost_usd": "Cost so far, from accepted launch to proven end, to the second.",
    "cost_through": "The instant up to which the cost counts.",
    "workload_type": "What the machine is for.",
    "reservation_hours": "Hours reserved in all.",
    "hard_max_hours": "Hours that no extension can pass.",
    "disk_gb": "Disk in GB that was asked for.",
    "model_id": "The model to run, such as `meta-llama/Llama-3.1-8B`: its disk is estimated.",
    "quantization": "How its weights are packed, if that was said.",
    "docker_image": "The image that was asked for.",
    "has_on_start_cmd": "Whether a start command was given.",
    "ssh_timeout_minutes": "Minutes from launch within which SSH must answer.",
    "ssh_host": "Where to log in.",
    "ssh_port": "The port to log in at.",
    "ssh_user": "The user to log in as.",
    "ssh_key_source": "Whose key pair it is: yours or one made here.",
    "ssh_host_key_fingerprint": "Fingerprint of the machine's host key, `SHA256:…`.",
    "known_hosts": "One line for your known_hosts file.",
    "host_key_source": "Whether we made the host key, or trusted the first one seen.",
    "host_key_changed": "Whether the host key differed from the first one later.",
    "port_map": "Port in the machine → where it can be reached.",
    "attempts": "Every try at an offer, oldest first; the last is the current one.",
    "retry_count": "Number of attempts after the first.",
    "failed_offers": "Offers whose attempts failed, in order.",
    "warnings": "What you should know and what ended nothing, newest last, at most 20.",
    "ssh_private_key": "The made private key (OpenSSH PEM); in this answer only.",
    "new_expires_at": "When the session expires now.",
    # Attempts and warnings.
    "number": "1 for the first attempt.",
    "instance_id": "The provider's id of the machine, once known.",
    "label": "The machine's label at the provider.",
    "outcome": "How the attempt stands.",
    "reason": "Why the attempt failed.",
    "code": "A stable word for what happened.",
    "message": "What happened, for people.",
    # Keys.
    "KeyBody.id": "Id of the key; its text is `gsk_<id>_<secret>`.",
    "key_id": "Id of the key, 8 characters.",
    "role": "What the key may do: rent for one consumer, or run the deployment.",
    "name": "A note of yours.",
    "created_by": "Id of the key that made it.",
    "last_used_at": "When it was last used, to within 5 minutes.",
    "key": "The new key.",
    "api_key": "The key's text; in this answer only.",
    "keys": "This page of keys.",
    # Health.
    "HealthBody.status": "Whether the store can be read.",
    "timestamp": "The instant of this answer.",
    "version": "The version of the product.",
    "services": "`ok`, `late` (three sweeps missed) or `down`, by part.",
    "ready": "Whether this deployment may be used.",
    "waiting_for": "What readiness still waits for.",
    # Pages.
    "count": "Number of entries on this page.",
    "next_cursor": "Give it as `cursor` for the next page; absent on the last.",
    # Instants.
    "at": "When it happened.",
    "created_at": "When it was made.",
    "updated_at": "When it last changed.",
    "ready_at": "When login over SSH first worked.",
    "expires_at": "When it ends by itself.",
    "hard_max_at": "When it ends at the latest, whatever is extended.",
    "stopping_at": "When its end began.",
    "stopped_at": "When the end of its machine was proven.",
    "started_at": "When the attempt began.",
    "launched_at": "When the provider accepted the launch: costs run from here.",
    "ended_at": "When the attempt's machine was proven gone: costs end here.",
    "revoked_at": "When it was revoked.",
}

WORDS: Mapping[str, Iterable[str]] = {
    "SessionBody.status": State,
    "StopBody.status": State,
    "SessionBody.end_reason": EndReason,
    "SessionBody.ssh_key_source": ("client", "generated"),
    "SessionBody.price_source": ("offer", "provider"),
    "SessionBody.host_key_source": ("injected", "first_use"),
    "AttemptBody.outcome": Outcome,
    "AttemptBody.reason": EndReason,
    "ProviderBody.status": Usability,
    "KeyBody.role": Role,
    "HealthBody.status": ("ok", "unavailable"),
}
"""Fields that are one of a few words; enumerations of the core where there is one."""

FORMATS: Mapping[str, str] = {
    "timestamp": "date-time",
    "cost_through": "date-time",
}
"""Formats of fields whose names do not end in `_at`."""


def meaning(model: str, field: str) -> str:
    """The meaning of a field. Raises KeyError naming one that has none."""
    own = f"{model}.{field}"
    return MEANINGS[own] if own in MEANINGS else MEANINGS[field]
