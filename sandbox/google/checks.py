"""Rules for one value. A check answers `None`, or the rule that the value breaks, in words.

The words go on after "FIELD is VALUE: "; they name the rule of the real service, so that a reader learns what
Google would have said.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

Check = Callable[[Any], str | None]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PROTOCOLS = ("tcp", "udp", "icmp", "esp", "ah", "sctp", "ipip", "all")
_MEMBER = re.compile(
    r"^(user|serviceAccount|group|domain|principal|principalSet"
    r"|projectOwner|projectEditor|projectViewer):(.+)$"
)
_ROLE = re.compile(
    r"^(roles/[a-zA-Z0-9]+(\.[a-zA-Z0-9]+)*|(projects|organizations)/[a-z0-9:.-]+/roles/[a-zA-Z0-9_.]{3,64})$"
)
_POOL_MEMBER = re.compile(
    r"^[a-z0-9:.-]+\.svc\.id\.goog\[[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-a-z0-9.]*[a-z0-9])?\]$"
)
_EMAIL = re.compile(r"^[^@\s\[\]]+@[a-z0-9-]+(\.[a-z0-9-]+)+$")


def pattern(regex: str, words: str) -> Check:
    """The whole value matches `regex`; `words` say what that means."""
    compiled = re.compile(regex)

    def check(value: Any) -> str | None:
        return None if compiled.fullmatch(str(value)) else f"{words} (`{regex}`)"

    return check


NAME = pattern(
    r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$",
    "a name is 1-63 lower-case letters, digits and dashes, starts with a letter and ends with a letter or "
    "digit",
)
REGION = pattern(r"^[a-z]+(-[a-z]+)+[0-9]+$", "a region looks like europe-west1")
LOCATION = pattern(
    r"^[a-z]+(-[a-z]+)+[0-9]+(-[a-z])?$",
    "a location is a region like europe-west1 or a zone like europe-west1-b",
)
PROJECT = pattern(
    r"^([a-z0-9.-]+:)?[a-z][-a-z0-9]{4,28}[a-z0-9]$",
    "a project id is 6-30 lower-case letters, digits and dashes, starts with a letter and does not end with "
    "a dash",
)
LABEL = pattern(
    r"^[-_a-z0-9]{0,63}$", "a label value is at most 63 lower-case letters, digits, dashes and underscores"
)


def one_of(*allowed: str) -> Check:
    """The value is one of a fixed set, in exactly this spelling."""
    return lambda value: None if value in allowed else "it must be one of " + ", ".join(allowed)


def between(low: int, high: int) -> Check:
    """A whole number within both bounds, inclusive."""
    return lambda value: None if low <= value <= high else f"it must be between {low} and {high}"


def network(value: Any) -> Network | None:
    """The range written as `value`, or None when it is none or has host bits set."""
    try:
        return ipaddress.ip_network(value) if "/" in str(value) else None
    except ValueError:
        return None


def cidr(value: Any) -> str | None:
    """An IPv4 or IPv6 range in CIDR form, without host bits."""
    if network(value):
        return None
    try:
        fixed = ipaddress.ip_network(str(value), strict=False)
    except ValueError:
        return "it must be an address range in CIDR form, like 10.0.0.0/24"
    return f"a range starts at its network address and has a prefix length; write {fixed}"


def cidr_v4(value: Any) -> str | None:
    """As `cidr`, IPv4 only."""
    block = network(value)
    return "it must be an IPv4 range" if block and block.version != 4 else cidr(value)


def subnet_range(value: Any) -> str | None:
    """A range that a subnet may have: IPv4, /4 to /29, not one that Google forbids."""
    block = network(value)
    if block is None or block.version != 4:
        return cidr_v4(value)
    if not 4 <= block.prefixlen <= 29:
        return "a subnet's range is /4 to /29 (four addresses of it are Google's)"
    forbidden = (
        "0.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "199.36.153.4/30",
        "199.36.153.8/30",
    )
    for taken in forbidden:
        if block.overlaps(ipaddress.ip_network(taken)):
            return f"it overlaps {taken}, which no subnet may use"
    return None


def control_plane_range(value: Any) -> str | None:
    """The control plane's range: exactly /28."""
    block = network(value)
    if block is None or block.version != 4:
        return cidr_v4(value)
    return None if block.prefixlen == 28 else "a control plane's range is exactly /28"


def ports(value: Any) -> str | None:
    """One port or `low-high`, as a firewall writes them, 0-65535."""
    low, dash, high = str(value).partition("-")
    if not low.isdigit() or (dash and not high.isdigit()):
        return "ports are written as 443 or 8000-8100"
    first, last = int(low), int(high or low)
    if not (1 <= first <= 65535 and 1 <= last <= 65535):
        return "a port is between 1 and 65535"
    return None if first <= last else "a port range goes from the lower to the higher port"


def protocol(value: Any) -> str | None:
    """A protocol's name or its number."""
    text = str(value).lower()
    if text in _PROTOCOLS or (text.isdigit() and int(text) <= 255):
        return None
    return "a protocol is one of " + ", ".join(_PROTOCOLS) + ", or an IP protocol number 0-255"


def power_of_two(low: int, high: int) -> Check:
    """A power of two within both bounds."""

    def check(value: Any) -> str | None:
        fits = low <= value <= high and value & (value - 1) == 0
        return None if fits else f"it must be a power of two between {low} and {high}"

    return check


def dns_name(value: Any) -> str | None:
    """A full DNS name with its final dot; the first label may be `*`."""
    text = str(value)
    if not text.endswith("."):
        return f"a DNS name here is absolute and ends with a dot; write {text}."
    labels = text[:-1].split(".")
    rest = labels[1:] if labels[0] == "*" else labels
    if len(text) > 254 or not all(
        re.fullmatch(r"[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?", label) for label in rest
    ):
        return "a DNS name is lower-case labels of 1-63 letters, digits and dashes; only the first may be *"
    return None


def ipv4(value: Any) -> str | None:
    """One IPv4 address."""
    try:
        ipaddress.IPv4Address(value)
    except ValueError:
        return "it must be an IPv4 address"
    return None


def ipv6(value: Any) -> str | None:
    """One IPv6 address."""
    try:
        ipaddress.IPv6Address(value)
    except ValueError:
        return "it must be an IPv6 address"
    return None


def member(value: Any) -> str | None:
    """A principal in an IAM policy."""
    text = str(value)
    if text in ("allUsers", "allAuthenticatedUsers"):
        return None
    parts = _MEMBER.fullmatch(text)
    if not parts:
        return "a member is written TYPE:WHO, like serviceAccount:NAME@PROJECT.iam.gserviceaccount.com"
    kind, who = parts.groups()
    if kind in ("user", "group") and not _EMAIL.fullmatch(who):
        return f"{kind}: is followed by an e-mail address"
    if kind == "serviceAccount" and not (_EMAIL.fullmatch(who) or _POOL_MEMBER.fullmatch(who)):
        return "serviceAccount: is followed by an e-mail address, or by PROJECT.svc.id.goog[NAMESPACE/NAME]"
    if kind in ("principal", "principalSet") and not who.startswith("//"):
        return f"{kind}: is followed by //iam.googleapis.com/..."
    return None


def role(value: Any) -> str | None:
    """A predefined or custom role."""
    return (
        None if _ROLE.fullmatch(str(value)) else "a role is written roles/NAME or projects/PROJECT/roles/NAME"
    )


def bucket_name(value: Any) -> str | None:
    """A Cloud Storage bucket's name."""
    text = str(value)
    if not re.fullmatch(r"[a-z0-9][-_.a-z0-9]*[a-z0-9]", text) or not 3 <= len(text) <= 222:
        return (
            "a bucket's name is 3-63 lower-case letters, digits, dashes, underscores and dots, "
            "and starts and ends with a letter or digit"
        )
    if any(not 1 <= len(part) <= 63 for part in text.split(".")):
        return "each dot-separated part of a bucket's name is 1-63 characters"
    if text.startswith("goog") or "google" in text:
        return "a bucket's name does not start with goog or contain google"
    return "a bucket's name is not an IP address" if ipv4(text) is None else None
