"""What the commands do: up, down, demo, run, each leaving nothing behind that it started itself."""

from __future__ import annotations

import contextlib
import fcntl
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

import botocore.exceptions
import paramiko
import requests
from rich.console import Console

from local import dashboard, demo, endpoints, paths, ssh, stack
from local.api import ApiRefused
from local.build import BuildFailed, build
from local.endpoints import Endpoints
from local.functions import FunctionFailed
from local.parameters import deployment_id
from local.processes import DaemonFailed
from local.world import NotReady, World


class AlreadyStarting(Exception):
    """Another command is starting or ending the world of this checkout."""


EXPECTED = (
    AlreadyStarting,
    ApiRefused,
    BuildFailed,
    DaemonFailed,
    FunctionFailed,
    NotReady,
    OSError,
    botocore.exceptions.ClientError,
    botocore.exceptions.BotoCoreError,
    demo.DemoFailed,
    paramiko.SSHException,
    requests.RequestException,
    ssh.CommandFailed,
    stack.StackFailed,
)


class Runner:
    """The world of this checkout, below `.local/`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._world = World(paths.RUN, self._say)
        self._began = time.monotonic()

    def up(self) -> Endpoints:
        """Start everything and return when it is ready; says so when it is up already."""
        running = self._running()
        if running is not None:
            self._say("already up (end it with `make down`)")
            return running
        with _alone():
            return self._start()

    def down(self) -> None:
        """End both processes; silent about what does not run."""
        with _alone():
            self._stop()
        self._say("down")

    def deploy_again(self) -> None:
        """Bring code and template of now into the emulator that is up."""
        running = self._running()
        if running is None:
            raise NotReady("nothing is up: `make up` first")
        self._world.deploy(build(), running.deployment_id)
        self._say("deployed")

    def demo(self) -> None:
        """Play the main job, on what is up or on what is then ended again."""
        with self._up_for_a_while() as running:
            self._play(running)

    def dashboard(self) -> None:
        """Play the main job and some trouble, and draw the template's dashboard from it."""
        with self._up_for_a_while() as running:
            self._play(running)
            dashboard.trouble(running, self._world.functions())
            dashboard.write(running)
        self._say(f"drawn: {dashboard.PAGE} and {dashboard.IMAGE}")

    def run(self) -> None:
        """Play the main job and stay until somebody ends it."""
        with self._up_for_a_while() as running:
            self._play(running)
            self._explain(running)
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()

    @contextlib.contextmanager
    def _up_for_a_while(self) -> Iterator[Endpoints]:
        was_up = self._running() is not None
        try:
            yield self.up()
        finally:
            if not was_up:
                with _undisturbed():
                    self.down()

    def _running(self) -> Endpoints | None:
        return endpoints.read(paths.ENDPOINTS) if self._world.is_running() else None

    def _start(self) -> Endpoints:
        self._stop()
        try:
            ready = self._world.start(deployment_id(paths.DEPLOYMENT_ID))
            self._world.write_for_sam_local(paths.SAM_LOCAL_VARIABLES)
        except BaseException:  # whatever happened, Ctrl-C included: leave nothing running
            with _undisturbed():
                self._stop()
            raise
        endpoints.write(paths.ENDPOINTS, ready)
        self._say("ready; addresses and keys are in .local/endpoints.json")
        return ready

    def _stop(self) -> None:
        paths.ENDPOINTS.unlink(missing_ok=True)
        paths.SAM_LOCAL_VARIABLES.unlink(missing_ok=True)
        self._world.stop()

    def _play(self, running: Endpoints) -> None:
        self._console.rule("the main job")
        took_s = demo.play(running, self._console)
        self._console.rule(f"played in {took_s:.1f} s")

    def _explain(self, running: Endpoints) -> None:
        consumer = f"curl -H 'Authorization: Bearer {running.consumer_key}'"
        lines = f"""
API        {running.api_url}  (then /api/v1/…)
simulator  {running.simulator_url}  (Vast.ai key {running.vastai_key})
AWS        {running.emulator_url}
consumer   {running.consumer_key}
operator   {running.operator_key}

{consumer} '{running.api_url}/api/v1/inventory?gpu_type=RTX+4090&limit=3'
{consumer} '{running.api_url}/api/v1/sessions'
curl '{running.simulator_url}/_test/instances'

Ctrl-C ends it all."""
        self._console.print(lines, highlight=False, markup=False, soft_wrap=True)

    def _say(self, what: str) -> None:
        elapsed = f"{time.monotonic() - self._began:.1f} s"
        self._console.print(f"[green]{elapsed:>7}[/green]  {what}", highlight=False, soft_wrap=True)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM ends a command as Ctrl-C does: with its own clean-up.

    SIGINT is set too: a shell starts background jobs with it ignored.
    """

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handling(interrupt):
        yield


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C does not interrupt the clean-up after the first."""
    with _handling(signal.SIG_IGN):
        yield


@contextlib.contextmanager
def _handling(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    before = {each: signal.signal(each, handler) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, earlier in before.items():
            signal.signal(each, earlier)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One command at a time changes what is up. Raises AlreadyStarting."""
    paths.STATE.mkdir(exist_ok=True)
    with (paths.STATE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyStarting("another `make up`, `run`, `demo` or `down` is at work") from None
        yield
