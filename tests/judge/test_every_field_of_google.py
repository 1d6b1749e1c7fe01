"""Every field of Google's resources that judges read is read, harmless by a written list, or not understood.

The fields are those of Pulumi's package. A field is read if some answer changes with its value, as in
test_every_field.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import pulumi_gcp as gcp
import pytest

from egress.answers.diff import difference
from egress.common.objects import Resource
from egress.judge.fields import google_fields as fields_of_google
from egress.judge.fields import google_types
from egress.judge.model.shapes import problems
from egress.judge.model.snapshot import Snapshot
from egress.judge.trace import Judges
from tests.judge.answering import answers, is_listed, trial_values
from tests.judge.deployments import rendered
from tests.schemas import Path_, computed, leaves, of_arguments, put, said

GOOGLE_SITES: Mapping[str, tuple[type, type]] = {
    "gcp:compute/firewall:Firewall": (gcp.compute.FirewallArgs, gcp.compute.Firewall),
    "gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation": (
        gcp.compute.NetworkFirewallPolicyAssociationArgs,
        gcp.compute.NetworkFirewallPolicyAssociation,
    ),
    "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules": (
        gcp.compute.NetworkFirewallPolicyWithRulesArgs,
        gcp.compute.NetworkFirewallPolicyWithRules,
    ),
    "gcp:compute/routerNat:RouterNat": (gcp.compute.RouterNatArgs, gcp.compute.RouterNat),
    "gcp:compute/subnetwork:Subnetwork": (gcp.compute.SubnetworkArgs, gcp.compute.Subnetwork),
    "gcp:container/cluster:Cluster": (gcp.container.ClusterArgs, gcp.container.Cluster),
    "gcp:container/nodePool:NodePool": (gcp.container.NodePoolArgs, gcp.container.NodePool),
    "gcp:dns/managedZone:ManagedZone": (gcp.dns.ManagedZoneArgs, gcp.dns.ManagedZone),
    "gcp:dns/policy:Policy": (gcp.dns.PolicyArgs, gcp.dns.Policy),
    "gcp:dns/recordSet:RecordSet": (gcp.dns.RecordSetArgs, gcp.dns.RecordSet),
    "gcp:dns/responsePolicy:ResponsePolicy": (gcp.dns.ResponsePolicyArgs, gcp.dns.ResponsePolicy),
    "gcp:dns/responsePolicyRule:ResponsePolicyRule": (
        gcp.dns.ResponsePolicyRuleArgs,
        gcp.dns.ResponsePolicyRule,
    ),
}
"""By type: its arguments, and the class that has what the provider computes as well."""
_POLICY = "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules"
_CLUSTER, _POOL = "gcp:container/cluster:Cluster", "gcp:container/nodePool:NodePool"
ELSEWHERE = Resource("gcp:compute/route:Route", "somebodys", {"network": "somebodys"})
"""A route of another network, so that it is seen which network is the cluster's."""


def _rule(action: str, priority: int) -> dict[str, Any]:
    match = {"destIpRanges": ["198.51.100.0/24"], "layer4Configs": [{"ipProtocol": "tcp", "ports": ["9999"]}]}
    return {"action": action, "direction": "EGRESS", "priority": priority, "match": match}


@dataclass(frozen=True)
class Place:
    """A resource of an example in which fields are set; where there is none of its type, one of
    somebody's."""

    type: str
    mode: str = "dev"
    name: str = ""
    """Which of several."""
    more: tuple[tuple[str, Any], ...] = ()
    """What it says besides."""
    without: str = "nothing"
    """Resources that are not there, by a part of their names."""

    @cached_property
    def base(self) -> tuple[Resource, Snapshot]:
        state = rendered(self.mode)
        items = [item for item in state.google if self.without not in item.name]
        found = next(
            (item for item in items if item.type == self.type and self.name in ("", item.name)), None
        )
        named = {"name": "somebodys"} if "name" in google_fields()[self.type] else {}
        written = {**(found.properties if found else named), **dict(self.more)}
        changed = Resource(self.type, found.name if found else "somebodys", written)
        items = [changed if item is found else item for item in items] if found else [*items, changed]
        return changed, Snapshot.of(state.kubernetes, [*items, ELSEWHERE])

    @cached_property
    def answers(self) -> list[object]:
        return list(answers(self.mode, self.base[1]))

    def outcomes(self, path: Path_, form: str) -> Iterator[str]:
        """What becomes of the resource with each value in a field."""
        item, state = self.base
        for value in _of_google(path, form):
            changed = Resource(self.type, item.name, put(item.properties, path, value))
            if changed.properties != item.properties and not list(problems(self.type, changed.properties)):
                yield self.told(
                    Snapshot.of(state.kubernetes, [changed if one is item else one for one in state.google])
                )

    def told(self, after: Snapshot) -> str:
        """What becomes of the resource in another state."""
        item, state = self.base
        judges = Judges(after)
        if judges.broken or any(verdict.decided_by == item.identity for verdict in judges.unread):
            return "not understood"
        pairs = zip(answers(self.mode, after), self.answers, strict=True)
        return "read" if any(one != other for one, other in pairs) or difference(state, after).changes else ""


def _of_google(path: Path_, form: str) -> Iterator[object]:
    special = {"stackType": "IPV4_IPV6", "networkUrl": "projects/p/global/networks/vpc-network"}
    if path[-1] in special:
        yield special[path[-1]]
    yield from (
        ("somebodys", "10.0.0.0/8", "0.0.0.0/0", "100", "udp", "deny")
        if form == "string"
        else trial_values(path, form)
    )


PLACES: Mapping[str, tuple[Place, ...]] = {
    **{type_token: (Place(type_token),) for type_token in GOOGLE_SITES},
    _POLICY: (Place(_POLICY, more=(("rules", [_rule("allow", 1), _rule("deny", 5)]),)),),
    _POOL: (Place(_POOL, name="gateway"),),
    "gcp:compute/subnetwork:Subnetwork": (
        Place("gcp:compute/subnetwork:Subnetwork"),
        Place("gcp:compute/subnetwork:Subnetwork", without="ipv6"),
    ),
    _CLUSTER: (
        Place(_CLUSTER),
        Place(_CLUSTER, "own-gateway"),
        Place(_CLUSTER, "managed-mesh"),
        Place(_CLUSTER, more=(("datapathProvider", "LEGACY_DATAPATH"), ("networkPolicy", {"enabled": True}))),
    ),
}
"""By type: where fields are set."""


def test_every_type_of_google_that_is_read_has_a_site() -> None:
    assert GOOGLE_SITES.keys() == google_types.READ - {"kubernetes:helm.sh/v3:Release"}


@cache
def google_fields() -> dict[str, Any]:
    """By type: its arguments, and what the provider computes without more to it."""
    found: dict[str, Any] = {}
    for type_token, (arguments, resource) in GOOGLE_SITES.items():
        fields = of_arguments(arguments)
        found[type_token] = {**dict.fromkeys(computed(resource), "string"), **fields}
    return found


def google_outcome(type_token: str, path: Path_, form: str) -> str:
    """The first thing that becomes of a field, wherever it is set."""
    return next(
        filter(None, (told for place in PLACES[type_token] for told in place.outcomes(path, form))), ""
    )


def _google() -> Iterator[Any]:
    for type_token, schema in google_fields().items():
        harmless = {**fields_of_google.EVERYWHERE, **fields_of_google.HARMLESS.get(type_token, {})}
        seen: set[Path_] = set()
        for path, form in leaves(schema):
            if path[:4] not in seen and not is_listed(path, harmless):
                seen.add(path[:4])
                yield pytest.param(type_token, path, form, id=f"{type_token.rpartition(':')[2]} {said(path)}")


@pytest.mark.parametrize(("type_token", "path", "form"), _google())
def test_a_field_of_google_is_read_or_not_understood(type_token: str, path: Path_, form: str) -> None:
    assert google_outcome(type_token, path, form) in ("read", "not understood")


@pytest.mark.parametrize("type_token", GOOGLE_SITES)
def test_what_is_listed_of_google_is_a_field_and_says_nothing(type_token: str) -> None:
    every = leaves(google_fields()[type_token])
    fields = {
        ".".join(step for step in path if step not in ("[]", "{}")): (path, form) for path, form in every
    }
    place = PLACES[type_token][0]
    item, state = place.base
    written = item.properties
    for listed in fields_of_google.HARMLESS.get(type_token, {}):
        below = [one for name, one in fields.items() if name == listed or name.startswith(f"{listed}.")]
        assert below, f"{type_token} has no field {listed}"
        path, form = below[0]
        written = put(written, path, next(_of_google(path, form)))
    # All at once: what says nothing says nothing beside others either.
    changed = Resource(type_token, item.name, written)
    after = Snapshot.of(state.kubernetes, [changed if one is item else one for one in state.google])
    assert not list(problems(type_token, written))
    assert place.told(after) == ""
