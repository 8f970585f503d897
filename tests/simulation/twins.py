"""A table on moto and one in memory, given the same operations: their answers must be equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from tests.simulation.kinds import Kind, kind_of, way_of, written_over
from tests.simulation.rows import ConditionalCheckFailedException
from tests.simulation.tables import MemoryTable

type Told = tuple[str, Any]

_IN_STEP = RLock()
"""Threads take turns, operation by operation, so that both tables see the same order."""

_IGNORED = ("ResponseMetadata", "ConsumedCapacity", "ItemCollectionMetrics")


class TwinTable:
    """Gives the answer of a table in memory, which moto's must be equal to.

    An AssertionError means that the tables in memory are not what DynamoDB is. Tables that are
    written together share `both`.
    """

    def __init__(self, real: Any, memory: MemoryTable, both: Both | None = None) -> None:
        self.name = real.name
        self.memory = memory
        self._real = real
        self._both = both or Both()
        self.meta = _Meta(_Client(real.meta.client, memory.meta.client, self._both))

    @property
    def real(self) -> Any:
        """Moto's table, with all that was written."""
        self._both.catch_up()
        return self._real

    def __getattr__(self, operation: str) -> Any:
        return self._both.asked(self._real, self.memory, self.name, operation)


@dataclass(frozen=True, slots=True)
class _Meta:
    client: _Client


class _Client:
    def __init__(self, real: Any, memory: Any, both: Both) -> None:
        self.exceptions = _Exceptions(real.exceptions)
        self._real, self._memory, self._both = real, memory, both

    def __getattr__(self, operation: str) -> Any:
        return self._both.asked(self._real, self._memory, "", operation)


class _Exceptions:
    """Either's, to be caught."""

    def __init__(self, real: Any) -> None:
        self.ClientError = ClientError
        self.ConditionalCheckFailedException = (
            ConditionalCheckFailedException,
            real.ConditionalCheckFailedException,
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the tables in memory were asked, and what they said."""

    operation: str
    given: dict[str, Any]
    told: Told
    on_moto: Callable[..., Any]

    def compare(self) -> None:
        """Carry it out on moto too."""
        _compare(
            self.operation, self.given, self.told, _told(lambda: self.on_moto(**self.given))[0]
        )


class Both:
    """Carries operations out in memory, and on moto: there at once, or when there is something new.

    Moto takes a hundred times as long. One that `lags` is asked when it comes to a kind of
    operation that no world of this process has compared yet: then for all that it missed.
    After an operation that the tables in memory have not been taught, moto goes on alone.
    """

    compared: ClassVar[set[Kind]] = set()

    def __init__(self, lags: bool = False) -> None:
        self._lags = lags
        self._missed: list[_Asked] = []
        self._moto_alone = False

    def asked(self, real: Any, memory: Any, table: str, operation: str) -> Any:
        """What carries `operation` out on both."""
        on_moto, call = getattr(real, operation), getattr(memory, operation, None)
        rows = memory.meta.client.tables if table else memory.tables
        if call is None or operation == "batch_writer":
            self._go_on_alone()
            return on_moto

        def carried_out(**given: Any) -> Any:
            with _IN_STEP:
                if not self._moto_alone:
                    kind = kind_of(table, operation, given, written_over(rows, table, given))
                    try:
                        told, answer, error = _told(lambda: call(**given))
                    except (NotImplementedError, TypeError):
                        self._go_on_alone()
                if self._moto_alone:
                    return on_moto(**given)
                self._missed.append(_Asked(operation, _own(given), told, on_moto))
                self._compare_new((kind, way_of(told)))
            if error is not None:
                raise error
            return _own(answer)

        return carried_out

    def catch_up(self) -> None:
        """Moto does what it was not asked so far."""
        missed, self._missed = self._missed, []
        for one in missed:
            one.compare()

    def _compare_new(self, kind: Kind) -> None:
        if not self._lags or kind not in self.compared:
            self.catch_up()
            self.compared.add(kind)

    def _go_on_alone(self) -> None:
        self.catch_up()
        self._moto_alone = True


def _own(value: Any) -> Any:
    """A copy for whoever may change it."""
    if isinstance(value, dict):
        return {name: _own(one) for name, one in value.items()}
    return [_own(one) for one in value] if isinstance(value, list) else value


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
