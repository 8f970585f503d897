"""Starting twice, stopping twice and dying half-way leave exactly what they should."""

from __future__ import annotations

import fcntl
import io
import os
import signal
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local import endpoints, paths
from local.endpoints import Endpoints
from local.runner import AlreadyStarting, Runner, ended_by_signals
from local.world import World

READY = Endpoints(**{field.name: f"the {field.name}" for field in fields(Endpoints)})


class FakeWorld(World):
    """Counts what is asked of it; nothing is started."""

    running = False
    started = 0
    stopped = 0
    fails: BaseException | None = None

    def start(self, *_: Any) -> Endpoints:
        self.started += 1
        if self.fails is not None:
            raise self.fails
        self.running = True
        return READY

    def stop(self) -> None:
        self.stopped += 1
        self.running = False

    def is_running(self) -> bool:
        return self.running

    def write_for_sam_local(self, variables: Path) -> None:
        variables.touch()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    for name in ("STATE", "RUN"):
        monkeypatch.setattr(paths, name, tmp_path)
    for name in ("ENDPOINTS", "DEPLOYMENT_ID", "SAM_LOCAL_VARIABLES"):
        monkeypatch.setattr(paths, name, tmp_path / name)
    return FakeWorld(tmp_path)


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def runner(world: FakeWorld, said: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.setattr("local.runner.World", lambda *_: world)
    return Runner(Console(file=said, width=200))


def test_up_writes_the_endpoints_once_it_is_ready(runner: Runner, world: FakeWorld) -> None:
    runner.up()
    assert endpoints.read(paths.ENDPOINTS) == READY
    assert world.running


def test_a_second_up_says_so_and_starts_nothing(
    runner: Runner, world: FakeWorld, said: io.StringIO
) -> None:
    runner.up()
    assert runner.up() == READY
    assert world.started == 1
    assert "already up" in said.getvalue()


def test_a_world_of_which_a_part_has_died_is_ended_and_started_anew(
    runner: Runner, world: FakeWorld
) -> None:
    runner.up()
    world.running = False
    runner.up()
    assert (world.started, world.stopped) == (2, 2)


def test_down_twice_is_silent_and_leaves_no_keys(runner: Runner, world: FakeWorld) -> None:
    runner.up()
    runner.down()
    runner.down()
    assert not world.running
    assert not paths.ENDPOINTS.exists()
    assert not paths.SAM_LOCAL_VARIABLES.exists()


@pytest.mark.parametrize("failure", [OSError("no disk"), KeyboardInterrupt()])
def test_a_start_that_fails_or_is_interrupted_leaves_nothing_running(
    runner: Runner, world: FakeWorld, failure: BaseException
) -> None:
    world.fails = failure
    with pytest.raises(type(failure)):
        runner.up()
    assert world.stopped == 2  # before the start, and after its failure
    assert not paths.ENDPOINTS.exists()


def test_the_demo_ends_what_it_started_also_when_it_fails(
    runner: Runner, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> float:
        raise OSError("no")

    monkeypatch.setattr("local.runner.demo.play", fails)
    with pytest.raises(OSError, match="no"):
        runner.demo()
    assert not world.running


def test_the_demo_leaves_running_what_was_up(
    runner: Runner, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.runner.demo.play", lambda *_: 1.0)
    runner.up()
    runner.demo()
    assert world.running


def test_two_commands_do_not_change_one_world_at_the_same_time(runner: Runner) -> None:
    with (paths.STATE / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(AlreadyStarting):
            runner.up()


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_both_signals_end_a_command_like_ctrl_c(signal_number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), ended_by_signals():
        os.kill(os.getpid(), signal_number)
