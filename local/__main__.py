"""`python -m local up|down|run|demo|dashboard|build|deploy`; `make` has a target for each."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from local import runner
from local.build import build as build_template
from local.runner import EXPECTED, Runner

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console()


@app.command()
def build() -> None:
    """Build template.yaml into .local/build, unless nothing changed."""
    console.print(f"built: {build_template()}", highlight=False)


@app.command()
def up() -> None:
    """Start everything and return when it is ready."""
    with runner.ended_by_signals():
        Runner(console).up()


@app.command()
def down() -> None:
    """End what `up` started."""
    Runner(console).down()


@app.command()
def deploy() -> None:
    """Build and deploy template.yaml again into the emulator that is up."""
    Runner(console).deploy_again()


@app.command()
def demo() -> None:
    """Start everything (or use what is up), play the main job, end what was started."""
    with runner.ended_by_signals():
        Runner(console).demo()


@app.command()
def dashboard() -> None:
    """Play the main job and some trouble, and draw the dashboard from its metrics."""
    with runner.ended_by_signals():
        Runner(console).dashboard()


@app.command()
def run() -> None:
    """Start everything, play the main job, and stay up until Ctrl-C."""
    with runner.ended_by_signals():
        Runner(console).run()


def main() -> int:
    """The exit status: 0, or 1 with one clear line for what is known to go wrong."""
    try:
        app(standalone_mode=False)
    except EXPECTED as failed:
        console.print(f"[red]failed:[/red] {failed}", highlight=False)
        return 1
    except (KeyboardInterrupt, typer.Abort):
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
