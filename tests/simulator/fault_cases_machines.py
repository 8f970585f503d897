"""Cases of actions on destroys, machines, keys and SSH."""

from __future__ import annotations

import paramiko
import requests

from tests.simulator.driver import KeyPair, Sim
from tests.simulator.fault_cases import Post, case, fails, listed, shown


@case("destroy_ignored")
def _destroy_ignored(sim: Sim, _key: KeyPair, post: Post) -> bool:
    instance_id = sim.rent()
    post()
    accepted = sim.destroy(instance_id).status_code == 200
    sim.advance(60)
    return bool(accepted and sim.truth(instance_id)["alive"] and listed(sim) == [instance_id])


@case("destroy_slow")
def _destroy_slow(sim: Sim, _key: KeyPair, post: Post) -> bool:
    instance_id = sim.rent()
    post(params={"s": 30})
    sim.destroy(instance_id)
    sim.advance(29)
    still = sim.truth(instance_id)["alive"]
    sim.advance(2)
    return bool(still and not sim.truth(instance_id)["alive"])


@case("destroy_refused")
def _destroy_refused(sim: Sim, _key: KeyPair, post: Post) -> bool:
    instance_id = sim.rent()
    post(params={"code": 503})
    refused = sim.destroy(instance_id).status_code == 503
    sim.advance(60)
    return refused and bool(sim.truth(instance_id)["alive"])


@case("stuck_loading")
def _stuck_loading(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post()
    instance_id = sim.rent()
    sim.advance(600)
    return bool(sim.truth(instance_id)["status"] == "loading")


@case("stuck_loading existing")
def _stuck_existing(sim: Sim, _key: KeyPair, post: Post) -> bool:
    instance_id = sim.create().json()["new_contract"]
    post(match={"instance_id": str(instance_id)})
    sim.advance(600)
    return bool(sim.truth(instance_id)["status"] == "loading")


@case("die")
def _die(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(params={"after_s": 10, "word": "offline"})
    instance_id = sim.rent()
    sim.advance(10)
    truth = sim.truth(instance_id)
    return bool(truth["status"] == "offline" and truth["alive"] and not truth["ssh_open"])


@case("die existing")
def _die_existing(sim: Sim, _key: KeyPair, post: Post) -> bool:
    instance_id = sim.rent(label="gs-1")
    post(match={"label": "gs-*"})
    sim.advance(1)
    return bool(sim.truth(instance_id)["status"] == "exited")


@case("create_failed_text")
def _create_failed_text(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(params={"text": "Error: OCI runtime create failed"})
    row = shown(sim)
    failed = row["actual_status"] == "created" and "OCI runtime" in row["status_msg"]
    return failed and not sim.truth(row["id"])["ssh_open"]


@case("vanish")
def _vanish(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(params={"after_s": 20})
    instance_id = sim.rent()
    sim.advance(20)
    return sim.get(instance_id) is None and sim.truth(instance_id)["ended_by"] == "vanished"


@case("resurrect")
def _resurrect(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(params={"after_s": 30})
    instance_id = sim.rent()
    sim.destroy(instance_id)
    sim.advance(10)
    gone = sim.get(instance_id) is None
    sim.advance(30)
    return gone and bool(sim.truth(instance_id)["alive"])


@case("resurrect existing")
def _resurrect_existing(sim: Sim, _key: KeyPair, post: Post) -> bool:
    instance_id = sim.rent()
    sim.destroy(instance_id)
    sim.advance(10)
    post(match={"instance_id": str(instance_id)})
    sim.advance(1)
    return sim.get(instance_id) is not None


@case("key_not_installed")
def _key_not_installed(sim: Sim, key: KeyPair, post: Post) -> bool:
    post(params={"s": 60})
    instance_id = sim.rent(key)
    port = sim.truth(instance_id)["ssh_port"]
    locked = fails(lambda: sim.login(port, key).close(), paramiko.AuthenticationException)
    sim.advance(60)
    return locked and sim.run(instance_id, key, "echo ok")[0] == "ok\n"


@case("attach_fails")
def _attach_fails(sim: Sim, key: KeyPair, post: Post) -> bool:
    instance_id = sim.rent()
    post(params={"code": 500, "count": 2})
    codes = [sim.attach(instance_id, key).status_code for _ in range(3)]
    return codes == [500, 500, 200]


@case("http")
def _http(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(params={"status": 503})
    instance_id = sim.rent(runtype="args", env={"-p 80:80": "1"})
    port = sim.truth(instance_id)["ports"]["80"]
    return requests.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 503


@case("http refuse")
def _http_refuse(sim: Sim, _key: KeyPair, post: Post) -> bool:
    post(params={"refuse": True, "delay_s": 0.05})
    instance_id = sim.rent(runtype="args", env={"-p 80:80": "1"})
    url = f"http://127.0.0.1:{sim.truth(instance_id)['ports']['80']}/health"
    return fails(lambda: requests.get(url, timeout=5), requests.ConnectionError)


@case("ssh")
def _ssh(sim: Sim, key: KeyPair, post: Post) -> bool:
    post(params={"mode": "auth_fail", "count": 1})
    instance_id = sim.rent(key)
    port = sim.truth(instance_id)["ssh_port"]
    first = fails(lambda: sim.login(port, key).close(), paramiko.AuthenticationException)
    return first and sim.run(instance_id, key, "echo ok")[2] == 0
