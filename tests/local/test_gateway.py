"""The gateway responses put into the emulator are the template's, conditions resolved."""

from __future__ import annotations

from typing import Any

import pytest

from local import cloudformation, paths
from local.gateway import Resolver

TEMPLATE = {
    "Parameters": {"Origins": {"Default": ""}, "Stage": {}},
    "Conditions": {
        "HasOrigins": {"Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": "Origins"}]}, ""]}]}
    },
}
BY_ORIGIN = {"Fn::If": ["HasOrigins", "'yes'", {"Ref": "AWS::NoValue"}]}


def test_without_the_parameter_its_default_decides() -> None:
    assert Resolver(TEMPLATE, {}).resolve({"a": "'1'", "b": BY_ORIGIN}) == {"a": "'1'"}


def test_a_given_parameter_decides_the_condition() -> None:
    resolver = Resolver(TEMPLATE, {"Origins": "https://a.example"})
    assert resolver.resolve([BY_ORIGIN]) == ["'yes'"]


def test_an_equal_number_and_text_are_equal_as_in_cloudformation() -> None:
    assert Resolver(TEMPLATE, {"Stage": "0"}).resolve({"Fn::Equals": [{"Ref": "Stage"}, 0]}) is True


def test_an_unknown_parameter_is_an_error_not_a_guess() -> None:
    with pytest.raises(KeyError):
        Resolver(TEMPLATE, {}).resolve({"Ref": "Stage"})


@pytest.mark.parametrize("origins", ["", "https://a.example"])
def test_every_response_of_the_template_resolves_to_plain_values(origins: str) -> None:
    template = cloudformation.read(paths.TEMPLATE)
    responses = template["Resources"]["Api"]["Properties"]["GatewayResponses"]
    resolved = Resolver(template, {"AllowedOrigins": origins}).resolve(responses)
    assert set(resolved) == set(responses)
    assert not list(_intrinsics(resolved))


def _intrinsics(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [key for key in value if key == "Ref" or key.startswith("Fn::")]
        return own + [each for inner in value.values() for each in _intrinsics(inner)]
    if isinstance(value, list):
        return [each for inner in value for each in _intrinsics(inner)]
    return []
