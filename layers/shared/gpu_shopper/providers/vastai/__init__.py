"""Vast.ai: a market of other people's machines, `https://console.vast.ai`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from gpu_shopper.core.charges import Charge
from gpu_shopper.core.instances import Instance, Launched, LaunchRequest
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.pacing import Turn
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.templates import Template
from gpu_shopper.errors.provider import BadProviderReply, ProviderUnavailable
from gpu_shopper.providers.access import Access
from gpu_shopper.providers.http import LISTING_BYTES, Call, HttpClient
from gpu_shopper.providers.vastai import account, instances, launching, logs, market, templates
from gpu_shopper.providers.vastai.offers import PROVIDER
from gpu_shopper.providers.vastai.replies import error_text, refusal
from gpu_shopper.providers.vastai.search import Row, rows_of


class VastAi:
    """The five methods of a provider, keys, balance, charges, logs and templates."""

    name = PROVIDER

    def __init__(self, http: HttpClient, *, listing_limit_s: float) -> None:
        self._http = http
        self._listing_limit_s = listing_limit_s

    def list_offers(self) -> list[Offer]:
        """The whole market, on demand only; given up after the listing's time limit."""
        deadline_s = self._http.clock_s() + self._listing_limit_s
        return market.whole_market(lambda query: self._search(query, deadline_s))

    def launch(self, request: LaunchRequest) -> Launched:
        """See `launching.launch`."""
        return launching.launch(self._http, request)

    def find(self, instance_id: str) -> Instance | None:
        """See `instances.find`."""
        return instances.find(self._http, instance_id)

    def list_instances(self) -> list[Instance]:
        """See `instances.list_all`."""
        return instances.list_all(self._http)

    def terminate(self, instance_id: str) -> None:
        """See `instances.terminate`."""
        instances.terminate(self._http, instance_id)

    def attach_ssh_keys(self, instance_id: str, keys: Iterable[str]) -> str | None:
        """For a machine adopted by its label: its launch may have ended before the keys."""
        return launching.attach_keys(self._http, instance_id, keys)

    def balance(self) -> int:
        """See `account.balance`."""
        return account.balance(self._http)

    def charges(self, start: datetime, end: datetime) -> list[Charge]:
        """See `account.charges`."""
        return account.charges(self._http, start, end)

    def logs(self, instance_id: str) -> str:
        """See `logs.logs`."""
        return logs.logs(self._http, instance_id)

    def list_templates(self) -> list[Template]:
        """See `templates.list_recommended`."""
        return templates.list_recommended(self._http)

    def _search(self, query: dict[str, Any], deadline_s: float) -> list[Row]:
        if self._http.clock_s() > deadline_s:
            raise ProviderUnavailable("the market could not be read in time", timed_out=True)
        call = Call(
            method="POST",
            path="/api/v0/bundles/",
            endpoint="search",
            turn=Turn.REFRESH,
            body=query,
            limit_bytes=LISTING_BYTES,
        )
        reply = self._http.read(call)
        if reply.status != 200:
            raise BadProviderReply(error_text(reply))
        return rows_of(reply)


def build(access: Access, settings: Settings) -> VastAi:
    """The adapter over the network."""
    http = HttpClient(
        base_url=access.base_url,
        credentials=access.credentials,
        pace=access.pace,
        refusal=refusal,
        connect_timeout_s=settings.provider_connect_timeout_s,
        read_timeout_s=settings.provider_read_timeout_s,
    )
    return VastAi(http, listing_limit_s=settings.refresh_give_up_s)
