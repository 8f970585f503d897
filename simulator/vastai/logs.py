"""What a machine wrote: put on another host, where a plain GET finds it after a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.clock import rfc3339
from simulator.instances import Instance
from simulator.vastai import errors
from simulator.wire import Call, Reply, Route, json_reply, text_reply

if TYPE_CHECKING:
    from simulator.vastai.provider import VastAi

_SHELF = "/vast-logs/"
_DENIED = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
_SIGNED = (
    "<Error><Code>InvalidArgument</Code><Message>Unsupported Authorization Type</Message></Error>"
)
_ASKED = {"tail", "filter", "daemon_logs"}
_DEFAULT_LINES = 1_000


class Logs:
    """PUT instances/request_logs/{id}, and the files that it names."""

    def __init__(self, vast: VastAi) -> None:
        self._vast = vast
        self.clear()
        request = "/api/v0/instances/request_logs/{instance_id}/"
        self.routes = [
            Route("PUT", request, "logs", self._request),
            Route("GET", _SHELF + "{name}", "logs", self._file, needs_key=False),
        ]

    def clear(self) -> None:
        """No files."""
        self._files: dict[str, tuple[float, str]] = {}

    def _request(self, call: Call) -> Reply:
        instance = call.instance
        if instance is None or not instance.alive or instance.removed:
            return errors.no_such_instance(call.args["instance_id"])
        try:
            wanted = call.body() or {}
            lines = int(wanted.get("tail") or _DEFAULT_LINES)
        except (ValueError, TypeError, AttributeError):
            return errors.error(400, "invalid_args", "tail must be a number of lines, as text")
        if self._vast.world.knobs.flag("strict_body") and set(wanted) - _ASKED:
            return errors.error(400, "invalid_args", "unknown arguments")
        name = f"{instance.id}-{len(self._files)}.log"
        ready_s = self._vast.clock.now_s() + self._vast.world.knobs.seconds("logs_delay_s")
        self._files[name] = (ready_s, _text(instance, wanted, lines))
        url = f"http://{call.headers.get('Host')}{_SHELF}{name}"
        return json_reply({"success": True, "result_url": url, "msg": "Log request sent."})

    def _file(self, call: Call) -> Reply:
        """As an object store does it: denied until it is written, and no key is welcome."""
        if "Authorization" in call.headers:
            return text_reply(_SIGNED, 400, "application/xml")
        ready_s, text = self._files.get(call.args["name"], (float("inf"), ""))
        if self._vast.clock.now_s() < ready_s:
            return text_reply(_DENIED, 403, "application/xml")
        return text_reply(text, 200, "text/plain")


def _text(instance: Instance, wanted: dict[str, Any], lines: int) -> str:
    daemon = str(wanted.get("daemon_logs")).lower() == "true"
    written = _daemon_lines(instance) if daemon else _container_lines(instance)
    kept = [line for line in written if str(wanted.get("filter") or "") in line]
    return "".join(f"{line}\n" for line in kept[-lines:]) if lines > 0 else ""


def _daemon_lines(instance: Instance) -> list[str]:
    begun = rfc3339(instance.created_s)
    lines = [f"{begun} Pulling from {instance.image}"]
    return [*lines, f"{begun} {instance.status_msg.strip()}"] if instance.status_msg else lines


def _container_lines(instance: Instance) -> list[str]:
    """A start-up as images write it: colours, carriage returns, and the environment."""
    if instance.started_s is None:
        return []
    at = rfc3339(instance.started_s)
    environment = instance.request.get("env") or {}
    shown = [f"{name}={value}" for name, value in environment.items() if " " not in name]
    keys = [f"authorized_keys: {key.line}" for key in instance.keys]
    progress = "Downloading: 10%\rDownloading: 100%"
    begin = [f"{at} \x1b[32mINFO\x1b[0m container {instance.id} started", *shown, *keys, progress]
    if instance.inside.oom:
        begin.append("Killed process 999 (python3)")
    end = f"{at} sshd: Server listening on 0.0.0.0 port 22."
    return [*begin, end] if instance.status == "running" else [*begin, f"{at} container exited"]
