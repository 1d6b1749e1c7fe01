"""Random zones and records of names, each with what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.added.stacks import Change, Json, Stack, at, breaks, google, nothing, opens, take

Draw = st.DrawFn
LIE = "203.0.113.66"
"""An address that no declared host has."""


def zone(stack: Stack, dns_name: str, name: str = "somebodys", **fields: Any) -> Json:
    visible = {"networks": [{"networkUrl": stack.network}]}
    return google(
        "dns/managedZone:ManagedZone",
        name,
        **{"dnsName": dns_name, "visibility": "private", "privateVisibilityConfig": visible, **fields},
    )


def names_answered(draw: Draw, stack: Stack) -> Change | None:
    """Names that nobody declared, answered elsewhere."""
    if not stack.intent.refuses_unknown_names:
        return None
    name = draw(
        st.sampled_from(["exfil.test.", "a.b.exfil.test.", "net.", "xn--p1ai.", "in-addr.arpa.", "."])
    )
    servers = {"targetNameServers": [{"ipv4Address": draw(st.sampled_from(["8.8.8.8", "192.168.0.53"]))}]}
    other = {"targetNetwork": {"networkUrl": stack.network.replace("vpc-network", "another")}}
    how = draw(st.sampled_from([{"forwardingConfig": servers}, {"peeringConfig": other}]))
    return opens(f"names below {name} are answered by {how}", zone(stack, name, **how))


def names_by_policy(draw: Draw, stack: Stack) -> Change | None:
    servers = {"targetNameServers": [{"ipv4Address": "8.8.8.8"}]}
    rule = google(
        "dns/policy:Policy", alternativeNameServerConfig=servers, networks=[{"networkUrl": stack.network}]
    )
    return opens("every name is asked of other servers", rule)


def names_no_longer(draw: Draw, stack: Stack) -> Change | None:
    """The zone that refuses goes, or one that is needed."""
    refusing = stack.named("managedzone", "refuse-undeclared-names")
    declared = [
        name for name in stack.kinds("ManagedZone") if name.startswith(stack.named("managedzone", "egress-"))
    ]
    if refusing in stack.resources and draw(st.booleans()):
        return opens("unknown names are answered", take(refusing))
    if not declared or not stack.in_cluster:
        return None
    gone = draw(st.sampled_from(declared))
    if any(_answers_below(stack, other, gone) for other in declared):
        return nothing("a zone goes, and the one above it answers the same", take(gone))
    return breaks("a declared name does not resolve", take(gone))


def _answers_below(stack: Stack, upper: str, lower: str) -> bool:
    """Whether a zone is above another and asks in the same place."""
    above, below = (stack.resources[name].properties for name in (upper, lower))
    inside = below["dnsName"].endswith(f".{above['dnsName']}")
    return inside and above.get("peeringConfig") == below.get("peeringConfig") is not None


def names_that_change_nothing(draw: Draw, stack: Stack) -> Change | None:
    network = stack.network.replace("vpc-network", "another")
    elsewhere = {"networks": [{"networkUrl": network}]}
    peering = {"targetNetwork": {"networkUrl": network}}
    return draw(
        st.sampled_from(
            [
                nothing(
                    "a zone of another network",
                    zone(stack, "exfil.test.", privateVisibilityConfig=elsewhere, peeringConfig=peering),
                ),
                nothing("a zone without a name in it", zone(stack, "exfil.test.")),
                nothing(
                    "names are logged",
                    google("dns/policy:Policy", enableLogging=True, networks=[{"networkUrl": stack.network}]),
                ),
            ]
        )
    )


def record(zone_name: str, name: str, *addresses: str) -> Json:
    return google("dns/recordSet:RecordSet", name, managedZone=zone_name, type="A", rrdatas=list(addresses))


def names_lied_about(draw: Draw, stack: Stack) -> Change | None:
    """A name that is declared, or one of Google's, is answered with another address, or by another
    network."""
    declared = [
        name for name in stack.kinds("ManagedZone") if name.startswith(stack.named("managedzone", "egress-"))
    ]
    own = [
        stack.resources[name].properties["dnsName"]
        for name in declared
        if stack.resources[name].properties.get("peeringConfig")
    ]
    other = {"targetNetwork": {"networkUrl": stack.network.replace("vpc-network", "another")}}
    servers = {"targetNameServers": [{"ipv4Address": "8.8.8.8"}]}
    hosts = sorted({host for team in stack.teams for host in stack.team(team).get("egress") or {}})
    below = [f"lie.{host.removeprefix('*.')}." for host in hosts if host.startswith("*.")]
    changes = [
        breaks(
            "images are somebody else's", zone(stack, "eu.gcr.io.", "lies"), record("lies", "eu.gcr.io.", LIE)
        ),
        breaks("Google's names have an address more", at(_google_record(stack), ["rrdatas", 4], LIE)),
    ]
    for name in below:
        changes.append(
            breaks(f"{name} is answered falsely", zone(stack, name, "lies"), record("lies", name, LIE))
        )
        changes.append(breaks(f"{name} is asked elsewhere", zone(stack, name, forwardingConfig=servers)))
    if own:
        dns_name = draw(st.sampled_from(own))
        name = next(one for one in declared if stack.resources[one].properties["dnsName"] == dns_name)
        gone = at(name, ["peeringConfig"], None)
        visible = {"networks": [{"networkUrl": stack.network.replace("vpc-network", "vpc-network-names")}]}
        changes += [
            breaks(f"{dns_name} is asked of another network", at(name, ["peeringConfig"], other)),
            breaks(f"{dns_name} is asked of other servers", gone, at(name, ["forwardingConfig"], servers)),
            breaks(f"{dns_name} is answered falsely", gone, record(name.rpartition("/")[2], dns_name, LIE)),
            breaks(f"{dns_name} has two zones", zone(stack, dns_name)),
            breaks(
                f"{dns_name} is answered falsely elsewhere",
                zone(stack, dns_name, privateVisibilityConfig=visible),
            ),
        ]
    elif hosts and not stack.intent.refuses_unknown_names and not hosts[0].startswith("*"):
        changes.append(
            breaks(
                f"{hosts[0]} is answered falsely",
                zone(stack, f"{hosts[0]}.", "lies"),
                record("lies", f"{hosts[0]}.", LIE),
            )
        )
    return draw(st.sampled_from(changes))


def _google_record(stack: Stack) -> str:
    return next(
        name
        for name in stack.resources
        if name in ("recordset/private.googleapis.com.", "recordset/restricted.googleapis.com.")
    )


def names_of_nodes(draw: Draw, stack: Stack) -> Change | None:
    """Nodes no longer find images, or Google's services."""
    zones = [stack.named("managedzone", f"private-{of}") for of in ("google-apis", "gcr-io", "pkg-dev")]
    return breaks("nodes find no images", take(draw(st.sampled_from(zones))))


GENERATORS: tuple[Callable[[Draw, Stack], Change | None], ...] = (
    names_answered,
    names_by_policy,
    names_no_longer,
    names_that_change_nothing,
    names_lied_about,
    names_of_nodes,
)
