"""A table on moto and one in memory, given the same operations: their answers must be equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock
from typing import Any

from botocore.exceptions import ClientError

from tests.simulation.tables import MemoryTable

type Told = tuple[str, Any]

_IN_STEP = RLock()
"""Threads take turns, operation by operation, so that both tables see the same order."""

_IGNORED = ("ResponseMetadata", "ConsumedCapacity", "ItemCollectionMetrics")


class TwinTable:
    """Carries every operation out on both tables, and gives moto's answer.

    An AssertionError means that the tables in memory are not what DynamoDB is. After an operation
    that they have not been taught there is nothing to compare any more: tables that are written
    together share `both`.
    """

    def __init__(self, real: Any, memory: MemoryTable, both: Both | None = None) -> None:
        self.name = real.name
        self.real, self.memory = real, memory
        self._both = both or Both()
        self.meta = _Meta(_Client(real.meta.client, memory.meta.client, self._both))

    def __getattr__(self, operation: str) -> Any:
        return self._both.asked(self.real, self.memory, operation)


@dataclass(frozen=True, slots=True)
class _Meta:
    client: _Client


class _Client:
    def __init__(self, real: Any, memory: Any, both: Both) -> None:
        self.exceptions = real.exceptions
        self._real, self._memory, self._both = real, memory, both

    def __getattr__(self, operation: str) -> Any:
        return self._both.asked(self._real, self._memory, operation)


class Both:
    """Carries operations out on both, as long as both know them."""

    def __init__(self) -> None:
        self._knows_all = True

    def asked(self, real: Any, memory: Any, operation: str) -> Any:
        """What carries `operation` out on both."""
        on_moto, call = getattr(real, operation), getattr(memory, operation, None)
        if call is None or operation == "batch_writer":
            self._knows_all = False
            return on_moto

        def carried_out(**given: Any) -> Any:
            with _IN_STEP:
                in_memory = self._in_memory(call, given)
                seen, answer, error = _told(lambda: on_moto(**given))
            if in_memory is not None:
                _compare(operation, given, in_memory, seen)
            if error is not None:
                raise error
            return answer

        return carried_out

    def _in_memory(self, call: Callable[..., Any], given: dict[str, Any]) -> Told | None:
        try:
            if self._knows_all:
                return _told(lambda: call(**given))[0]
        except (NotImplementedError, TypeError):
            pass
        self._knows_all = False
        return None


def _compare(operation: str, given: dict[str, Any], in_memory: Told, on_moto: Told) -> None:
    if given.get("ReturnValues") == "UPDATED_NEW":
        in_memory, on_moto = _common(in_memory, on_moto), _common(on_moto, in_memory)
    if "Limit" in given and len(on_moto[1]["Items"]) == given["Limit"]:
        # DynamoDB names the last key of a full page also when nothing follows; moto does not.
        in_memory[1].pop("LastEvaluatedKey", None)
        on_moto[1].pop("LastEvaluatedKey", None)
    assert in_memory == on_moto, f"{operation} {given}: {in_memory}, on moto {on_moto}"


def _told(call: Callable[[], Any]) -> tuple[Told, Any, ClientError | None]:
    try:
        answer = call()
    except ClientError as exc:
        return ("error", _of_error(exc)), None, exc
    return ("answer", _of_answer(answer)), answer, None


def _of_error(error: ClientError) -> Any:
    response: Any = error.response
    reasons = [one.get("Code") for one in response.get("CancellationReasons", [])]
    return response["Error"]["Code"], reasons, response.get("Item")


def _of_answer(answer: Any) -> Any:
    """What the store may rely on: a batch comes in any order."""
    told = {name: value for name, value in answer.items() if name not in _IGNORED}
    if "Responses" in told:
        told["Responses"] = {
            name: sorted(items, key=lambda item: (item["pk"], item["sk"]))
            for name, items in told["Responses"].items()
        }
    return told


def _common(one: Told, other: Told) -> Told:
    """What both name of the updated attributes: moto leaves out those that keep their value."""
    if one[0] == "error" or other[0] == "error":
        return one
    named, others = one[1]["Attributes"], other[1]["Attributes"]
    return one[0], {name: value for name, value in named.items() if name in others}
