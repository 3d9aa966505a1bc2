"""Which addresses the server may connect to because a request named a URL: callbacks, and files to be fetched.

The check stands where the socket is made, on the very address that is then connected to. A name that resolves to
something else a moment later, a redirect, or an unusual way to write an address can therefore not get round it.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass

import aiohttp

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Where clouds tell a machine its own credentials, as far as these addresses are not link-local.
_METADATA = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "168.63.129.16", "fd00:ec2::254")))


class AddressRefused(OSError):  # noqa: N818 - says what happened, as ConnectionRefused does
    """The address of a URL's host is one that this server does not connect to."""


@dataclass(frozen=True, slots=True)
class Reach:
    """A policy of addresses. `private` allows loopback and private networks; metadata addresses never are allowed."""

    private: bool = True

    def refusal(self, host: str) -> str | None:
        """Why the address is refused, or None. `host` is an IP address as the resolver gives it."""
        address = _plain(host)
        if address.is_link_local or address in _METADATA:
            return "link-local and metadata addresses are never connected to"
        if address.is_multicast or address.is_unspecified:
            return "multicast and unspecified addresses are never connected to"
        if not self.private and not address.is_global:
            return "loopback and private addresses are not connected to here (setting: private_targets)"
        return None

    def socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """The socket for one resolved address. Raises AddressRefused."""
        family, kind, protocol, _, target = info
        if (reason := self.refusal(str(target[0]))) is not None:
            raise AddressRefused(errno.EACCES, reason)
        return socket.socket(family, kind, protocol)

    def connector(self) -> aiohttp.TCPConnector:
        """A connector that connects nowhere else. Make it on the loop that uses it."""
        return aiohttp.TCPConnector(socket_factory=self.socket)


def _plain(host: str) -> _Address:
    """The address that is meant: IPv4 inside IPv6 is taken out, since that is where packets go."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address
