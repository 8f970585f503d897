"""An S3 bucket in memory, as far as the store knows it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from tests.simulation.rows import failure
from tests.simulation.tables import Around


class MemoryBucket:
    """One function's view of a bucket's objects: each with its version, which counts its writes."""

    def __init__(self, objects: dict[str, tuple[int, bytes]], around: Around) -> None:
        self._objects = objects
        self._around = around

    def put_object(self, *, Key: str, Body: bytes, **_headers: str) -> dict[str, Any]:
        """See boto3."""
        return self.Object(Key).put(Body=Body)

    def Object(self, key: str) -> _Object:
        """See boto3."""
        return _Object(self._objects, self._around, key)


class _Object:
    def __init__(self, objects: dict[str, tuple[int, bytes]], around: Around, key: str) -> None:
        self._objects, self._around, self._key = objects, around, key

    def get(self) -> dict[str, Any]:
        """See boto3."""
        return self._carry_out("get_object", self._got)

    def put(
        self,
        *,
        Body: bytes,
        IfMatch: str | None = None,
        IfNoneMatch: str | None = None,
        **_headers: str,
    ) -> dict[str, Any]:
        """See boto3."""
        return self._carry_out("put_object", lambda: self._put(Body, IfMatch, IfNoneMatch))

    def _carry_out(self, operation: str, effect: Callable[[], Any]) -> dict[str, Any]:
        return dict(self._around(operation, effect))

    def _got(self) -> dict[str, Any]:
        if self._key not in self._objects:
            raise failure("GetObject", "NoSuchKey")
        version, body = self._objects[self._key]
        return {"Body": io.BytesIO(body), "ETag": f'"{version}"'}

    def _put(self, body: bytes, same: str | None, absent: str | None) -> dict[str, Any]:
        version = self._objects.get(self._key, (0, b""))[0]
        if (same is not None and same != f'"{version}"') or (absent == "*" and version):
            raise failure("PutObject", "PreconditionFailed")
        self._objects[self._key] = (version + 1, body)
        return {"ETag": f'"{version + 1}"'}
