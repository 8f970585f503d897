"""Reading templates, and which of them fit an offer."""

from __future__ import annotations

from datetime import timedelta

from gpu_shopper.core.compatibility import unmet
from gpu_shopper.core.offers import Offer
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.templates import Template, Templates
from gpu_shopper.errors import ProviderNotUsable, TemplateNotFound, ValidationFailed
from gpu_shopper.store import templates as store
from gpu_shopper.usecases.deps import Deps
from gpu_shopper.usecases.inventory import RETRY_AFTER_S


def provider_of_templates(deps: Deps) -> str | None:
    """The enabled provider that has templates; their hashes do not say whose they are."""
    return next((name for name in deps.enabled_providers if FACTS[name].has_templates), None)


def templates(deps: Deps) -> Templates:
    """Every template, most used first.

    Raises: ProviderNotUsable when no provider has any, or none were fetched in the last 24 h.
    """
    provider = provider_of_templates(deps)
    since = deps.now() - timedelta(seconds=deps.settings.templates_usable_s)
    found = provider and store.newest(deps.inventory, deps.templates, provider, since)
    if not found:
        raise ProviderNotUsable(
            f"no templates of {provider or 'an enabled provider'} are known now",
            retry_suggested=True,
            retry_after_seconds=RETRY_AFTER_S,
        )
    return found


def get_template(deps: Deps, hash_id: str) -> Template:
    """The template with this hash. Raises TemplateNotFound, ProviderNotUsable."""
    found = templates(deps).get(hash_id)
    if found is None:
        raise TemplateNotFound("no recommended template has this hash")
    return found


def fitting_template(deps: Deps, hash_id: str, offer: Offer) -> Template:
    """The template with this hash, for a launch of `offer`.

    Raises: TemplateNotFound, ProviderNotUsable, ValidationFailed naming what the offer lacks.
    """
    template = get_template(deps, hash_id)
    lacking = unmet(offer, template.conditions)
    if lacking:
        text = f"template_hash_id does not fit the offer, which lacks {', '.join(lacking)}"
        raise ValidationFailed([("template_hash_id", text)])
    return template
