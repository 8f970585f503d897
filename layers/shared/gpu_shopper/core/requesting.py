"""What a provider is asked for on behalf of a session's current attempt."""

from __future__ import annotations

from gpu_shopper.core.entrypoint import environment
from gpu_shopper.core.instances import HostKey, LaunchRequest
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.retrying import disk_gb_at
from gpu_shopper.core.session import Session


def launch_request(
    session: Session, offer: Offer, host_key: HostKey | None, agent_cmd: str | None = None
) -> LaunchRequest:
    """The launch of the current attempt, at `offer`; where the image serves HTTP, without SSH."""
    wish, attempt = session.wish, session.attempt
    env = environment(wish.docker_image, wish.model_id, wish.quantization, attempt.gpu_count)
    return LaunchRequest(
        offer=offer,
        label=attempt.label,
        disk_gb=disk_gb_at(offer.provider, wish),
        ssh_public_keys=session_keys(session),
        image=wish.docker_image,
        template_hash_id=wish.template.hash_id if wish.template else None,
        # Commands of ours replace the template's own, so they bring it along.
        on_start_cmd=wish.start_up if host_key or agent_cmd else wish.on_start_cmd,
        agent_cmd=agent_cmd,
        env=env if wish.serves_http else {},
        exposed_ports=wish.exposed_ports,
        host_key=host_key,
        entrypoint=wish.serves_http,
    )


def session_keys(session: Session) -> tuple[str, ...]:
    """The public keys that may log in, if anybody may: the caller's, and our probe's."""
    if session.wish.serves_http:
        return ()
    return tuple(key for key in (session.wish.ssh_public_key, session.probe_public_key) if key)
