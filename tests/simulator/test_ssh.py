"""Real SSH into the machines: who gets in, and what is answered."""

from __future__ import annotations

import base64
import json
import socket

import paramiko
import pytest
import requests

from tests.simulator.driver import KeyPair, Sim, until


def port_of(sim: Sim, instance_id: int) -> int:
    """The SSH port of a machine."""
    return int(sim.truth(instance_id)["ssh_port"])


def refused(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_an_attached_key_gets_in_and_echo_ok_is_answered(sim: Sim, key: KeyPair) -> None:
    assert sim.run(sim.rent(key), key, "echo ok") == ("ok\n", "", 0)


def test_another_key_does_not_get_in(sim: Sim, key: KeyPair) -> None:
    port = port_of(sim, sim.rent(key))
    with pytest.raises(paramiko.AuthenticationException):
        sim.login(port, KeyPair.new())


def test_another_user_does_not_get_in(sim: Sim, key: KeyPair) -> None:
    with paramiko.Transport(("127.0.0.1", port_of(sim, sim.rent(key)))) as transport:
        transport.start_client(timeout=5)
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_publickey("ubuntu", key.private)


def test_a_key_works_only_after_its_delay(sim: Sim, key: KeyPair) -> None:
    sim.control("POST", "config", {"boot": {"key_delay_s": 10}})
    instance_id = sim.rent(key)
    with pytest.raises(paramiko.AuthenticationException):
        sim.login(port_of(sim, instance_id), key)
    sim.advance(10)
    assert sim.run(instance_id, key, "echo ok")[0] == "ok\n"


def test_the_port_is_closed_before_the_machine_runs_and_after_it_ended(
    sim: Sim, key: KeyPair
) -> None:
    instance_id = sim.create().json()["new_contract"]
    port = port_of(sim, instance_id)
    assert refused(port)
    sim.advance(1)
    assert not refused(port)
    sim.destroy(instance_id)
    sim.advance(1)
    assert refused(port)


def test_a_session_ends_with_its_machine(sim: Sim, key: KeyPair) -> None:
    instance_id = sim.rent(key)
    with sim.login(port_of(sim, instance_id), key) as client:
        sim.destroy(instance_id)
        sim.advance(1)
        transport = client.get_transport()
        assert transport
        assert until(lambda: not transport.is_active())


def test_account_keys_open_machines_created_after_them(sim: Sim, key: KeyPair) -> None:
    assert sim.ask("GET", "/api/v0/ssh/").status_code == 404
    added = sim.ask("POST", "/api/v0/ssh/", {"ssh_key": key.public}).json()["key"]
    assert sim.ask("GET", "/api/v0/ssh/").json()[0]["public_key"] == key.public
    assert sim.run(sim.rent(), key, "echo ok")[2] == 0
    assert sim.ask("DELETE", f"/api/v0/ssh/{added['id']}/").status_code == 200
    gone = sim.ask("DELETE", f"/api/v0/ssh/{added['id']}/")
    assert (gone.status_code, gone.json()["error"]) == (400, "no_ssh_key")


def test_keys_of_a_machine_are_listed_as_a_json_text_and_can_be_detached(
    sim: Sim, key: KeyPair
) -> None:
    instance_id = sim.rent(key)
    path = f"/api/v0/instances/{instance_id}/ssh/"
    listed = sim.ask("GET", path).json()["ssh_keys"]
    assert isinstance(listed, str)
    (attached,) = json.loads(listed)
    assert attached["public_key"] == key.public
    assert sim.ask("DELETE", f"{path}{attached['id']}/").status_code == 200
    with pytest.raises(paramiko.AuthenticationException):
        sim.login(port_of(sim, instance_id), key)


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "hello", None, 5])
def test_a_malformed_public_key_is_refused(sim: Sim, line: object) -> None:
    instance_id = sim.rent()
    answer = sim.ask("POST", f"/api/v0/instances/{instance_id}/ssh/", {"ssh_key": line})
    assert answer.status_code == 400
    assert sim.truth(instance_id)["keys"] == []


def test_nvidia_smi_speaks_of_the_rented_gpu(sim: Sim, key: KeyPair) -> None:
    instance_id = sim.rent(key)
    row = sim.get(instance_id)
    assert row
    query = "nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader,nounits"
    out, _, code = sim.run(instance_id, key, query)
    assert code == 0
    assert out == f"NVIDIA GeForce RTX 4090, {row['gpu_ram']}, {row['driver_version']}\n"
    table, _, _ = sim.run(instance_id, key, "nvidia-smi")
    assert f"CUDA Version: {row['cuda_max_good']}" in table
    assert f"0MiB / {row['gpu_ram']}MiB" in table


def test_csv_has_units_and_a_header_unless_told_otherwise(sim: Sim, key: KeyPair) -> None:
    command = "nvidia-smi --query-gpu=index,memory.used,utilization.gpu --format=csv"
    out, _, _ = sim.run(sim.rent(key), key, command)
    assert out == "index, memory.used [MiB], utilization.gpu [%]\n0, 0 MiB, 0 %\n"


def test_every_gpu_of_a_bigger_machine_is_listed(sim: Sim, key: KeyPair) -> None:
    offer = sim.search(num_gpus={"gte": 2}, rentable={"eq": True}, gpu_arch={"eq": "nvidia"})[0]
    out, _, _ = sim.run(sim.rent(key, ask_id=offer["id"]), key, "nvidia-smi -L")
    assert len(out.splitlines()) == offer["num_gpus"]


@pytest.mark.parametrize(
    ("command", "expected", "code"),
    [
        ("df -BG /", "50G", 0),
        ("dmesg -T | tail -n 1", "NVIDIA Kernel Mode", 0),
        ("nvcc --version", "release 12.8", 0),
        ("cat /proc/driver/nvidia/version", "570.153.02", 0),
        ("hostname && whoami", "C.1000\nroot\n", 0),
        ("uname -a; echo done", "done\n", 0),
        ("false || echo rescued", "rescued\n", 0),
        ("false && echo never", "", 1),
        ("bash -c 'echo inner; exit 3; echo never' 2>&1", "inner\n", 3),
        ("echo one two | grep -c two | wc -l", "1", 0),
        ("no-such-command", "", 127),
        ("echo 'unbalanced", "", 2),
        ("cat /etc/shadow", "No such file", 1),
    ],
)
def test_commands_are_answered_from_the_machines_facts(
    sim: Sim, key: KeyPair, command: str, expected: str, code: int
) -> None:
    out, _, exit_code = sim.run(sim.rent(key), key, command)
    assert expected in out
    assert exit_code == code


def test_nothing_is_ever_run_on_the_host(sim: Sim, key: KeyPair) -> None:
    out, err, code = sim.run(sim.rent(key), key, "python3 -c 'print(1)'; $(touch /tmp/x); id > /x")
    assert "command not found" in err
    assert "1\n" not in out
    assert code in (0, 127)


def test_an_interactive_shell_answers_and_ends(sim: Sim, key: KeyPair) -> None:
    with sim.login(port_of(sim, sim.rent(key)), key) as client:
        shell = client.invoke_shell()
        shell.settimeout(5)
        shell.resize_pty(120, 40)
        shell.sendall(b"whoami\nexit 3\n")
        seen = b""
        while part := shell.recv(4096):
            seen += part
        assert shell.recv_exit_status() == 3
    assert b"root\n" in seen.replace(b"\r", b"")


def test_files_go_up_and_come_down_unchanged(sim: Sim, key: KeyPair) -> None:
    with sim.login(port_of(sim, sim.rent(key)), key) as client, client.open_sftp() as sftp:
        content = bytes(range(256)) * 300
        with sftp.open("/root/data.bin", "wb") as remote:
            remote.write(content)
        assert sftp.stat("data.bin").st_size == len(content)
        assert sftp.listdir("/root") == ["data.bin"]
        with sftp.open("data.bin", "rb") as remote:
            assert remote.read() == content
        sftp.remove("data.bin")
        with pytest.raises(FileNotFoundError):
            sftp.stat("data.bin")


def test_the_hosts_files_cannot_be_read_over_sftp(sim: Sim, key: KeyPair) -> None:
    with (
        sim.login(port_of(sim, sim.rent(key)), key) as client,
        client.open_sftp() as sftp,
        pytest.raises(FileNotFoundError),
    ):
        sftp.open("/etc/passwd")


def test_each_machine_has_its_own_host_key(sim: Sim) -> None:
    first, second = (sim.truth(sim.rent())["host_key"] for _ in range(2))
    assert first.startswith("ssh-ed25519 ")
    assert first != second


@pytest.mark.parametrize("encoded", [False, True])
def test_a_host_key_in_the_start_up_script_is_installed(
    sim: Sim, key: KeyPair, encoded: bool
) -> None:
    host = KeyPair.new()
    text = host.private_text
    if encoded:
        text = base64.b64encode(text.encode()).decode()
    instance_id = sim.rent(key, onstart=f"echo '{text}' > /etc/ssh/ssh_host_ed25519_key")
    with sim.login(port_of(sim, instance_id), key) as client:
        transport = client.get_transport()
        assert transport
        assert transport.get_remote_server_key().get_base64() == host.public.split()[1]
    assert host.private_text not in json.dumps(sim.control("GET", "requests"))


def test_an_entrypoint_machine_serves_http_on_its_mapped_port_and_has_no_ssh(sim: Sim) -> None:
    instance_id = sim.rent(runtype="args", env={"A": "1", "-p 8000:8000": "1"})
    assert sim.truth(instance_id)["ssh_port"] is None
    row = sim.get(instance_id)
    assert row
    assert list(row["ports"]) == ["8000/tcp"]
    url = f"http://127.0.0.1:{row['ports']['8000/tcp'][0]['HostPort']}/v1/models"
    assert requests.get(url, timeout=5).status_code == 200
    sim.destroy(instance_id)
    sim.advance(1)
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)


def test_ports_of_an_ssh_machine_are_mapped_beside_22_and_nobody_answers(sim: Sim) -> None:
    row = sim.get(sim.rent(env={"-p 8080:8080": "1", "-p 9000:9000/udp": "1"}))
    assert row
    assert list(row["ports"]) == ["22/tcp", "8080/tcp"]
    assert refused(int(row["ports"]["8080/tcp"][0]["HostPort"]))


def test_load_disk_and_oom_can_be_set_and_are_seen_inside(sim: Sim, key: KeyPair) -> None:
    instance_id = sim.rent(key)
    patch = {"util_pct": 90, "disk_used_pct": 96, "oom": True, "cuda_version": 11.8}
    sim.control("POST", f"instances/{instance_id}", patch)
    asked = "nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits; df -BG; dmesg -T"
    out, _, _ = sim.run(instance_id, key, asked + "; nvcc --version")
    for expected in ("90\n", " 96% /", "Out of memory: Killed process", "release 11.8"):
        assert expected in out


@pytest.mark.parametrize(("missing", "shown"), [(1, 3), (4, 0), (9, 0)])
def test_gpus_can_be_missing(sim: Sim, key: KeyPair, missing: int, shown: int) -> None:
    offer = sim.search(num_gpus={"eq": 4})[0]
    instance_id = sim.rent(key, ask_id=offer["id"])
    sim.control("POST", f"instances/{instance_id}", {"missing_gpus": missing})
    out, _, code = sim.run(instance_id, key, "nvidia-smi --query-gpu=name --format=csv,noheader")
    if shown:
        assert (len(out.splitlines()), code) == (shown, 0)
    else:
        assert (out, code) == ("No devices were found\n", 6)
