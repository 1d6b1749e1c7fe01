"""Ways to an inspected host on which nothing would be inspected.

Every check is linear in the number of teams' entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from egress.common.errors import Problem
from egress.common.hosts import patterns_above
from egress.plan.gateway import EgressGateway
from egress.plan.host import Host
from egress.settings.paths import egress_path, tcp_path


def unseen_ways(hosts: Iterable[Host]) -> Iterator[Problem]:
    """Ways to an inspected host on which its inspection would not see what is sent."""
    known = {host.name: host for host in hosts}
    for host in known.values():
        if not host.leaving:
            continue
        speaker = next(use.team for use in host.uses if use.http)
        mirrored = [("mirror", host.leaving.mirror.host)] if host.leaving.mirror else []
        for field, target in [*(("split", target) for target, _ in host.leaving.split), *mirrored]:
            other = known[target].leaving if target in known else None
            if other and other.inspect and other.inspect != host.leaving.inspect:
                yield Problem(
                    f"{egress_path(speaker, host.name)}.http.{field}",
                    target,
                    f"Requests to {target} are inspected, but these would arrive there uninspected: the "
                    "gateway goes by the host that the app asked for.",
                    f"Write the same inspect for {host.name}.",
                )
        covering = [host.name, *patterns_above(host.name)] if host.leaving.inspect else []
        for way in (known[name] for name in covering if name in known):
            for use in way.uses:
                if use.tls_ports:
                    yield Problem(
                        f"{egress_path(use.team, way.name)}.https",
                        "passthrough",
                        f"{egress_path(speaker, host.name)}.http.inspect inspects what is sent to this "
                        "host, but the app's own TLS is never opened: the same data could leave "
                        "uninspected.",
                        "Remove https and let the app speak http (upgrade: tls), or remove inspect."
                        if way is host
                        else "Name the hosts that are meant instead of the pattern, or remove inspect.",
                    )
                for entry in use.tcp:
                    yield Problem(
                        tcp_path(use.team, way.name, entry),
                        entry.port,
                        f"{egress_path(speaker, host.name)}.http.inspect inspects what is sent to this "
                        "host, but nobody looks into raw TCP: the same data could leave uninspected on "
                        "this port.",
                        "Remove this port, or remove inspect.",
                    )


def unseen_elsewhere(gateways: Sequence[EgressGateway]) -> Iterator[Problem]:
    """Ways past a host's inspection through another gateway than the one that inspects it.

    Everything else about a host may differ from gateway to gateway. What must not be sent to it may not: a
    team would only have to leave by another gateway.
    """
    known = {gateway.name: {host.name: host for host in gateway.hosts} for gateway in gateways}
    inspected = [
        (gateway.name, host, host.leaving) for gateway in gateways for host in gateway.hosts if host.leaving
    ]
    for gateway, host, leaving in inspected:
        if leaving.inspect is None:
            continue
        speaker = next(use.team for use in host.uses if use.http)
        for other, ways in known.items():
            for way in (
                ways[name]
                for name in (host.name, *patterns_above(host.name))
                if other != gateway and name in ways
            ):
                for use in way.uses:
                    if use.tls_ports or use.tcp or (use.http and use.http.inspect != leaving.inspect):
                        yield Problem(
                            egress_path(use.team, way.name),
                            host.name,
                            f"{egress_path(speaker, host.name)}.http.inspect inspects what is sent to "
                            "this host through another gateway: through this one, the same data could "
                            "leave uninspected.",
                            f"Write the same inspect for {host.name} here, without https and tcp, or remove "
                            "it there.",
                        )
