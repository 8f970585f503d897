"""Who gets into a TensorDock machine: only what its start-up commands wrote counts."""

from __future__ import annotations

import base64

import paramiko
import pytest

from simulator.tensordock.cloud_init import HOST_KEY, carried_out
from tests.simulator.dock import CARD, Dock, resources
from tests.simulator.driver import TIMEOUT_S, KeyPair

LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 o'brien; rm -rf > x"
QUOTED = LINE.replace("'", "'\\''")
ENCODED = base64.b64encode((LINE + "\n").encode()).decode()
FILE = "/root/.ssh/authorized_keys"


def login(dock: Dock, instance_id: str, user: str) -> paramiko.Transport:
    """A connection that is logged in. Raises what paramiko raises."""
    transport = paramiko.Transport(("127.0.0.1", dock.truth(instance_id)["ssh_port"]))
    try:
        transport.start_client(timeout=TIMEOUT_S)
        transport.auth_publickey(user, dock.key.private)
    except Exception:  # whatever it was: the thread behind the connection must end
        transport.close()
        raise
    return transport


def said(transport: paramiko.Transport, command: str) -> str:
    """The output of one command."""
    with transport.open_session(timeout=TIMEOUT_S) as channel:
        channel.exec_command(command)
        return channel.makefile().read().decode()


@pytest.mark.parametrize("user", ["user", "root"])
def test_the_keys_written_by_runcmd_open_the_door(dock: Dock, user: str) -> None:
    with login(dock, dock.rent(), user) as transport:
        assert said(transport, "echo ok && whoami") == f"ok\n{user}\n"


def test_a_key_for_root_does_not_open_the_door_for_user(dock: Dock) -> None:
    write = f"echo '{dock.key.public}' > {FILE}"
    instance_id = dock.rent(cloud_init={"runcmd": [write]})
    login(dock, instance_id, "root").close()
    with pytest.raises(paramiko.AuthenticationException):
        login(dock, instance_id, "user")


def test_ssh_key_write_files_and_ssh_authorized_keys_have_no_effect(dock: Dock) -> None:
    line = dock.key.public
    files = [{"path": FILE, "content": line}]
    ignored = {"write_files": files, "ssh_authorized_keys": [line]}
    instance_id = dock.rent(cloud_init=ignored)
    assert dock.truth(instance_id)["keys"] == []
    with pytest.raises(paramiko.AuthenticationException):
        login(dock, instance_id, "user")


def test_the_keys_work_only_after_their_delay(dock: Dock) -> None:
    dock.sim.control("POST", "config", {"boot": {"tensordock": {"key_delay_s": 60}}})
    instance_id = dock.rent()
    with pytest.raises(paramiko.AuthenticationException):
        login(dock, instance_id, "user")
    dock.sim.advance(60)
    login(dock, instance_id, "user").close()


@pytest.mark.parametrize("encoded", [False, True])
def test_a_host_key_that_runcmd_installs_is_served(dock: Dock, encoded: bool) -> None:
    host = KeyPair.new()
    write = f"printf '%s' '{host.private_text}' > {HOST_KEY}"
    if encoded:
        text = base64.b64encode(host.private_text.encode()).decode()
        write = f"echo {text} | base64 -d > {HOST_KEY} && systemctl restart ssh"
    commands = [*dock.attributes()["cloud_init"]["runcmd"], write]
    instance_id = dock.rent(cloud_init={"runcmd": commands})
    with login(dock, instance_id, "user") as transport:
        served = transport.get_remote_server_key()
    assert served.get_base64() == host.public.split()[1]
    journal = str(dock.sim.control("GET", "requests"))
    assert host.private_text.splitlines()[1] not in journal.replace("\\n", "\n")


def test_nvidia_smi_speaks_of_the_rented_gpu(dock: Dock) -> None:
    query = "nvidia-smi --query-gpu=name,memory.total --format=csv,noheader,nounits"
    with login(dock, dock.rent(), "user") as transport:
        assert said(transport, query) == "NVIDIA GeForce RTX 4090, 24564\n"


def test_the_plain_newest_ubuntu_has_no_driver(dock: Dock) -> None:
    with login(dock, dock.rent(image="ubuntu2404"), "user") as transport:
        assert "failed" in said(transport, "nvidia-smi")


def test_every_gpu_of_a_bigger_machine_is_listed(dock: Dock) -> None:
    gpu = max(dock.gpus(), key=lambda row: row["max_count"])
    count = gpu["max_count"]
    wanted = resources(vcpu_count=2, ram_gb=4, gpus={CARD: {"count": count}})
    with login(dock, dock.rent(location_id=gpu["at"], resources=wanted), "user") as transport:
        assert len(said(transport, "nvidia-smi -L").splitlines()) == count > 1


@pytest.mark.parametrize(
    "command",
    [
        f"echo '{QUOTED}' > {FILE}",
        f"printf '%s\\n' '{QUOTED}' >> {FILE}",
        f"echo {ENCODED} | base64 -d > {FILE}",
        f"mkdir -p /root/.ssh && echo {ENCODED} | base64 --decode | tee -a {FILE} > /dev/null",
        f"cat > {FILE} <<'EOF'\n{LINE}\nEOF\nchmod 600 {FILE}",
        f"cat <<EOF >> ~/.ssh/authorized_keys\n{LINE}\nEOF",
        f"grep -qxF '{QUOTED}' {FILE} 2>/dev/null || echo '{QUOTED}' >> {FILE}",
        f"if true; then echo '{QUOTED}' >{FILE}; fi",
        ["sh", "-c", f"echo '{QUOTED}' >> {FILE} 2>&1"],
        f'sudo bash -c "echo {ENCODED} | base64 -d" | tee {FILE}',
        f"echo '{QUOTED}' > /tmp/keys; cp /tmp/keys {FILE}; rm /tmp/keys",
        f"install -m 600 /dev/null {FILE}; echo '{QUOTED}' >> {FILE}",
    ],
)
def test_start_up_commands_write_keys_in_many_ways(command: str | list[str]) -> None:
    assert carried_out([command]).keys("root") == [LINE]


@pytest.mark.parametrize(
    "command",
    [
        f"false && echo '{QUOTED}' > {FILE}",
        f"echo '{LINE}' > {FILE}",  # the quote in the key is not escaped
        f"echo {ENCODED}x= | base64 -d > {FILE}",
        f"echo '{QUOTED}' > /home/user/.ssh/authorized_keys",
        f"echo '{QUOTED}' > /dev/null",
        f"echo '{QUOTED}' > {FILE}; echo '# nothing' > {FILE}",
        "timeout 300 sh -c 'while fuser /var/lib/dpkg/lock; do sleep 5; done'",
    ],
)
def test_commands_that_do_not_give_root_the_key_leave_it_out(command: str) -> None:
    assert LINE not in carried_out([command]).keys("root")


def test_repeating_an_append_that_asks_first_changes_nothing() -> None:
    command = f"grep -qxF '{QUOTED}' {FILE} || echo '{QUOTED}' >> {FILE}"
    assert carried_out([command, command]).keys("root") == [LINE]
