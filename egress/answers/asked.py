"""What somebody asks about, as a flow: a URL and headers read as curl and the proxies read them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from egress.common.hosts import ascii_form
from egress.judge.model.flow import Flow, Protocol, Vantage

DEFAULT_PORTS = {"http": 80, "https": 443}
_PROTOCOLS = {"http": Protocol.HTTP, "https": Protocol.TLS, "tcp": Protocol.TCP, "udp": Protocol.UDP}
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class NoFlow(ValueError):
    """What was asked is no flow; the message says why and what to write."""


def flow_of(
    team: str,
    url: str,
    *,
    method: str = "GET",
    headers: Iterable[tuple[str, str]] = (),
    account: str = "default",
    vantage: Vantage = Vantage.APP,
) -> Flow:
    """The flow that a URL means: `http://`, `https://` (the app's own TLS), `tcp://HOST:PORT`,
    `udp://HOST:PORT`.

    Raises:
        NoFlow: the URL names no host, no port where one is needed, or another scheme.
    """
    parts = _parts(url)
    if parts.scheme not in _PROTOCOLS:
        raise NoFlow(
            f"{url} says no protocol that is known here. Write http://, https://, tcp:// or udp:// before "
            "the host."
        )
    if not parts.hostname:
        raise NoFlow(f"{url} names no host. Write e.g. https://example.com/path.")
    protocol = _PROTOCOLS[parts.scheme]
    port = _port(url, parts)
    host, address = _host(parts.hostname)
    name = host.removesuffix(".")
    authority, first, repeated = _headers(headers)
    if not _TOKEN.fullmatch(method):
        raise NoFlow(f"{method!r} is no method. Write e.g. GET or POST.")
    asks = "?" in url.partition("#")[0]
    path = (parts.path or "/") + (f"?{parts.query}" if asks else "")
    # TLS asks for a name without its trailing dot, and says the Host header where nobody sees it.
    sent = (authority or (host if host != name else "")) if protocol is Protocol.HTTP else ""
    return Flow(
        team,
        name,
        port,
        protocol,
        vantage,
        account,
        method,
        path,
        first,
        address,
        authority=sent,
        repeated=repeated,
    )


def _parts(url: str) -> SplitResult:
    if any(character <= " " or character == "\x7f" for character in url):
        raise NoFlow(
            f"{url!r} holds a space or a control character, which no URL does. Write it as %20 or the like."
        )
    try:
        return urlsplit(url if "://" in url else f"//{url}")
    except ValueError:
        raise NoFlow(
            f"{url} is no URL: what stands in brackets has to be an IPv6 address, e.g. "
            "https://[2001:db8::1]/."
        ) from None


def _port(url: str, parts: SplitResult) -> int:
    try:
        given = parts.port
    except ValueError:
        given = 0
    if given == 0:
        raise NoFlow(f"{url}: the port is no number from 1 to 65535.")
    port = given or DEFAULT_PORTS.get(parts.scheme)
    if port is None:
        raise NoFlow(
            f"{url} names no port, and {parts.scheme} has none of its own. Write "
            f"{parts.scheme}://{parts.hostname}:PORT."
        )
    return port


def _host(given: str) -> tuple[str, str | None]:
    """The host as clients ask for it, and its address if it is one.

    Raises:
        NoFlow: it is neither a name nor an address, or nothing of it would leave the pod.
    """
    address = _address(given)
    if address:
        if address.is_loopback or address.is_unspecified:
            raise NoFlow(f"{given} is the pod itself: nothing leaves it, so no layer is asked.")
        return str(address), str(address)
    name = given.lower() if given.isascii() else ascii_form(given)
    if name is None or "*" in name:
        what = "Ask about one name below the pattern" if name else "Write its ASCII form"
        raise NoFlow(f"{given} is no name that a client could ask for. {what}, e.g. https://www.example.org.")
    labels = name.removesuffix(".").split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise NoFlow(
            f"{given} is no name: labels of 1 to 63 letters, digits and hyphens, with dots between them, 253 "
            "at most."
        )
    if _NUMBER.fullmatch(labels[-1]):
        raise NoFlow(f"{given} reads as an address and is none, so nothing answers to it. Check it.")
    if labels[-1] == "localhost":
        raise NoFlow(f"{given} is the pod itself: nothing leaves it, so no layer is asked.")
    return name, None


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """An address in each of its spellings: clients read 2130706433, 0x7f.1 and 127.1 as what they come to."""
    if ":" in host:
        try:
            found = ip_address(host.partition("%")[0])
        except ValueError:
            raise NoFlow(f"[{host}] is no IPv6 address. Write e.g. https://[2001:db8::1]/.") from None
        assert isinstance(found, IPv6Address)
        return found.ipv4_mapped or found
    parts = host.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        *upper, last = (int(part, _base(part)) for part in parts)
    except ValueError:
        return None
    if any(byte > 0xFF for byte in upper) or last >= 1 << 8 * (4 - len(upper)):
        return None
    return IPv4Address(sum(byte << 8 * (3 - at) for at, byte in enumerate(upper)) + last)


def _base(number: str) -> int:
    if number[:2] in ("0x", "0X"):
        return 16
    return 8 if number[0] == "0" else 10


def _headers(given: Iterable[tuple[str, str]]) -> tuple[str, dict[str, str], tuple[tuple[str, str], ...]]:
    """The Host header if there is one, each header's first value, and what is sent besides."""
    authority = ""
    first: dict[str, str] = {}
    repeated: list[tuple[str, str]] = []
    for name, value in ((name.strip().lower(), value.strip()) for name, value in given):
        if not _TOKEN.fullmatch(name):
            raise NoFlow(f"{name!r} is no name of a header. Write it as `name: value`.")
        if name == "host":
            if authority or not value:
                raise NoFlow(
                    "A request has one Host header, and it names something; proxies answer 400 to others."
                )
            authority = value
        elif name in first:
            repeated.append((name, value))
        else:
            first[name] = value
    return authority, first, tuple(repeated)
