"""The functions' log: lines of JSON, each of which says to which run and request it belongs."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aws_lambda_powertools import Logger

type Event = dict[str, Any]

RUN_KEYS = (
    "cold_start",
    "function_request_id",
    "api_request_id",
    "request_id",
    "session_id",
    "attempt",
)
"""What lines of metrics say of their run, too; everything else is in the other lines only."""

_SAID = ("session_id", "attempt", "provider", "step", "what", "act", "instance_id")
"""What events of state machines, schedules and operators' wishes say of what they are about."""

_SAME_IN_ALL = ("function_name", "function_arn", "function_memory_size")
"""What Powertools adds to each line and a whole log group has alike: its bytes would be paid."""

_LIBRARIES = ("boto3", "botocore", "paramiko", "urllib3")

logger = Logger(datefmt="%Y-%m-%dT%H:%M:%S.%FZ", utc=True)
# What adapters and libraries warn of by the standard library is written like everything else.
for _name in ("gpu_shopper", *_LIBRARIES):
    logging.getLogger(_name).handlers = logger.handlers
    logging.getLogger(_name).propagate = False


class Refused(Exception):
    """An answer in the form of an error; its text is what the gateway looks at."""


def logged[T](handler: Callable[[Event, Any], T]) -> Callable[[Event, Any], T]:
    """Every line of a run says which run it is, whether a cold start, and what it is about.

    An error that ends the run is logged with its stack, and goes on.
    """

    @functools.wraps(handler)
    def run(event: Event, context: Any) -> T:
        logger.remove_keys(_SAME_IN_ALL)
        logger.append_keys(**_about(event))
        try:
            return handler(event, context)
        except Refused:
            raise
        except Exception:
            logger.exception("the run failed")
            raise

    told: Callable[[Event, Any], T] = logger.inject_lambda_context(run, clear_state=True)
    return told


@contextmanager
def concerning(**ids: Any) -> Iterator[None]:
    """Until it ends, every line says these ids too; then those that it said before."""
    keys = logger.get_current_keys()
    before = {name: keys[name] for name in ids if name in keys}
    logger.append_keys(**ids)
    try:
        yield
    finally:
        logger.remove_keys(ids)
        logger.append_keys(**before)


def write_always(to: Logger, message: str, **fields: Any) -> None:
    """A line of level INFO, also where only errors are logged: no fact is left out."""
    record = logging.LogRecord("facts", logging.INFO, __file__, 0, message, None, None, "fact")
    vars(record).update(fields)
    for handler in to.handlers:
        handler.handle(record)


def run_keys(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a logger's keys that tell which run it is."""
    return {name: keys[name] for name in RUN_KEYS if name in keys}


def _about(event: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: event[name] for name in _SAID if event.get(name) is not None}
    api_request_id = (event.get("requestContext") or {}).get("requestId")
    return said | ({"api_request_id": api_request_id} if api_request_id else {})
