"""One careful HTTP client for all adapters.

Bodies are read up to a limit and within a total time; redirects are never followed; a bad key is
read again once and the call repeated once (a call refused for its key was surely not carried
out). Reads are tried a few times, writes never. Elsewhere our key is never sent. Each call waits
for its turn before it is sent.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.exceptions import DecodeError, HTTPError
from urllib3.exceptions import TimeoutError as HTTPTimeout

from gpu_shopper.core.normalise import provider_text
from gpu_shopper.core.pacing import Pace, Turn
from gpu_shopper.errors.provider import (
    BadProviderReply,
    ProviderAuth,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from gpu_shopper.providers.addresses import may_be_fetched
from gpu_shopper.providers.retry_after import retry_after_s
from gpu_shopper.providers.unsent import never_sent

LISTING_BYTES = 10 * 1024 * 1024
BODY_BYTES = 64 * 1024
READ_TRIES = 3
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
_CHUNK_BYTES = 64 * 1024
_KEY = re.compile(r"[\x21-\x7e]{1,512}")


class Unanswered(Exception):
    """No complete answer came. `sent` is False only when the request surely never left."""

    def __init__(self, reason: str, *, sent: bool, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.sent = sent
        self.timed_out = timed_out


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its body cut at the limit, and what is wrong with the body, if anything."""

    status: int
    body: bytes
    retry_after_s: float | None = None
    broken: str | None = None
    key: str = field(default="", repr=False)

    def json(self, decisive: frozenset[str] = frozenset()) -> Any:
        """The body. Raises BadProviderReply. NaN and Infinity stay: as null they might mean "gone".

        Of a key that occurs twice the last value counts, except for `decisive` keys: two values
        of one of these make the body unreadable.
        """
        body, hook = self.whole(), _agreeing(decisive) if decisive else None
        try:
            return json.loads(body, object_pairs_hook=hook)
        except (ValueError, RecursionError) as exc:
            raise BadProviderReply(f"status {self.status} with a body that is no JSON") from exc

    def whole(self) -> bytes:
        """The body. Raises BadProviderReply when it was cut off or could not be decompressed."""
        if self.broken:
            raise BadProviderReply(self.broken)
        return self.body

    def text(self) -> str:
        """The body as one printable line of at most 1,000 characters, without our key."""
        return self.kept(self.body[:BODY_BYTES].decode(errors="replace"))

    def kept(self, text: str) -> str:
        """`text`, which this answer told us, as it may be stored and logged."""
        return provider_text(text.replace(self.key, "[key]") if self.key else text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. `limit_bytes` is how much of a good answer is read.

    `endpoint` is the provider's name for what it counts calls of; `turn` is what the call is for.
    """

    method: str
    path: str
    endpoint: str
    turn: Turn = Turn.USUAL
    params: Mapping[str, str] | None = None
    body: Any = None
    limit_bytes: int = BODY_BYTES
    read_timeout_s: float | None = None


def bearer(key: str) -> Mapping[str, Any]:
    """The key in the header that nearly everybody expects."""
    return {"headers": {"Authorization": f"Bearer {key}"}}


class HttpClient:
    """Calls one provider. `refusal` names the answers that mean no, whatever was asked.

    `sign` puts the key where it belongs: arguments of `requests.Request`.
    """

    def __init__(
        self,
        *,
        base_url: str,
        credentials: Callable[[bool], str],
        pace: Pace,
        refusal: Callable[[Reply], ProviderError | None],
        connect_timeout_s: float,
        read_timeout_s: float,
        sign: Callable[[str], Mapping[str, Any]] = bearer,
        transport: BaseAdapter | None = None,
        wait: Callable[[float], None] = time.sleep,
        clock_s: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._credentials = credentials
        self._pace = pace
        self._refusal = refusal
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._sign = sign
        # The bare transport: a session would read redirects' bodies, netrc files and cookies.
        self._transport = transport or HTTPAdapter(max_retries=0)
        self._chance = chance
        self.wait = wait
        self.clock_s = clock_s

    def read(self, call: Call) -> Reply:
        """An answer that is no refusal; up to 3 tries while one read time-out is not used up.

        Raises: ProviderAuth, RateLimited, TooSoon, ProviderUnavailable.
        """
        began_s, tried = self.clock_s(), 0
        while True:
            tried += 1
            try:
                return self._read_once(call)
            except (ProviderUnavailable, RateLimited) as exc:
                pause_s = self._pause_s(exc, tried)
                over_s = self.clock_s() - began_s + pause_s
                if tried == READ_TRIES or over_s >= self._read_timeout_s:
                    raise
                if pause_s > LONGEST_PAUSE_S:
                    raise
            self.wait(pause_s)

    def write(self, call: Call) -> Reply:
        """Whatever is answered to one request, refusals too.

        Raises: Unanswered, ProviderAuth, TooSoon (nothing was sent, or only a refused key).
        """
        # A connection kept from an earlier call may be dead, and nobody could tell whether the
        # request got through: writes always open their own.
        self._transport.close()
        reply = self._authorised(call)
        refusal = self._refusal(reply)
        if isinstance(refusal, ProviderAuth):
            raise refusal
        return reply

    def fetch(self, url: str, read_timeout_s: float) -> Reply:
        """Whatever a plain GET of `url`, a provider's word, answers: once, and without our key.

        Raises: Unanswered, BadProviderReply (an address that nobody should call).
        """
        if not may_be_fetched(url, self._base_url):
            raise BadProviderReply("an address that is not called")
        return self._sent(requests.Request("GET", url), BODY_BYTES, read_timeout_s)

    def _read_once(self, call: Call) -> Reply:
        try:
            reply = self._authorised(call)
        except Unanswered as exc:
            raise ProviderUnavailable(str(exc), timed_out=exc.timed_out) from exc
        refusal = self._refusal(reply)
        if refusal is not None:
            raise refusal
        return reply

    def _authorised(self, call: Call) -> Reply:
        """One exchange; a second one, with the key read again, when the key was refused."""
        reply = self._exchange(call, self._key(fresh=False))
        if isinstance(self._refusal(reply), ProviderAuth):
            reply = self._exchange(call, self._key(fresh=True))
        return reply

    def _exchange(self, call: Call, key: str) -> Reply:
        self._pace(call.endpoint, call.turn)
        timeout_s = call.read_timeout_s or self._read_timeout_s
        return self._sent(self._request(call, key), call.limit_bytes, timeout_s, key)

    def _sent(
        self, request: requests.Request, limit_bytes: int, timeout_s: float, key: str = ""
    ) -> Reply:
        deadline_s = self.clock_s() + self._connect_timeout_s + timeout_s
        try:
            response = self._transport.send(
                request.prepare(),
                stream=True,
                timeout=(self._connect_timeout_s, timeout_s),
            )
        except (requests.RequestException, HTTPError, OSError, UnicodeError) as exc:
            raise _unanswered(exc, sent=not never_sent(exc)) from exc
        try:
            limit = limit_bytes if response.status_code == 200 else BODY_BYTES
            content, broken = self._content(response, limit, deadline_s)
        finally:
            response.close()
        pause_s = retry_after_s(response.headers)
        return Reply(response.status_code, content, pause_s, broken, key)

    def _request(self, call: Call, key: str) -> requests.Request:
        request = requests.Request(
            call.method,
            self._base_url + call.path,
            params=call.params,
            json=call.body,
            **self._sign(key),
        )
        request.headers["Accept"] = "application/json"
        return request

    def _content(
        self, response: requests.Response, limit: int, deadline_s: float
    ) -> tuple[bytes, str | None]:
        """At most `limit` bytes, decoded, and why they are not the whole or not readable."""
        content = bytearray()
        try:
            while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
                content += chunk
                if len(content) > limit:
                    return bytes(content[:limit]), f"a body of more than {limit} bytes"
                if self.clock_s() > deadline_s:
                    raise Unanswered("the answer did not end in time", sent=True, timed_out=True)
        except DecodeError:
            return b"", "a body that cannot be decompressed"
        except (HTTPError, OSError) as exc:
            raise _unanswered(exc, sent=True) from exc
        return bytes(content), None

    def _key(self, *, fresh: bool) -> str:
        key = self._credentials(fresh).strip()
        if not key and not fresh:
            key = self._credentials(True).strip()
        if _KEY.fullmatch(key) is None:
            raise ProviderAuth("no usable API key is configured")
        return key

    def _pause_s(self, error: ProviderError, tried: int) -> float:
        if isinstance(error, RateLimited) and error.retry_after_s is not None:
            return error.retry_after_s
        return FIRST_PAUSE_S * 2.0**tried * (0.5 + self._chance() / 2)


def _unanswered(exc: Exception, *, sent: bool) -> Unanswered:
    """The kind of failure only: texts of libraries hold addresses."""
    timed_out = isinstance(exc, requests.Timeout | TimeoutError | HTTPTimeout)
    return Unanswered(f"no answer: {type(exc).__name__}", sent=sent, timed_out=timed_out)


def _agreeing(decisive: frozenset[str]) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    def hook(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        merged = dict(pairs)
        if len(merged) != len(pairs):
            for name, value in pairs:
                if name in decisive and merged[name] != value:
                    raise ValueError(f"{name} twice")
        return merged

    return hook
