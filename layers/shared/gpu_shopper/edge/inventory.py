"""Inventory queries in, menus out."""

from __future__ import annotations

from gpu_shopper.core import offer_ids
from gpu_shopper.core.failures import offer_healths, type_failures
from gpu_shopper.core.instants import to_text
from gpu_shopper.core.inventory import Filters, ProviderView, Sort
from gpu_shopper.core.menu import folded
from gpu_shopper.core.settings import Settings
from gpu_shopper.core.templates import narrowed
from gpu_shopper.edge.answers.health import FailedOfferBody, FailedTypeBody, OfferHealthBody
from gpu_shopper.edge.answers.offers import InventoryBody, OfferBody, ProviderBody
from gpu_shopper.edge.bodies import InventoryQuery, OfferHealthQuery
from gpu_shopper.edge.fields import microusd
from gpu_shopper.edge.problems import reflected
from gpu_shopper.errors import ValidationFailed
from gpu_shopper.usecases.deps import Deps
from gpu_shopper.usecases.inventory import Menu, list_offers, memories
from gpu_shopper.usecases.templates import get_template, provider_of_templates


def providers_of(
    query: InventoryQuery | OfferHealthQuery, enabled: tuple[str, ...]
) -> tuple[str, ...]:
    """The providers asked for. Raises ValidationFailed for one that is not enabled."""
    return (checked_provider(query.provider, enabled),) if query.provider else enabled


def menu_of(deps: Deps, query: InventoryQuery) -> Menu:
    """What was asked for; a template says of which provider, and what the offer must have.

    Raises: ValidationFailed, TemplateNotFound, ProviderNotUsable.
    """
    providers, filters = providers_of(query, deps.enabled_providers), filters_of(query)
    if query.template_hash_id:
        providers = (_with_templates(deps, providers),)
        filters = narrowed(filters, get_template(deps, query.template_hash_id))
    return list_offers(deps, providers, filters, Sort(query.sort), query.limit, query.offset)


def _with_templates(deps: Deps, providers: tuple[str, ...]) -> str:
    """The one of `providers` that has templates."""
    provider = provider_of_templates(deps)
    if provider is None or provider not in providers:
        asked = ", ".join(providers)
        raise ValidationFailed(
            [("template_hash_id", f"template_hash_id cannot be used: no templates at {asked}")]
        )
    return provider


def checked_provider(name: str, enabled: tuple[str, ...]) -> str:
    """`name`, if that provider is enabled. Raises ValidationFailed naming those that are."""
    if name not in enabled:
        text = f"provider {reflected(name)} is not one of {', '.join(enabled)}"
        raise ValidationFailed([("provider", text)])
    return name


def filters_of(query: InventoryQuery) -> Filters:
    """The query in our units; `gpu_count` is another name of `min_gpu_count`, which wins."""
    counts = (query.min_gpu_count, query.gpu_count, 0)
    return Filters(
        gpu_type=query.gpu_type,
        location=query.location,
        min_vram_gb=query.min_vram,
        max_price_microusd=None if query.max_price is None else microusd(query.max_price),
        min_gpu_count=next(count for count in counts if count is not None),
        min_reliability=query.min_reliability,
        min_confidence=query.min_availability_confidence,
        min_cuda=query.min_cuda,
    )


def offer_id_of(text: str, enabled: tuple[str, ...]) -> tuple[str, str]:
    """Provider and canonical id. Raises ValidationFailed explaining the form."""
    try:
        provider, canonical = offer_ids.normalised(text)
    except ValueError as exc:
        raise ValidationFailed([("offer_id", f"offer_id {exc}")]) from exc
    return checked_provider(provider, enabled), canonical


def inventory_body(menu: Menu, query: InventoryQuery, settings: Settings) -> InventoryBody:
    """One page with what is known of each provider."""
    return InventoryBody(
        offers=[OfferBody.of(one) for one in menu.page],
        count=len(menu.page),
        total=menu.total,
        limit=query.limit,
        offset=query.offset,
        providers={view.provider: _provider(view, menu, settings) for view in menu.views},
    )


def _provider(view: ProviderView, menu: Menu, settings: Settings) -> ProviderBody:
    return ProviderBody(
        fetched_at=to_text(view.snapshot.fetched_at) if view.snapshot else None,
        status=view.usability(menu.at, settings).value,
        error=view.error,
    )


def offer_health_body(deps: Deps, query: OfferHealthQuery) -> OfferHealthBody:
    """Failures that still count, of the providers and GPU types asked for."""
    now, settings = deps.now(), deps.settings
    wanted = folded(query.gpu_type or "")
    offers, types = list[FailedOfferBody](), list[FailedTypeBody]()
    for provider, memory in memories(deps, providers_of(query, deps.enabled_providers)).items():
        healths = offer_healths(memory, now, settings)
        offers += [
            FailedOfferBody.of(one) for one in healths if wanted in folded(one.latest.gpu_type)
        ]
        failed = type_failures(memory, now, settings)
        types += [
            FailedTypeBody.of(provider, gpu_type, number, settings.failure_type_offers)
            for gpu_type, number in sorted(failed.items())
            if wanted in folded(gpu_type)
        ]
    return OfferHealthBody(offers=offers, gpu_types=types, count=len(offers))
