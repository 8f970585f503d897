"""Which internet addresses may be called: others would lead into our own network, or nowhere."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_SPECIAL = (
    IPv6Network("2001::/23"),  # protocols, Teredo among them
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("3fff::/20"),  # documentation
)


def is_public(address: str) -> bool:
    """True for an address of the public internet.

    False for private, loopback, link-local (the cloud's metadata service), carrier-grade NAT,
    multicast, unspecified, documentation and reserved ones, and for IPv6 forms of such IPv4
    addresses. Raises ValueError for a text that is no address.
    """
    found = ip_address(address)
    if isinstance(found, IPv4Address):
        return _is_public_v4(found)
    inner = _embedded(found)
    if inner is not None:
        return _is_public_v4(inner)
    return found in _GLOBAL_UNICAST and not any(found in network for network in _SPECIAL)


def _is_public_v4(address: IPv4Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for: mapped, 6to4 or NAT64."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour
