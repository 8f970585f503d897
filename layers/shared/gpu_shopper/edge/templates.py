"""Questions about templates in, answers out."""

from __future__ import annotations

import re

from gpu_shopper.core.instants import to_text
from gpu_shopper.core.inventory import Shown
from gpu_shopper.core.provider_facts import FACTS
from gpu_shopper.core.templates import HASH_ID, Wanted, chosen
from gpu_shopper.edge.answers.templates import (
    FittingTemplateBody,
    FittingTemplatesBody,
    TemplateBody,
    TemplatesBody,
)
from gpu_shopper.edge.bodies import TemplatesQuery
from gpu_shopper.errors import TemplateNotFound
from gpu_shopper.usecases.deps import Deps
from gpu_shopper.usecases.templates import templates


def hash_id_of(text: str) -> str:
    """A hash from a path. Raises TemplateNotFound for what no template can be called."""
    if re.fullmatch(HASH_ID, text) is None:
        raise TemplateNotFound("no recommended template has this hash")
    return text


def templates_body(deps: Deps, query: TemplatesQuery) -> TemplatesBody:
    """The templates asked for. Raises ProviderNotUsable."""
    known = templates(deps)
    found = chosen(known.all, Wanted(**query.model_dump()))
    return TemplatesBody(
        templates=[TemplateBody.of(one) for one in found],
        count=len(found),
        fetched_at=to_text(known.fetched_at),
    )


def fitting_body(deps: Deps, shown: Shown) -> FittingTemplatesBody:
    """The templates that fit an offer; none for providers that have no templates.

    Raises: ProviderNotUsable.
    """
    offer = shown.offer
    body = FittingTemplatesBody(
        compatible_templates=[],
        count=0,
        offer_id=offer.id,
        gpu_type=offer.gpu_type,
        vram_gb=offer.vram_gb,
    )
    if not FACTS[offer.provider].has_templates:
        body.provider, body.note = offer.provider, f"{offer.provider} has no templates"
        return body
    fitting = [one for one in templates(deps).all if one.fits(offer)]
    body.compatible_templates = [
        FittingTemplateBody(hash_id=one.hash_id, name=one.name, image=one.image) for one in fitting
    ]
    body.count = len(fitting)
    return body
