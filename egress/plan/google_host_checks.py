"""Hosts of Google's that a team names although the stack's addresses do not serve them, or although somebody
else of this network gives the same name another meaning.

A name has one meaning in the whole network: it leads to Google's addresses, or to the internet. Work is
linear in the number of names.
"""

from __future__ import annotations

from collections.abc import Iterator

from egress.common.errors import Problem
from egress.common.google_cloud import Vip
from egress.common.google_hosts import DOMAINS, never_outside, served
from egress.common.hosts import domain_above, patterns_above
from egress.settings import Settings
from egress.settings.paths import egress_path, google_hosts_path


def refused(settings: Settings) -> Iterator[Problem]:
    """Every host of Google's that cannot be one here."""
    network = settings.network
    declared: dict[str, str] = {}
    for team, of_team in sorted(settings.teams.items()):
        for host in of_team.egress:
            declared.setdefault(host, team)
    for team, host in _named(settings):
        path = google_hosts_path(team)
        domain = served(host)
        if network.google_apis is Vip.RESTRICTED and domain and not domain.restricted:
            kept = ", ".join(name for name, one in DOMAINS.items() if one.restricted)
            yield Problem(
                path,
                host,
                f"{Vip.RESTRICTED.range} serves what VPC Service Controls supports, and of Google's pages "
                f"none says so of this name: they name {kept}.",
                "Write network.googleApis: private, which no enforced perimeter allows, or remove the host.",
            )
        if never_outside(host):
            continue
        if by := next((one for one in (host, *patterns_above(host)) if one in declared), None):
            yield Problem(
                path,
                host,
                f"{egress_path(declared[by], by)} covers this name as well. Here it would lead to Google's "
                "own addresses for everybody, and a gateway reaches none of them.",
                "Remove one of the two, and name the hosts of a pattern one by one.",
            )
        elsewhere = domain_above(host, network.dns.answered_elsewhere)
        if elsewhere is not None or host in network.dns.also_resolved:
            key = f"answeredElsewhere.{elsewhere}" if elsewhere is not None else f"alsoResolved.{host}"
            yield Problem(
                path,
                host,
                f"network.dns.{key} has somebody else answer this name: two zones would answer it "
                "differently.",
                f"Remove network.dns.{key}, or this host.",
            )


def _named(settings: Settings) -> Iterator[tuple[str, str]]:
    for team, of_team in sorted(settings.teams.items()):
        for host in sorted(set(of_team.google_apis.hosts)) if of_team.google_apis else ():
            yield team, host
