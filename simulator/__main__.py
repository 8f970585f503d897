"""`python -m simulator`: the providers' stand-in on one loopback port."""

from __future__ import annotations

import argparse
import asyncio
import signal

from simulator.server import Options, serve


def main() -> None:
    """Parse the command line and serve until SIGINT or SIGTERM."""
    asyncio.run(_until_signalled(_options()))


async def _until_signalled(options: Options) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(options, stop)


def _options() -> Options:
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
    given = parser.parse_args()
    keys = {"vastai": given.vastai_key, "tensordock": given.tensordock_token}
    required = {name: values for name, values in keys.items() if values}
    return Options(given.host, given.port, given.seed, given.offers, required or None)


if __name__ == "__main__":
    main()
