"""What counts as an outside host: one normal form, and a reason for each thing that is not one."""

from __future__ import annotations

import ipaddress
import re

from egress.google_cloud import PRIVATE_ZONES

CLUSTER_SUFFIXES = (
    "cluster.local",
    "svc",
    "local",
    "localhost",
    "internal",
    "localdomain",
    "home.arpa",
    "in-addr.arpa",
)
"""Names under these are answered inside the cluster or the VPC network and never leave through the gateway."""

_LABEL = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")


class HostError(ValueError):
    """A host that cannot be an egress target. `consequence` and `fix` are for the reader of the config."""

    def __init__(self, consequence: str, fix: str) -> None:
        super().__init__(consequence)
        self.consequence = consequence
        self.fix = fix


def under(host: str, zone: str) -> bool:
    """Whether `host` is `zone` or a name below it."""
    return host == zone or host.endswith("." + zone)


def normalise(host: str) -> str:
    """`host` in lower case.

    Raises:
        HostError: it is not a fully qualified DNS name of an outside host.
    """
    host = host.lower()
    _refuse_what_is_not_a_name(host)
    _refuse_malformed_labels(host)
    if any(under(host, suffix) for suffix in CLUSTER_SUFFIXES):
        raise HostError(
            "This name is answered inside the cluster or the VPC network: the egress gateway would route to itself.",
            "Name an outside host. Traffic to another team's Service is `reaches: [team]`.",
        )
    zone = next((zone for zone in PRIVATE_ZONES if under(host, zone)), None)
    if zone:
        raise HostError(
            f"{zone} belongs to Google: it is reached through Private Google Access, guarded by IAM, and never "
            "leaves through the egress gateway - which could not resolve it to an internet address anyway.",
            "Use `googleApis` of the team, which names service accounts and APIs.",
        )
    return host


def _refuse_what_is_not_a_name(host: str) -> None:
    if "://" in host or "/" in host:
        raise HostError("This is a URL; a host is authorised by its name alone.", "Write the host, e.g. example.com.")
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        pass
    else:
        raise HostError(
            "An address carries no name that the gateway could check against SNI or the Host header.",
            "Name the host by its DNS name.",
        )
    if ":" in host:
        raise HostError("A port is part of the way (http or https), not of the host.", f"Write {host.split(':', maxsplit=1)[0]}.")
    if "*" in host:
        raise HostError(
            "A wildcard would need the gateway to resolve names that nobody declared; it is not supported.",
            "Declare each host by its full name.",
        )
    if not host.isascii():
        raise HostError(
            "SNI and the Host header carry the ASCII form; a rule for the Unicode form would never match.",
            f"Write the ASCII form (punycode): {_ascii_form(host)}.",
        )
    if host.endswith("."):
        raise HostError(
            "SNI and the Host header carry no trailing dot; the rule would never match.", f"Write {host.rstrip('.')}."
        )


def _refuse_malformed_labels(host: str) -> None:
    labels = host.split(".")
    if len(labels) < 2:
        raise HostError(
            "A single label is completed by the cluster's DNS search path and may mean a Service of the cluster.",
            "Write the fully qualified name, e.g. example.com.",
        )
    if len(host) > 253:
        raise HostError(f"A DNS name has at most 253 characters; this one has {len(host)}.", "Check the name.")
    bad = next((label for label in labels if not _LABEL.match(label)), None)
    if bad is not None:
        raise HostError(
            f"The label {bad!r} is not a DNS label: 1 to 63 letters, digits and hyphens, no hyphen at either end.",
            "Check the name.",
        )
    if labels[-1].isdigit():
        raise HostError("A name whose last label is a number reads as an address.", "Check the name.")


def _ascii_form(host: str) -> str:
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return "the xn-- form of each label"
