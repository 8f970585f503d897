"""TensorDock v2: other people's data centres under one API, `https://dashboard.tensordock.com`."""

from __future__ import annotations

from gpu_shopper.core.instances import Instance, Launched, LaunchRequest
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.settings import Settings
from gpu_shopper.providers.access import Access
from gpu_shopper.providers.http import HttpClient
from gpu_shopper.providers.tensordock import instances, launching, market
from gpu_shopper.providers.tensordock.billing import Billing
from gpu_shopper.providers.tensordock.offers import PROVIDER
from gpu_shopper.providers.tensordock.replies import refusal


class TensorDock:
    """The five methods of a provider; keys are on the machine from its start or not at all.

    With `billing` it tells its balance too.
    """

    name = PROVIDER

    def __init__(
        self, http: HttpClient, *, create_timeout_s: float, billing: Billing | None = None
    ) -> None:
        self._http = http
        self._create_timeout_s = create_timeout_s
        if billing is not None:
            self.balance = billing.balance

    def list_offers(self) -> list[Offer]:
        """See `market.whole_market`."""
        return market.whole_market(self._http)

    def launch(self, request: LaunchRequest) -> Launched:
        """See `launching.launch`."""
        return launching.launch(self._http, request, read_timeout_s=self._create_timeout_s)

    def find(self, instance_id: str) -> Instance | None:
        """See `instances.find`."""
        return instances.find(self._http, instance_id)

    def list_instances(self) -> list[Instance]:
        """See `instances.list_all`."""
        return instances.list_all(self._http)

    def terminate(self, instance_id: str) -> None:
        """See `instances.terminate`."""
        instances.terminate(self._http, instance_id)


def build(access: Access, settings: Settings) -> TensorDock:
    """The adapter over the network."""
    http = HttpClient(
        base_url=access.base_url,
        credentials=access.credentials,
        pace=access.pace,
        refusal=refusal,
        connect_timeout_s=settings.provider_connect_timeout_s,
        read_timeout_s=settings.provider_read_timeout_s,
    )
    billing = Billing.over(access, settings) if access.billing_url else None
    return TensorDock(http, create_timeout_s=settings.tensordock_create_timeout_s, billing=billing)
