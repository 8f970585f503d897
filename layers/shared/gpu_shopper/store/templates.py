"""Templates, kept like snapshots: a pointer in the table, one object for each complete fetch.

pk TEMPLATES#<provider>  sk POINTER, LEASE      see `store.fetches`
object <provider>/templates/<generation>.json   the templates of one fetch
"""

from __future__ import annotations

import json
from datetime import datetime

from gpu_shopper.core.instants import from_text, to_text
from gpu_shopper.core.templates import Template, Templates
from gpu_shopper.store import fetches
from gpu_shopper.store.codec import from_item, to_item
from gpu_shopper.store.fetches import Pointer
from gpu_shopper.store.inventory import Storage


class TemplatesCache:
    """The last templates read of each provider; a generation never changes, so it never lies."""

    def __init__(self) -> None:
        self._latest: dict[str, Templates] = {}

    def get(self, storage: Storage, provider: str, generation: str) -> Templates:
        """The templates of `generation`, read from the bucket once."""
        known = self._latest.get(provider)
        if known is None or known.generation != generation:
            known = self._latest[provider] = _read(storage, provider, generation)
        return known


def feed_of(provider: str) -> str:
    """The name under which `store.fetches` knows the provider's templates."""
    return f"TEMPLATES#{provider}"


def newest(
    storage: Storage, cache: TemplatesCache, provider: str, since: datetime
) -> Templates | None:
    """The last complete fetch; None when none began at `since` or later."""
    pointer = fetches.newest(storage.table, feed_of(provider))
    if pointer is None or pointer.fetched_at < since:
        return None  # its object may be gone by now
    return cache.get(storage, provider, pointer.generation)


def publish(storage: Storage, templates: Templates) -> None:
    """Store a complete fetch and make it the provider's newest in one write.

    Raises: Conflict when a later fetch is already there.
    """
    body = {
        "fetched_at": to_text(templates.fetched_at),
        "templates": [to_item(one) for one in templates.all],
    }
    storage.bucket.put_object(
        Key=_object_key(templates.provider, templates.generation),
        Body=json.dumps(body, separators=(",", ":")).encode(),
        ContentType="application/json",
    )
    feed = feed_of(templates.provider)
    found = len(templates.all)
    fetches.point(storage.table, feed, Pointer(templates.generation, templates.fetched_at, found))


def _object_key(provider: str, generation: str) -> str:
    return f"{provider}/templates/{generation}.json"


def _read(storage: Storage, provider: str, generation: str) -> Templates:
    answer = storage.bucket.Object(_object_key(provider, generation)).get()
    body = json.loads(answer["Body"].read())
    return Templates(
        provider=provider,
        generation=generation,
        fetched_at=from_text(body["fetched_at"]),
        all=tuple(from_item(Template, row) for row in body["templates"]),
    )
