"""The address of a client: as the peer or a trusted proxy names it, for the log, and as one client, for its limit.

Proxies write addresses in many forms: with a port (``192.0.2.1:567``), in brackets (``[2001:db8::1]:567``), in quotes.
A port is new with each connection, so it must not make a client of its own.
"""

from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address

LONGEST = 64
"""Characters of one entry of X-Forwarded-For. An address with brackets, zone, port and quotes is shorter."""
_TRANSLATED = IPv6Network("64:ff9b::/96")
"""IPv4 clients as a translator before an IPv6 network shows them (RFC 6052)."""


def client_address(peer: str, forwarded: str | None, hops: int) -> str:
    """The address of the client behind ``hops`` trusted proxies; without any, that of the ``peer``.

    Every proxy appends the address of its caller to ``forwarded``, so the entry that counts is the one ``hops`` from
    the right. Entries that a client writes itself stand further left and are never believed: no quote that it opens
    reaches over a comma. Where the entry is missing or no address, the peer's address counts: text that a client may
    choose gets no limit of its own.
    """
    if hops and forwarded:
        entries = forwarded.rsplit(",", hops)
        if len(entries) >= hops and (address := read_address(entries[-hops])):
            return address
    return read_address(peer) or peer


def read_address(text: str) -> str:
    """The address alone, IPv4 where it is one mapped to IPv6; empty where ``text`` is no address."""
    if len(text) > LONGEST:
        return ""
    text = text.strip(' \t"')
    if text.startswith("["):
        text, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            return ""
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


@lru_cache(maxsize=4096)
def limit_key(client: str) -> str:
    """A name, or an IPv4 address, as it is; an IPv6 address as its /64, since a client has all addresses of one."""
    if ":" not in client:  # a client's name never has one
        return client
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if not isinstance(address, IPv6Address):
        return client
    if address in _TRANSLATED:
        return str(ip_address(int(address) & 0xFFFFFFFF))
    return str(address.ipv4_mapped or f"{IPv6Address(int(address) >> 64 << 64)}/64")
