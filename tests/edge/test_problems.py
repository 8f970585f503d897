"""Errors to answers: every error has a status, a stable word and the one shape."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from gpu_shopper import errors
from gpu_shopper.edge.problems import (
    STATUS,
    body_of,
    headers_of,
    internal_body,
    reflected,
    status_of,
)
from gpu_shopper.errors import ShopperError, ValidationFailed
from gpu_shopper.errors.provider import RateLimited, RentedDespiteError, TooSoon


def tree(kind: type[ShopperError] = ShopperError) -> Iterator[type[ShopperError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from tree(child)


def made(kind: type[ShopperError]) -> ShopperError:
    if kind is ValidationFailed:
        return ValidationFailed([("a", "a is required")])
    if kind is RentedDespiteError:
        return RentedDespiteError("no", instance_id="1")
    if kind is TooSoon:
        return TooSoon("no", retry_after_s=1)
    return RateLimited("no", retry_after_s=1) if kind is RateLimited else kind("no")


@pytest.mark.parametrize("kind", sorted(set(tree()), key=repr))
def test_every_error_has_a_status_and_a_stable_word(kind: type[ShopperError]) -> None:
    """QA-H5: and none shows a class name."""
    error = made(kind)
    assert 400 <= status_of(error) <= 599
    assert re.fullmatch(r"[a-z_]+", error.code)
    body = body_of(error, "rid")
    assert {"error", "error_type", "request_id"} <= set(body)
    assert kind.__name__ not in str(body)


def test_only_the_base_and_our_own_mistakes_answer_500() -> None:
    """QA-H5: and then the text is fixed."""
    unexpected = {kind for kind in tree() if status_of(made(kind)) == 500}
    assert unexpected == {ShopperError, errors.MissingSetting}
    assert body_of(errors.MissingSetting("secret"), "rid") == internal_body("rid")


def test_request_errors_have_words_of_their_own() -> None:
    """9: one word, one meaning; providers' words are those of end reasons."""
    kinds = [k for k in tree(errors.RequestError) if k is not errors.RequestError]
    codes = [kind.code for kind in kinds]
    assert len(codes) == len(set(codes))


def test_the_status_table_names_existing_errors_only() -> None:
    """QA-H5: nothing stale in it."""
    assert set(STATUS) <= set(tree())


def test_prices_are_shown_in_dollars_and_headers_are_not_in_the_body() -> None:
    """N-56."""
    error = errors.PriceAboveMax("no", price_microusd=812_000, max_price_microusd=500_000)
    body = body_of(error, "rid")
    assert (body["price_per_hour"], body["max_price"]) == (0.812, 0.5)
    refused = errors.MethodNotAllowed("no", allow=["GET", "HEAD"])
    assert headers_of(refused) == {"Allow": "GET, HEAD"}
    assert "allow" not in body_of(refused, "rid")


def test_reflected_text_is_cut_to_128_bytes_of_whole_characters() -> None:
    """BUG-040."""
    assert reflected("<b>\x00é\x7f") == "bé"
    assert len(reflected("é" * 200).encode()) == 128
    assert len(reflected("€" * 200).encode()) == 126
