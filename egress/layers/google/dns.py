"""Private DNS: which names mean something inside the network, and who answers them.

Google's names answer with the addresses of Private Google Access. A declared name is answered by the
internet, and every other name by a zone for the root: there is no such name, and nobody outside hears the
question. That zone holds one name, the metadata server's, which pods of teams with an identity at Google ask
for: Google's pages disagree on whether Compute Engine answers its own names before a zone for the root does.

Why not a response policy: Cloud DNS does not heed a rule for `*.`, and a rule answers only the types of
record that it holds and lets the others through (ADR 10).

Source: Google Cloud, "Configure Private Google Access", DNS configuration; Cloud DNS, "Name resolution order"
(the zone with the longest suffix answers alone, NXDOMAIN included) and "Peering zones".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from egress.common.google_cloud import METADATA_ADDRESS, METADATA_HOST, PRIVATE_ZONES
from egress.common.hosts import ANY, domain_above, under
from egress.plan.model import Plan
from egress.settings.dns import Undeclared

TTL = 300
"""Seconds."""
ROOT = "."
"""The zone that every name lies in."""


@dataclass(frozen=True)
class Record:
    """One record set. `name` and the names in `data` are absolute, with a trailing dot."""

    name: str
    type: str
    data: tuple[str, ...]


@dataclass(frozen=True)
class PrivateZone:
    """What answers a name and everything below it in the cluster's network, unless a longer zone does."""

    name: str
    dns_name: str
    """Absolute, with a trailing dot."""
    description: str
    records: tuple[Record, ...] = ()
    resolved: bool = False
    """True: answered as the internet answers, through a peering with a network that has no private zones. No
    records then."""


def render(plan: Plan) -> Iterator[PrivateZone]:
    """Google's domains, declared domains, and the refusal of all others, in this order."""
    yield from _of_google(plan)
    if plan.settings.network.dns.undeclared_names is Undeclared.REFUSE:
        yield from _declared(plan)
        yield PrivateZone(
            plan.settings.google_names.own("refuse-undeclared-names"),
            ROOT,
            "Names that no team declares do not exist here.",
            (Record(f"{METADATA_HOST}.", "A", (METADATA_ADDRESS,)),),
        )


def _of_google(plan: Plan) -> Iterator[PrivateZone]:
    """One zone for each of Google's domains that nodes and images need, where every name is an alias of the
    VIP's name; and one for each other host of Google's that a team names, which holds that name alone."""
    vip = plan.addresses.google_apis
    for domain in PRIVATE_ZONES:
        # googleapis.com has a name of its own for each VIP; the other domains carry the addresses themselves.
        answers = vip.domain if domain == "googleapis.com" else domain
        name = "private-google-apis" if domain == "googleapis.com" else f"private-{domain.replace('.', '-')}"
        yield PrivateZone(
            plan.settings.google_names.own(name),
            f"{domain}.",
            f"{domain}. answers with the addresses of Private Google Access.",
            (Record(f"*.{domain}.", "CNAME", (f"{answers}.",)), Record(f"{answers}.", "A", vip.addresses)),
        )
    for host in plan.own_google_zones:
        yield PrivateZone(
            plan.settings.google_names.google_zone(host),
            f"{host}.",
            f"{host}. answers with the addresses of Private Google Access.",
            (Record(f"{host}.", "A", vip.addresses),),
        )


def _declared(plan: Plan) -> Iterator[PrivateZone]:
    """One zone for each domain. A domain below another still gets its own, because the other may be removed
    later."""
    dns, google = plan.settings.network.dns, plan.settings.google_names
    declared = {way.host.name for team in plan.teams for way in team.ways} | set(dns.also_resolved)
    for domain in sorted({name.removeprefix(ANY) for name in declared}):
        if domain_above(domain, dns.answered_elsewhere) is None:
            yield PrivateZone(
                google.zone(domain), f"{domain}.", f"{domain}. is declared, so it resolves.", resolved=True
            )


def answering(zones: Iterable[PrivateZone], name: str) -> PrivateZone | None:
    """The zone that answers a name (without the dot at its end), alone; None: the internet does.

    Compute Engine's own names below `internal` are not in these zones, but for the metadata server's.
    """
    found = [zone for zone in zones if zone.dns_name == ROOT or under(name, zone.dns_name.removesuffix("."))]
    return max(found, key=lambda zone: len(zone.dns_name), default=None)
