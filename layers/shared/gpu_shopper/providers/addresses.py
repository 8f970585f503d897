"""What may be part of a URL, and which URLs of a provider's making may be called."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from gpu_shopper.errors.provider import BadProviderReply

_ID_IN_PATH = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}", re.ASCII)
_PRIVATE = (".internal", ".local", ".localhost")


def path_id(text: str) -> str:
    """`text` when it may stand in a URL's path. Raises BadProviderReply."""
    if not is_path_id(text):
        raise BadProviderReply("an id that cannot be part of a URL")
    return text


def is_path_id(value: object) -> bool:
    """True for a text that may stand in a URL's path: 1 to 128 characters, no separators."""
    return isinstance(value, str) and _ID_IN_PATH.fullmatch(value) is not None


def may_be_fetched(url: str, base_url: str) -> bool:
    """TLS towards a named host; plain HTTP only where our own calls go by plain HTTP."""
    try:
        there, base = urlsplit(url), urlsplit(base_url)
        if there.username is not None or not there.hostname:
            return False
        if there.scheme == "https":
            return _is_named(there)
        return there[:2] == base[:2]
    except ValueError:
        return False


def _is_named(url: SplitResult) -> bool:
    host = url.hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return "." in host and not host.endswith((".", *_PRIVATE))
    return False
