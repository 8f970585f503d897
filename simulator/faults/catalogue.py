"""Every action of a fault rule: its parameters, and the operations it concerns by default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator import checks
from simulator.checks import Check

OPERATIONS = (
    "search",
    "create",
    "get",
    "list",
    "destroy",
    "attach_key",
    "templates",
    "account",
    "charges",
    "logs",
    "locations",
)
DOORS = ("ssh", "http")  # connections to machines, which are not requests to the provider
SSH_MODES = (
    "refuse",
    "hang",
    "slow",
    "close_after_banner",
    "auth_fail",
    "wrong_host_key",
    "host_key_change",
    "command_fails",
    "wrong_output",
    "no_nvidia_smi",
)
GARBAGE = (
    "html",
    "truncated_json",
    "nan",
    "wrong_types",
    "huge",
    "empty",
    "wrong_content_type",
)
_SECONDS = checks.number()
_CODE = checks.integer(200, 599)
_SSH = {
    "mode": checks.one_of(*SSH_MODES),
    "s": _SECONDS,
    "count": checks.integer(),
    "after_s": _SECONDS,
}


@dataclass(frozen=True)
class Action:
    """`params` with their checks; `operations` None means every request of the provider.

    `on_instances`: it befalls a machine. It strikes those that exist when the rule is posted
    and are named by its match, and later ones when they are created.
    """

    params: dict[str, Check]
    operations: frozenset[str] | None = None
    on_instances: bool = False


def _on(*operations: str, **params: Check) -> Action:
    return Action(params, frozenset(operations))


def _befalls(**params: Check) -> Action:
    return Action(params, frozenset({"create"}), on_instances=True)


CATALOGUE: dict[str, Action] = {
    # answers
    "latency": Action({"ms": checks.number()}),
    "hang": Action(
        {"s": checks.maybe(_SECONDS), "effect": checks.one_of("before", "after", "none")}
    ),
    "status": Action(
        {
            "code": _CODE,
            "body": checks.anything,
            "headers": checks.mapping,
            "retry_after": checks.maybe(_SECONDS),
        }
    ),
    "ok_with_error": Action({"status_in_body": _CODE, "text": checks.text}),
    "lost_response": Action({}),
    "error_but_done": _on("create", "destroy", "attach_key", code=_CODE, with_contract=checks.flag),
    "garbage": Action({"kind": checks.one_of(*GARBAGE)}),
    "refuse": Action({}),
    "reset": Action({}),
    "slow_body": Action({"bytes_per_s": checks.number(1)}),
    "outage": Action(
        {
            "mode": checks.one_of("refuse", "5xx", "hang", "html"),
            "for_s": checks.maybe(_SECONDS),
        }
    ),
    # creates
    "no_such_ask": _on("create", code=checks.one_of(400, 404, 410), remove=checks.flag),
    "no_capacity": _on(
        "create",
        text=checks.maybe(checks.text),
        **{"in": checks.maybe(checks.one_of(200, 400, 409, 500))},
    ),
    "double_create": _on("create"),
    # listings
    "list_empty": _on("list"),
    "list_partial": _on("list", drop_share=checks.number(0, 1), drop_ids=checks.texts),
    "list_page_fails": _on("list", page=checks.integer(1), code=_CODE),
    "list_lag": _on("list", s=_SECONDS),
    "list_duplicates": _on("list"),
    "list_bad_total": _on("list", total=checks.anything),
    "list_loop": _on("list"),
    "single_null": _on("get", s=checks.maybe(_SECONDS)),
    "status_word": _on("get", "list", word=checks.maybe(checks.text)),
    "no_port_forwards": _on("get", "list"),
    "ip_missing": _on("get", "list"),
    "port_changes": _on("get", "list"),
    # destroys
    "destroy_ignored": _on("destroy"),
    "destroy_slow": _on("destroy", s=_SECONDS),
    "destroy_refused": _on("destroy", code=_CODE),
    # machines
    "stuck_loading": _befalls(),
    "die": _befalls(after_s=_SECONDS, word=checks.maybe(checks.text)),
    "create_failed_text": _befalls(text=checks.text),
    "vanish": _befalls(after_s=_SECONDS),
    "resurrect": _befalls(after_s=_SECONDS),
    "price_change": Action(
        {"factor": checks.number(0), "what": checks.one_of("offer", "instance")},
        frozenset({"create"}),
        on_instances=True,
    ),
    # keys and SSH
    "ssh": Action(_SSH, frozenset({"ssh"})),
    "http": Action(
        {"status": _CODE, "delay_s": _SECONDS, "refuse": checks.flag}, frozenset({"http"})
    ),
    "key_not_installed": _on("attach_key", s=checks.maybe(_SECONDS)),
    "attach_fails": _on("attach_key", code=_CODE, count=checks.integer()),
}

DEFAULTS: dict[str, dict[str, Any]] = {
    "latency": {"ms": 100},
    "hang": {"s": None, "effect": "before"},
    "status": {"code": 500},
    "ok_with_error": {"status_in_body": 400, "text": "something went wrong"},
    "error_but_done": {"code": 500, "with_contract": False},
    "garbage": {"kind": "html"},
    "slow_body": {"bytes_per_s": 100},
    "outage": {"mode": "5xx", "for_s": None},
    "no_such_ask": {"code": 400, "remove": False},
    "no_capacity": {"text": None, "in": None},  # None: as the provider says it
    "list_partial": {"drop_share": 0.5},
    "list_page_fails": {"page": 2, "code": 500},
    "list_lag": {"s": 5},
    "single_null": {"s": None},
    "status_word": {"word": "unknown"},
    "destroy_slow": {"s": 5},
    "destroy_refused": {"code": 500},
    "die": {"after_s": 0, "word": None},  # None: the provider's own word
    "create_failed_text": {"text": "Error: OCI runtime create failed: container_linux.go:380"},
    "vanish": {"after_s": 0},
    "resurrect": {"after_s": 0},
    "price_change": {"factor": 1.5, "what": "offer"},
    "ssh": {"mode": "refuse"},
    "key_not_installed": {"s": None},
    "attach_fails": {"code": 500},
}
