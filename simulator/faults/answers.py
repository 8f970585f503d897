"""Actions that bend the answer to a request, whatever the provider."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from simulator.faults.rules import Rule
from simulator.wire import Call, Provider, Reply

HUGE_BYTES = 5_000_000
_HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@dataclass(frozen=True)
class Cut:
    """End the connection without an answer; `reset` sends RST instead of an orderly end."""

    reset: bool = False


@dataclass(frozen=True)
class Drip:
    """An answer whose body comes slowly."""

    reply: Reply
    bytes_per_s: float


Outcome = Reply | Cut | Drip
Proceed = Callable[[], Awaitable[Outcome]]


@dataclass(frozen=True)
class Setting:
    """What an action may use besides its parameters."""

    provider: Provider
    call: Call
    released: asyncio.Event


Act = Callable[[dict[str, Any], Setting, Proceed], Awaitable[Outcome]]


async def act(rules: list[Rule], setting: Setting, proceed: Proceed) -> Outcome:
    """Carry out the request with every rule wrapped around it, the first outermost."""
    for rule in reversed(rules):
        bend = _ACTS.get(rule.action)
        if bend is not None:
            proceed = _wrapped(bend, rule.params, setting, proceed)
    return await proceed()


def _wrapped(bend: Act, params: dict[str, Any], setting: Setting, proceed: Proceed) -> Proceed:
    return lambda: bend(params, setting, proceed)


async def _latency(params: dict[str, Any], setting: Setting, proceed: Proceed) -> Outcome:
    outcome = await proceed()
    await pause(params["ms"] / 1000, setting.released)
    return outcome


async def pause(seconds: float | None, released: asyncio.Event) -> bool:
    """Wait real seconds (None: for ever); True when a reset ended the wait."""
    try:
        await asyncio.wait_for(released.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _hang(params: dict[str, Any], setting: Setting, proceed: Proceed) -> Outcome:
    """`effect` says when the request's effect happens: before the silence, after it, or never."""
    if params["effect"] == "before":
        await proceed()
    was_reset = await pause(params["s"], setting.released)
    if params["effect"] == "after" and not was_reset:
        return await proceed()
    return Cut()


async def _status(params: dict[str, Any], setting: Setting, _proceed: Proceed) -> Outcome:
    reply = setting.provider.refusal(params["code"])
    headers = {**reply.headers, **(params.get("headers") or {})}
    if params.get("retry_after") is not None:
        headers["Retry-After"] = f"{params['retry_after']:g}"
    if "body" not in params:
        return replace(reply, headers=headers)
    body = params["body"]
    if isinstance(body, str):
        return Reply(params["code"], body.encode(), {**headers, "Content-Type": "text/plain"})
    json_headers = {**headers, "Content-Type": "application/json"}
    return Reply(params["code"], json.dumps(body).encode(), json_headers)


async def _ok_with_error(params: dict[str, Any], setting: Setting, _proceed: Proceed) -> Outcome:
    return setting.provider.ok_with_error(params["status_in_body"], params["text"])


async def _lost_response(_params: dict[str, Any], _setting: Setting, proceed: Proceed) -> Outcome:
    await proceed()
    return Cut()


async def _error_but_done(params: dict[str, Any], setting: Setting, proceed: Proceed) -> Outcome:
    done = await proceed()
    refusal = setting.provider.refusal(params["code"])
    result = done.json() if isinstance(done, Reply) else None
    if not params["with_contract"] or not isinstance(result, dict):
        return refusal
    body = {**result, "success": False, "error": "internal_error", "msg": "error after the effect"}
    return Reply(params["code"], json.dumps(body).encode(), {"Content-Type": "application/json"})


async def _refuse(_params: dict[str, Any], _setting: Setting, _proceed: Proceed) -> Outcome:
    return Cut(reset=True)


async def _slow_body(params: dict[str, Any], _setting: Setting, proceed: Proceed) -> Outcome:
    outcome = await proceed()
    return Drip(outcome, params["bytes_per_s"]) if isinstance(outcome, Reply) else outcome


async def _outage(params: dict[str, Any], setting: Setting, _proceed: Proceed) -> Outcome:
    match params["mode"]:
        case "refuse":
            return Cut(reset=True)
        case "hang":
            await pause(None, setting.released)
            return Cut()
        case "html":
            return Reply(200, _HTML.encode(), {"Content-Type": "text/html"})
        case _:
            return setting.provider.refusal(503)


async def _garbage(params: dict[str, Any], _setting: Setting, proceed: Proceed) -> Outcome:
    outcome = await proceed()
    return _spoilt(outcome, params["kind"]) if isinstance(outcome, Reply) else outcome


def _spoilt(reply: Reply, kind: str) -> Reply:
    kinds: dict[str, Callable[[], tuple[bytes, str]]] = {
        "html": lambda: (_HTML.encode(), "text/html"),
        "truncated_json": lambda: (reply.body[: max(1, len(reply.body) * 2 // 3)], ""),
        "nan": lambda: (_with_nan(reply), ""),
        "wrong_types": lambda: (json.dumps(_mistyped(reply.json())).encode(), ""),
        "huge": lambda: (b'{"junk":"' + b"x" * HUGE_BYTES + b'"}', ""),
        "empty": lambda: (b"", ""),
        "wrong_content_type": lambda: (reply.body, "text/plain; charset=utf-8"),
    }
    body, content_type = kinds[kind]()
    return Reply(200, body, {"Content-Type": content_type or "application/json"})


def _with_nan(reply: Reply) -> bytes:
    """The same JSON with every float replaced by NaN, as some providers really send."""
    return json.dumps(_floats_gone(reply.json())).encode()


def _floats_gone(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _floats_gone(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_floats_gone(part) for part in value]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float("nan") if number else value


def _mistyped(value: Any) -> Any:
    """Every leaf as another type: numbers as lists, texts as numbers, null as text."""
    if isinstance(value, dict):
        return {name: _mistyped(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_mistyped(part) for part in value]
    if isinstance(value, str):
        return len(value)
    return "null" if value is None else [value]


_ACTS: dict[str, Act] = {
    "latency": _latency,
    "hang": _hang,
    "status": _status,
    "ok_with_error": _ok_with_error,
    "lost_response": _lost_response,
    "error_but_done": _error_but_done,
    "garbage": _garbage,
    "refuse": _refuse,
    "reset": _refuse,
    "slow_body": _slow_body,
    "outage": _outage,
}
