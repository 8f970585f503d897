"""Which addresses may be called."""

from __future__ import annotations

import pytest

from gpu_shopper.core.addresses import is_public


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "203.0.112.255",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "2606:4700:4700::1111",
        "2a00::1",
        "2002:0101:0101::1",
        "64:ff9b::0101:0101",
        "::ffff:1.1.1.1",
    ],
)
def test_the_public_internet_may_be_called(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104
        "10.0.0.1",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.7",
        "224.0.0.1",
        "224.0.1.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_everything_else_may_not(address: str) -> None:
    """2.10, N-46: ours, the cloud's, nobody's, and IPv6 forms of such."""
    assert not is_public(address)


@pytest.mark.parametrize("text", ["", "localhost", "1.1.1", "127.1", "0x7f000001", "1.1.1.1 "])
def test_only_a_whole_address_is_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        is_public(text)
