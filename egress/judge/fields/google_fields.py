"""Fields of Google resources and of Helm charts that no judge reads: harmless for the reason that stands
here, or not understood. Those of clusters and node pools are in google_cluster_fields.py.

What judges read is in google_shapes.py. An export holds what Google computes as well, so the lists are long;
a field that is in none of them is not understood. So is a value that means another cluster than judges know:
one where no NetworkPolicy holds.
Source: the Google provider's reference; GKE, "About Dataplane V2", "Workload Identity Federation";
Cloud DNS, "DNS server policies".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from egress.common.objects import Resource
from egress.judge.fields import google_cluster_fields
from egress.judge.fields.accepted import Accepted, beyond
from egress.judge.fields.google_cluster_fields import POOL
from egress.judge.fields.google_reasons import COMPUTED, FIGURES, PULUMI, SOURCE, WORDS
from egress.judge.lookup.firewall_rules import FIREWALL, POLICY
from egress.judge.lookup.subnets import CLUSTER, SUBNETWORK
from egress.judge.model.google_shapes import GOOGLE
from egress.judge.model.shape_types import ANY
from egress.judge.model.snapshot import Snapshot, listed, part

EVERYWHERE: Mapping[str, str] = {
    **dict.fromkeys(
        ("description", "labels", "effectiveLabels", "pulumiLabels", "resourceLabels", "labelFingerprint"),
        WORDS,
    ),
    **dict.fromkeys(
        ("id", "selfLink", "selfLinkWithId", "fingerprint", "creationTimestamp", "creationTime", "operation"),
        COMPUTED,
    ),
    **dict.fromkeys(("project", "params", "region", "location"), WORDS),
    **dict.fromkeys(("deletionPolicy", "deletionProtection", "forceDestroy", "namePrefix"), PULUMI),
}
"""Fields of resources of whatever type."""
HARMLESS: Mapping[str, Mapping[str, str]] = {
    FIREWALL: {"name": WORDS, **dict.fromkeys(("enableLogging", "logConfig"), FIGURES)},
    **google_cluster_fields.HARMLESS,
    SUBNETWORK: {
        "logConfig": FIGURES,
        "name": WORDS,
        **dict.fromkeys(
            (
                "gatewayAddress",
                "subnetworkId",
                "state",
                "sendSecondaryIpRangeIfEmpty",
                "allowSubnetCidrRoutesOverlap",
            ),
            COMPUTED,
        ),
        **dict.fromkeys(
            (
                "ipv6CidrRange",
                "ipv6GceEndpoint",
                "externalIpv6Prefix",
                "internalIpv6Prefix",
                "ipv6AccessType",
                "ipCollection",
            ),
            "whether there is IPv6 at all is read of stackType",
        ),
        **dict.fromkeys(("purpose", "role"), "its ranges are taken to be of nodes, whatever they are for"),
        **dict.fromkeys(
            ("secondaryIpRanges.reservedInternalRange", "reservedInternalRange", "resolveSubnetMask"),
            COMPUTED,
        ),
    },
    "gcp:dns/managedZone:ManagedZone": {
        "cloudLoggingConfig": FIGURES,
        "dnssecConfig": "it signs answers, and changes none",
        **dict.fromkeys(("managedZoneId", "nameServers"), COMPUTED),
    },
    "gcp:dns/recordSet:RecordSet": {"ttl": "how long an answer is kept"},
    "gcp:dns/responsePolicy:ResponsePolicy": {"responsePolicyName": WORDS},
    "gcp:dns/responsePolicyRule:ResponsePolicyRule": dict.fromkeys(
        ("behavior", "dnsName", "localData", "responsePolicy", "ruleName"),
        "its policy is not understood, with all of its rules",
    ),
    "gcp:dns/policy:Policy": {
        "enableLogging": FIGURES,
        "enableInboundForwarding": "other networks may ask these zones; what these pods are answered stays "
        "the same",
        "networks": "whose questions it is about",
        "name": WORDS,
    },
    "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules": {
        "name": WORDS,
        **dict.fromkeys(("networkFirewallPolicyId", "ruleTupleCount", "policyType"), COMPUTED),
        "rules.description": WORDS,
        "rules.enableLogging": FIGURES,
        "predefinedRules": "what a network does by itself where no rule decides",
    },
    "gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation": dict.fromkeys(
        ("name", "shortName", "firewallPolicy"), WORDS
    ),
    "gcp:compute/routerNat:RouterNat": {
        **dict.fromkeys(("name", "router"), WORDS),
        "logConfig": FIGURES,
        **dict.fromkeys(
            (
                *(
                    "autoNetworkTier",
                    "drainNatIps",
                    "enableDynamicPortAllocation",
                    "enableEndpointIndependentMapping",
                    "endpointTypes",
                ),
                *(
                    "icmpIdleTimeoutSec",
                    "initialNatIps",
                    "maxPortsPerVm",
                    "minPortsPerVm",
                    "natIpAllocateOption",
                    "natIps",
                ),
                *(
                    "sourceSubnetworkIpRangesToNat",
                    "subnetworks",
                    "tcpEstablishedIdleTimeoutSec",
                    "tcpTimeWaitTimeoutSec",
                ),
                *("tcpTransitoryIdleTimeoutSec", "udpIdleTimeoutSec"),
            ),
            SOURCE,
        ),
    },
    "kubernetes:helm.sh/v3:Release": {
        **dict.fromkeys(("chart", "version", "namespace", "repositoryOpts"), "which chart it is, is read"),
        **dict.fromkeys(
            ("values.global.hub", "values.global.tag", "values.global.platform", "values.defaultRevision"),
            "which release of Istio runs",
        ),
        **dict.fromkeys(
            (
                *("values.pilot.autoscaleMin", "values.cniBinDir", "values.useAppArmorAnnotation"),
                *("values.global.proxy.seccompProfile", "values.resourceQuotas"),
            ),
            "how its programs are run",
        ),
        "values.pilot.cni.enabled": "who redirects a pod's traffic: the node or an init container",
        "values.pilot.env.PILOT_SCOPE_GATEWAY_TO_NAMESPACE": "it keeps Gateways to pods of their own "
        "namespace",
    },
}
"""By type: fields that judges need not read, each with its reason. Below a field everything is meant."""
ONLY: Mapping[str, Mapping[str, tuple[object, ...]]] = {
    CLUSTER: {
        "networkingMode": ("VPC_NATIVE",),
        "dnsConfig.clusterDns": ("PROVIDER_UNSPECIFIED", "PLATFORM_DEFAULT", "KUBE_DNS"),
        "dnsConfig.clusterDnsScope": ("DNS_SCOPE_UNSPECIFIED",),
        "privateIpv6GoogleAccess": ("INHERIT_FROM_SUBNETWORK", "PRIVATE_IPV6_GOOGLE_ACCESS_DISABLED"),
        "clusterAutoscaling.autoscalingProfile": ("BALANCED", "OPTIMIZE_UTILIZATION"),
    },
    SUBNETWORK: {"privateIpv6GoogleAccess": ("DISABLE_GOOGLE_ACCESS",)},
    "gcp:compute/routerNat:RouterNat": {"type": ("PUBLIC",)},
    "kubernetes:helm.sh/v3:Release": {"values.ambient": ({"enabled": False},)},
}
"""By type: fields that are understood with these values alone. What is empty or false is as good as
absent."""


def _of_cluster(snapshot: Snapshot, cluster: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    calico = part(cluster, "networkPolicy").get("enabled") is True
    off = part(cluster, "addonsConfig", "networkPolicyConfig").get("disabled") is True
    if cluster.get("datapathProvider") != "ADVANCED_DATAPATH" and (not calico or off):
        yield "datapathProvider", "Without Dataplane V2, or a network policy add-on, no NetworkPolicy holds."
    known = {item.properties.get("name") or item.name for item in snapshot.resources(POOL)}
    for at, pool in enumerate(listed(cluster, "nodePools")):
        if pool.get("name") not in known:
            yield f"nodePools[{at}]", f"Of the node pool {pool.get('name')} no more is known here."


def _of_pool(snapshot: Snapshot, pool: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if part(pool, "nodeConfig", "workloadMetadataConfig").get("mode") != "GKE_METADATA":
        why = "The metadata server tells every pod of these nodes the nodes' own credentials."
        yield "nodeConfig.workloadMetadataConfig.mode", why
    pods = part(pool, "networkConfig").get("podRange")
    clusters = [part(item.properties, "ipAllocationPolicy") for item in snapshot.resources(CLUSTER)]
    named = {of.get("clusterSecondaryRangeName") for of in clusters}
    named |= {
        name
        for of in clusters
        for more in listed(of, "additionalIpRangesConfigs")
        for name in listed(more, "podIpv4RangeNames")
    }
    if pods and pods not in named:
        yield (
            "networkConfig.podRange",
            f"The cluster knows no range {pods}, so what pods' addresses are is not known.",
        )


def _of_association(snapshot: Snapshot, association: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if (target := association.get("attachmentTarget")) and not snapshot.in_our_network(target):
        yield "attachmentTarget", "The policy is put on another network than the cluster's."
    for network in snapshot.resources("gcp:compute/network:Network"):
        order = network.properties.get("networkFirewallPolicyEnforcementOrder")
        if snapshot.in_our_network(network.name) and order != "BEFORE_CLASSIC_FIREWALL":
            why = (
                f"{network.identity} asks VPC firewall rules before the policy. Here the policy is asked "
                "first."
            )
            yield "attachmentTarget", why


def _of_release(_: Snapshot, release: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not _CHARTS.search(str(release.get("chart"))):
        yield "chart", f"What the chart {release.get('chart')} installs is not among the objects here."


_CHARTS = re.compile(r"(^|/)(base|cni|istiod)$")
_MORE: Mapping[str, Callable[[Snapshot, Mapping[str, Any]], Iterator[tuple[str, str]]]] = {
    CLUSTER: _of_cluster,
    POOL: _of_pool,
    "gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation": _of_association,
    "kubernetes:helm.sh/v3:Release": _of_release,
}
_READ_BY_THEMSELVES: Mapping[str, Mapping[str, Any]] = {
    # Its judge says of each rule by itself what it does not understand.
    POLICY: {"rules": ANY},
    # That there is such a field is all that its judge needs.
    "gcp:dns/managedZone:ManagedZone": dict.fromkeys(("peeringConfig", "forwardingConfig"), ANY),
    CLUSTER: {"nodePools": ANY},
}
"""What judges read beyond what they ask the form of."""
_SHAPES = {
    type_token: {**GOOGLE.get(type_token, {}), **_READ_BY_THEMSELVES.get(type_token, {})}
    for type_token in HARMLESS
}
_ACCEPTED = {
    type_token: Accepted({**EVERYWHERE, **fields}, ONLY.get(type_token))
    for type_token, fields in HARMLESS.items()
}


def unread(snapshot: Snapshot, resource: Resource) -> Iterator[tuple[str, str]]:
    """Fields of a resource of a type that is read which are not understood, each with why."""
    written = resource.properties
    if resource.type == FIREWALL or written.get("visibility") == "public":
        return  # the firewall's judge says it of each rule by itself; a public zone is the internet's
    for field in beyond(written, _SHAPES[resource.type], _ACCEPTED[resource.type]):
        yield field, f"`{field.rpartition('.')[2]}` is not read here, or not with this value."
    if more := _MORE.get(resource.type):
        yield from more(snapshot, written)
