"""Cases of actions on deletes, machines, keys and SSH of TensorDock."""

from __future__ import annotations

from typing import Any

import paramiko

from tests.simulator.dock import Dock
from tests.simulator.fault_cases import fails
from tests.simulator.fault_cases_tensordock import Post, case, orphan


@case("destroy_ignored")
def _destroy_ignored(dock: Dock, post: Post) -> bool:
    instance_id = orphan(dock)
    post()
    accepted = dock.delete(instance_id).ok
    dock.sim.advance(60)
    return accepted and not dock.gone(instance_id)


@case("destroy_slow")
def _destroy_slow(dock: Dock, post: Post) -> bool:
    instance_id = orphan(dock)
    post(params={"s": 30})
    dock.delete(instance_id)
    dock.sim.advance(29)
    still = not dock.gone(instance_id)
    dock.sim.advance(2)
    return still and dock.gone(instance_id)


@case("destroy_refused")
def _destroy_refused(dock: Dock, post: Post) -> bool:
    instance_id = orphan(dock)
    post(params={"code": 503})
    refused = dock.delete(instance_id).status_code == 503
    dock.sim.advance(60)
    return refused and not dock.gone(instance_id)


@case("stuck_loading")
def _stuck_loading(dock: Dock, post: Post) -> bool:
    post(match={"label": "gs-*"})
    instance_id = dock.rent()
    dock.sim.advance(600)
    return bool(dock.get(instance_id)["status"].lower() == "creating")


@case("die")
def _die(dock: Dock, post: Post) -> bool:
    instance_id = orphan(dock)
    post(match={"label": "gs-*"})
    dock.sim.advance(1)
    dead = dock.get(instance_id)["status"].lower() == "stopped"
    return dead and not dock.truth(instance_id)["ssh_open"]


@case("create_failed_text")
def _create_failed_text(dock: Dock, post: Post) -> bool:
    post()
    return bool(dock.get(dock.rent())["status"].lower() == "error")


@case("vanish")
def _vanish(dock: Dock, post: Post) -> bool:
    instance_id = orphan(dock)
    post(match={"instance_id": instance_id})
    dock.sim.advance(1)
    return dock.gone(instance_id) and dock.truth(instance_id)["ended_by"] == "vanished"


@case("resurrect")
def _resurrect(dock: Dock, post: Post) -> bool:
    instance_id = orphan(dock)
    dock.delete(instance_id)
    dock.sim.advance(1)
    gone = dock.gone(instance_id)
    post(match={"instance_id": instance_id})
    dock.sim.advance(1)
    return gone and not dock.gone(instance_id)


@case("key_not_installed")
def _key_not_installed(dock: Dock, post: Post) -> bool:
    post(operation="create")
    port = dock.truth(dock.rent())["ssh_port"]
    return _locked(dock, port)


@case("ssh")
def _ssh(dock: Dock, post: Post) -> bool:
    post(provider="tensordock", params={"mode": "auth_fail"})
    return _locked(dock, dock.truth(dock.rent())["ssh_port"])


def _locked(dock: Dock, port: int) -> bool:
    errors: Any = paramiko.AuthenticationException
    return fails(lambda: dock.sim.login(port, dock.key).close(), errors)
