"""Which names Google answers at the addresses of Private Google Access, and whose things are behind each.

Everybody's repositories are behind one name, and everybody's buckets behind another: that a name is Google's
says nothing of whose the data is.

Source: Google Cloud, "Configure Private Google Access", Domain options, and VPC Service Controls, "Configure
restricted access for GKE private clusters", as read on 2026-11-27. The first lists the names that
private.googleapis.com serves; of restricted.googleapis.com it says only that it serves what VPC Service
Controls supports, and the second names the registries.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from egress.common.google_cloud import PRIVATE_ZONES, Vip
from egress.common.hosts import ANY, HostError, domain_above, under, well_formed

API = "googleapis.com"
"""Below it are Google's APIs."""


@dataclass(frozen=True)
class Domain:
    """One line of Google's table."""

    apex: bool
    """Whether the domain's own name is served."""
    below: bool
    """Whether every name below it is."""
    restricted: bool = False
    """Whether Google's pages name it for restricted.googleapis.com as well."""
    everybodys: str = ""
    """What anybody at all may keep behind one and the same name; empty: a name has one owner."""
    service: str = ""
    """The API that a perimeter knows it by; empty: none, or the name says."""


DOMAINS = {
    API: Domain(apex=False, below=True, restricted=True, everybodys="project"),
    "gcr.io": Domain(True, True, True, "image repository", "artifactregistry.googleapis.com"),
    "pkg.dev": Domain(True, True, True, "repository", "artifactregistry.googleapis.com"),
    "gke.goog": Domain(apex=False, below=True),
    "run.app": Domain(apex=False, below=True),
    "cloudfunctions.net": Domain(apex=False, below=True),
    "appspot.com": Domain(apex=False, below=True),
    "gstatic.com": Domain(apex=True, below=True),
    "pki.goog": Domain(apex=True, below=True),
    "accounts.google.com": Domain(apex=True, below=False),
    "dl.google.com": Domain(apex=True, below=False),
    "packages.cloud.google.com": Domain(apex=True, below=False),
}
ALL_AT_ONCE = (*(vip.domain for vip in Vip), f"p.{API}")
"""Names that stand for every API, and the domain of endpoints of Private Service Connect."""
_REGIONAL = r"(?:[a-z]+-[a-z]+[0-9]+|us|eu|europe|asia)-([a-z].*)"
"""The first label of an API's name in one place, as in europe-west1-aiplatform."""


def served(host: str) -> Domain | None:
    """The line of the table that covers a name; None: those addresses do not answer for it."""
    name = domain_above(host, DOMAINS)
    if name is None:
        return None
    domain = DOMAINS[name]
    return domain if (domain.apex if host == name else domain.below) else None


def everybodys(host: str) -> str:
    """What anybody at all may keep behind a name; empty: the name has one owner, or holds nobody's data."""
    domain = served(host)
    if domain and service(host) == api_host("storage"):
        return "bucket"
    return domain.everybodys if domain else ""


def never_outside(host: str) -> bool:
    """Whether private zones make a name Google's whatever the config says."""
    return any(under(host, zone) for zone in PRIVATE_ZONES)


def short(host: str) -> str | None:
    """The word in `apis` for the name of an API; None: it has none."""
    name = host.removesuffix(f".{API}")
    return name if name != host and "." not in name else None


def api_host(api: str) -> str:
    """The name of an API by its word in `apis`."""
    return f"{api}.{API}"


@lru_cache(maxsize=1 << 12)
def service(host: str) -> str:
    """The API to which a perimeter counts what is behind a name; empty: not known."""
    domain = served(host)
    if domain is None or domain.service or not host.endswith(f".{API}"):
        return domain.service if domain else ""
    labels = host.removesuffix(f".{API}").split(".")
    # A bucket's own name stands before `storage`; a place and `rep`, or `mtls`, behind the API.
    name = labels[0] if labels[-1] in ("rep", "mtls") else labels[-1]
    if name == "www":
        return ""
    regional = re.fullmatch(_REGIONAL, name, re.ASCII)
    return api_host(regional[1] if regional else name)


def normalise(host: str) -> str:
    """`host` in lower case.

    Raises:
        HostError: it is no name of Google's that the addresses of Private Google Access answer for.
    """
    host = host.lower()
    if host.startswith(ANY) or "*" in host:
        raise HostError(
            "A pattern of Google's names includes names that belong to strangers.",
            "Name each host, e.g. europe-python.pkg.dev.",
        )
    well_formed(host)
    if any(under(host, name) for name in ALL_AT_ONCE):
        raise HostError(
            "This name stands for all of Google's APIs at once, or for an endpoint of Private Service "
            "Connect: no layer could tell which API is called.",
            "Name the API's own host, e.g. storage.googleapis.com.",
        )
    if served(host) is None:
        raise HostError(
            "The addresses of Private Google Access do not answer for this name.",
            "Declare it under `egress` if it is a host of the internet. Google's names here lie below "
            f"{', '.join(name for name, domain in DOMAINS.items() if domain.below)}.",
        )
    return host
