"""`python -m simulator`: the providers' stand-in on one loopback port."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys

from simulator.server import CannotListen, Options, serve

_CHUNK = 4096


def main() -> None:
    """Parse the command line and serve until SIGINT or SIGTERM."""
    given = _arguments()
    try:
        asyncio.run(_until_told(_options(given), watch_input=given.until_stdin_closes))
    except CannotListen as exc:
        sys.exit(f"{exc} (--port 0 takes a free port)")


async def _until_told(options: Options, *, watch_input: bool) -> None:
    stop = asyncio.Event()
    if watch_input:
        _stop_at_end_of_input(stop)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(options, stop)


def _stop_at_end_of_input(stop: asyncio.Event) -> None:
    """Whoever started us holds our standard input; when it dies, we end as well."""
    descriptor = sys.stdin.fileno()

    def look() -> None:
        if not os.read(descriptor, _CHUNK):
            stop.set()

    asyncio.get_running_loop().add_reader(descriptor, look)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8888, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=1, help="of the market and of every draw")
    parser.add_argument("--offers", type=int, default=60, help="size of the market")
    parser.add_argument(
        "--vastai-key", action="append", metavar="KEY", help="only such keys work; repeatable"
    )
    parser.add_argument(
        "--tensordock-token", action="append", metavar="TOKEN", help="the same for TensorDock"
    )
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="end with the program that started it"
    )
    return parser.parse_args()


def _options(given: argparse.Namespace) -> Options:
    keys = {"vastai": given.vastai_key, "tensordock": given.tensordock_token}
    required = {name: values for name, values in keys.items() if values}
    return Options(given.host, given.port, given.seed, given.offers, required or None)


if __name__ == "__main__":
    main()
