"""What callers send: filters of lists, and what is to be made."""

from __future__ import annotations

from collections.abc import Mapping

REQUESTS: Mapping[str, str] = {
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
    "InventoryQuery.template_hash_id": "Only offers that can be rented with this template.",
    "TemplatesQuery.recommended": "Whether its provider recommends it; all that are known are.",
    "TemplatesQuery.use_ssh": "Whether it is made for SSH.",
    "TemplatesQuery.name": "Part of the name; case does not matter.",
    "TemplatesQuery.image": "Part of the image's name; case does not matter.",
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
    "auto_retry": "Whether further attempts are made inside this session when one fails.",
    "CreateSessionBody.max_retries": "Most further attempts; above 5 is taken as 5.",
    "CreateSessionBody.retry_scope": "Which offers are comparable; checked without retries too.",
    "CreateSessionBody.disk_gb": "Disk in GB; without it what the model needs, or the usual size.",
    "CreateSessionBody.ssh_timeout_minutes": (
        "How long the machine may take to answer over SSH; without it 10, or more for some images."
    ),
    "CreateSessionBody.storage_policy": (
        "Whether `done` and expiry destroy the machine at once, or preserve it for a drain."
    ),
    "CreateSessionBody.drain_minutes": "How long that is; without it 10, only with `preserve`.",
    "CreateSessionBody.quantization": "How its weights are packed, in any case; else by its name.",
    "CreateSessionBody.docker_image": "Image to run; without it the provider's own.",
    "CreateSessionBody.template_hash_id": "Vast.ai's template to run; not with `docker_image`.",
    "CreateSessionBody.reservation_hours": "Hours until the session expires; it may be extended.",
    "ssh_public_key": "Your public key, one line; without it a pair is made and shown once.",
    "on_start_cmd": "Command to run when the machine starts; never shown again.",
    "CreateSessionBody.idle_threshold_minutes": "End it when idle for longer; 0: never.",
    "CreateSessionBody.agent": "Install the agent; by default where a threshold is above 0.",
    "HeartbeatBody.session_id": "The session in the path, if it is named here too.",
    "HeartbeatBody.status": "What the agent says of itself.",
    "HeartbeatBody.idle_seconds": "For how long all GPUs have been idle; null when unknown.",
    "HeartbeatAnswer.status": "Always `ok`.",
    "session_status": "Where the session is in its life.",
    "next_heartbeat_seconds": "When to report again.",
    "additional_hours": "Hours to add to the reservation; up to 12, or 72 under an override.",
    "OverrideBody.max_hours": "Hours that the session may live in all, from its creation.",
    "OverrideBody.reason": "Why it may; kept with your key's id.",
    "CreateKeyBody.consumer_id": "Whose key; required for a consumer key, absent for an operator.",
    "CreateKeyBody.expires_at": "When the key ends, at most 2 years away; never, if absent.",
}
