"""Gives the emulator's gateway the error bodies of the template.

On AWS they arrive with the API's definition; the emulator ignores that part of it, but honours the
same responses when they are put by its API. What is put is read from the template, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local import aws


def put_gateway_responses(
    emulator_url: str,
    template: Mapping[str, Any],
    parameters: Mapping[str, str],
    api_and_stage: tuple[str, str],
) -> None:
    """Put the template's gateway responses into the deployed API and deploy its stage again."""
    api_id, stage = api_and_stage
    gateway = aws.client("apigateway", emulator_url)
    resolver = Resolver(template, parameters)
    for kind, response in _responses(template).items():
        gateway.put_gateway_response(
            restApiId=api_id, responseType=kind, **_request(resolver.resolve(response))
        )
    gateway.create_deployment(restApiId=api_id, stageName=stage)


def _responses(template: Mapping[str, Any]) -> dict[str, Any]:
    apis = [
        each for each in template["Resources"].values() if each["Type"] == "AWS::Serverless::Api"
    ]
    return {
        kind: response
        for api in apis
        for kind, response in api["Properties"].get("GatewayResponses", {}).items()
    }


def _request(response: dict[str, Any]) -> dict[str, Any]:
    headers = response.get("ResponseParameters", {}).get("Headers", {})
    request: dict[str, Any] = {
        "responseParameters": {f"gatewayresponse.header.{k}": v for k, v in headers.items()},
        "responseTemplates": response.get("ResponseTemplates", {}),
    }
    if "StatusCode" in response:
        request["statusCode"] = str(response["StatusCode"])
    return request


class Resolver:
    """Resolves the few intrinsic functions that gateway responses and their conditions use."""

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        self._conditions = template.get("Conditions", {})
        declared = template.get("Parameters", {})
        defaults = {name: each["Default"] for name, each in declared.items() if "Default" in each}
        self._parameters = defaults | dict(parameters)

    def resolve(self, value: Any) -> Any:
        """`value` without intrinsic functions. Raises KeyError for one that is not known here."""
        if isinstance(value, list):
            return [self.resolve(each) for each in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and next(iter(value)) in ("Ref", *_FUNCTIONS):
            return self._call(*next(iter(value.items())))
        resolved = {key: self.resolve(each) for key, each in value.items()}
        return {key: each for key, each in resolved.items() if each is not None}

    def _call(self, function: str, argument: Any) -> Any:
        if function == "Ref":
            return None if argument == "AWS::NoValue" else self._parameters[argument]
        return _FUNCTIONS[function](self, argument)

    def _if(self, argument: list[Any]) -> Any:
        condition, then, otherwise = argument
        return self.resolve(then if self.resolve(self._conditions[condition]) else otherwise)

    def _join(self, argument: list[Any]) -> str:
        separator, parts = argument
        resolved = self.resolve(parts)
        return str(resolved if isinstance(resolved, str) else separator.join(resolved))

    def _equals(self, argument: list[Any]) -> bool:
        left, right = self.resolve(argument)
        return str(left) == str(right)

    def _not(self, argument: list[Any]) -> bool:
        return not self.resolve(argument)[0]


_FUNCTIONS = {
    "Fn::If": Resolver._if,
    "Fn::Join": Resolver._join,
    "Fn::Equals": Resolver._equals,
    "Fn::Not": Resolver._not,
}
