"""Which network addresses a request that somebody else asked for may go to: those of the open internet, no other.

What stands behind an address counts, not how it is written: IPv6 carries IPv4 in several ways.
"""

import ipaddress
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# `is_global` differs between releases of Python; what no release may let through is named here.
_CLOSED: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; also some clouds' metadata
        "168.63.129.16/32",  # Azure's host, a public address that only machines there reach
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "240.0.0.0/4",
        "::/96",  # IPv4 written inside, long out of use
        "64:ff9b:1::/48",  # local translation
        "100::/64",
        "2001::/23",  # Teredo and other protocols' own
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)
_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")  # NAT64: an IPv4 address in the last 32 bits


def is_open(text: str) -> bool:
    """Whether this address, as the resolver gives it, is one of the open internet."""
    address = _behind(ipaddress.ip_address(text.partition("%")[0]))
    closed = any(address.version == network.version and address in network for network in _CLOSED)
    return address.is_global and not (closed or address.is_multicast or address.is_reserved)


def is_loopback(text: str) -> bool:
    """Whether it is this machine itself."""
    return _behind(ipaddress.ip_address(text.partition("%")[0])).is_loopback


def _behind(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in _TRANSLATED:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
