"""What counts as an outside host, and as a pattern of hosts: one normal form, and a reason for each thing
that is neither."""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Sequence
from functools import lru_cache

import idna

from egress.common.google_cloud import PRIVATE_ZONES
from egress.common.grammar import LABEL, matches

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
"""Names under these are answered inside the cluster or the VPC network and never leave through the
gateway."""

ANY = "*."
"""How a pattern begins: `*.example.org` is every name below example.org, at any depth, and not example.org
itself."""
PATTERN_LIMIT = 235
"""Longest pattern (characters): the gateway knows it by a name that is 18 characters longer than its
domain."""
_REGISTRIES = {"ac", "co", "com", "edu", "gob", "gov", "go", "ne", "net", "or", "org"}
"""Second labels below which a country's registry lets anybody register, as in co.uk. The public suffix list
has many more."""


class HostError(ValueError):
    """A host that cannot be an egress target. `consequence` and `fix` are for the reader of the config."""

    def __init__(self, consequence: str, fix: str) -> None:
        super().__init__(consequence)
        self.consequence = consequence
        self.fix = fix


def under(host: str, zone: str) -> bool:
    """Whether `host` is `zone` or a name below it."""
    return host == zone or host.endswith("." + zone)


def domain_above(host: str, domains: Container[str]) -> str | None:
    """The closest of some domains that `host` is, or lies below; None: it lies below none of them."""
    labels = host.split(".")
    above = (".".join(labels[start:]) for start in range(len(labels)))
    return next((domain for domain in above if domain in domains), None)


def is_pattern(host: str) -> bool:
    """Whether a normalised host stands for every name below a domain."""
    return host.startswith(ANY)


@lru_cache(maxsize=1 << 14)
def patterns_above(host: str) -> Sequence[str]:
    """Every pattern that a normalised host or pattern lies below, the closest first."""
    labels = host.removeprefix(ANY).split(".")
    return tuple(ANY + ".".join(labels[start:]) for start in range(1, len(labels) - 1))


def normalise_pattern(host: str) -> str:
    """`host` in lower case: a host, or a pattern of hosts.

    Raises:
        HostError: it is neither.
    """
    host = host.lower()
    domain = host.removeprefix(ANY)
    if domain == host or "*" in domain:
        return normalise(host)
    labels = domain.split(".")
    if len(labels) < 2:
        raise HostError(
            f"This is the whole of {domain}: anybody can register a name there and receive what is sent to "
            "it.",
            "Name a domain that belongs to one owner, e.g. *.example.org.",
        )
    if len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _REGISTRIES:
        raise HostError(
            f"Below {domain} anybody can register a name and receive what is sent to it.",
            f"Name a domain that belongs to one owner, e.g. *.example.{domain}.",
        )
    normalise(domain)
    zone = next((zone for zone in PRIVATE_ZONES if under(zone, domain)), None)
    if zone:
        raise HostError(
            f"The pattern includes {zone}, which belongs to Google.", "Name the domains that are meant."
        )
    if len(host) > PATTERN_LIMIT:
        raise HostError(
            f"A pattern has at most {PATTERN_LIMIT} characters, because the gateway's own name for it is "
            "longer; "
            f"this one has {len(host)}.",
            "Check the name.",
        )
    return host


def normalise(host: str) -> str:
    """`host` in lower case.

    Raises:
        HostError: it is not a fully qualified DNS name of an outside host.
    """
    host = host.lower()
    well_formed(host)
    if any(under(host, suffix) for suffix in CLUSTER_SUFFIXES):
        raise HostError(
            "This name is answered inside the cluster or the VPC network: the egress gateway would route to "
            "itself.",
            "Name an outside host. Traffic to another team's Service is `reaches: [team]`.",
        )
    zone = next((zone for zone in PRIVATE_ZONES if under(host, zone)), None)
    if zone:
        raise HostError(
            f"{zone} belongs to Google: it is reached through Private Google Access, guarded by IAM, and "
            "never "
            "leaves through the egress gateway - which could not resolve it to an internet address anyway.",
            f"Write it below `googleApis` of the team, beside serviceAccounts: {google_word(host)}.",
        )
    return host


def google_word(host: str) -> str:
    """What to write below `googleApis` of a team to reach a host that is Google's."""
    name = host.removesuffix(".googleapis.com")
    return f"hosts: [{host}]" if name == host or "." in name else f"apis: [{name}]"


def well_formed(host: str) -> None:
    """Refuse what is no fully qualified DNS name, whoever's it may be.

    Raises:
        HostError: with the reason.
    """
    _refuse_what_is_not_a_name(host)
    _refuse_malformed_labels(host)


def _refuse_what_is_not_a_name(host: str) -> None:
    if "://" in host or "/" in host:
        raise HostError(
            "This is a URL; a host is authorised by its name alone.", "Write the host, e.g. example.com."
        )
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
        name, _, port = host.partition(":")
        raise HostError(
            "A port is not part of the host: http uses 80, https uses 443 unless it has httpsPorts, and tcp "
            "has a setting for it.",
            f"Write {name}, and below it https: passthrough with httpsPorts: [{port}], or tcp: {{port: "
            f"{port}, ...}} for what is not TLS."
            if port.isdecimal() and port not in ("80", "443")
            else f"Write {name}.",
        )
    if "*" in host:
        raise HostError(
            "A wildcard is allowed only as the leading `*.` of an egress entry, where it matches every "
            "name below a domain; the gateway cannot match any other.",
            "Write *.DOMAIN as an egress entry with https: passthrough, or name each host by its full name.",
        )
    if not host.isascii():
        raise HostError(
            "SNI and the Host header carry the ASCII form; a rule for the Unicode form would never match.",
            f"Write the ASCII form (punycode): {ascii_form(host) or 'the xn-- form of each label'}.",
        )
    if host.endswith("."):
        raise HostError(
            "SNI and the Host header carry no trailing dot; the rule would never match.",
            f"Write {host.rstrip('.')}.",
        )


def _refuse_malformed_labels(host: str) -> None:
    labels = host.split(".")
    if len(labels) < 2:
        raise HostError(
            "A single label is completed by the cluster's DNS search path and may resolve to a Service "
            "of the cluster.",
            "Write the fully qualified name, e.g. example.com.",
        )
    if len(host) > 253:
        raise HostError(
            f"A DNS name has at most 253 characters; this one has {len(host)}.", "Check the name."
        )
    bad = next((label for label in labels if not matches(LABEL, label)), None)
    if bad is not None:
        raise HostError(
            f"The label {bad!r} is not a DNS label: 1 to 63 letters, digits and hyphens, no hyphen at either "
            "end.",
            "Check the name.",
        )
    if labels[-1].isdigit():
        raise HostError("A name whose last label is a number reads as an address.", "Check the name.")


def ascii_form(host: str) -> str | None:
    """A name with letters beyond ASCII as clients ask for it (IDNA 2008, UTS 46); None: it cannot be a
    name."""
    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return None
