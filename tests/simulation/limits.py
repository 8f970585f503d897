"""I11 and I12: what an attempt may cost, and whose machine may be handed over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpu_shopper.core.instances import LaunchRequest
from gpu_shopper.core.session import RetryScope
from gpu_shopper.core.settings import Settings
from tests.simulation.scheduler import Violation

if TYPE_CHECKING:
    from tests.simulation.machine import Machine
    from tests.simulation.seen import Seen

type Item = dict[str, Any]

SETTINGS = Settings()
_SCOPES = {
    RetryScope.SAME_GPU.value: SETTINGS.retry_same_gpu_price_percent,
    RetryScope.SAME_VRAM.value: SETTINGS.retry_same_vram_price_percent,
    RetryScope.ANY.value: SETTINGS.retry_any_price_percent,
}


def check_launch(seen: Seen, request: LaunchRequest) -> None:
    """I11: no launch is sent for more than the caller's cap, the scope's, or what was accepted."""
    price = request.offer.price_with_disk(request.disk_gb)
    wish, first = seen.item["wish"], seen.item["attempts"][0]
    caps = [_with_tolerance(seen.attempt)]
    if "max_price_microusd_per_hour" in wish:
        caps.append(int(wish["max_price_microusd_per_hour"]))
    if wish["auto_retry"]:
        caps.append(_accepted(first) * _SCOPES[wish["retry_scope"]] // 100)
    if price > min(caps):
        raise Violation(f"I11 {request.label} is launched for {price}, and {min(caps)} may be")


def check_running(item: Item, machine: Machine, shown_key: str | None) -> None:
    """I11, I12: a machine that is handed over costs what was agreed, and has the key we pinned.

    `shown_key` is the host key of the last login that worked.
    """
    attempt = item["attempts"][-1]
    price, most = int(attempt["price_microusd_per_hour"]), _with_tolerance(attempt)
    if price > most:
        raise Violation(f"I11 {item['id']} runs for {price}, and {most} may be")
    serves_http = item["wish"]["launch_mode"] == "entrypoint"
    if not serves_http and (shown_key is None or attempt.get("host_key") != shown_key):
        raise Violation(
            f"I12 {item['id']} runs on machine {machine.id}, which shows {shown_key},"
            f" and {attempt.get('host_key')} is pinned"
        )


def _accepted(attempt: Item) -> int:
    return int(attempt["accepted_microusd_per_hour"])


def _with_tolerance(attempt: Item) -> int:
    return _accepted(attempt) * (100 + SETTINGS.price_mismatch_percent) // 100
