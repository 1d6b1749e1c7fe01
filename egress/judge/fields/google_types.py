"""What every type of Google resource is to the judges: read by one of them, harmless for the reason that
stands here, or neither.

What is neither is not understood. Types are Pulumi's (`gcp:MODULE/resource:Resource`); a whole module is
harmless where nothing in it decides where packets go or what names mean. Those that give somebody a role
(`...IamMember` and the like) are IAM's.
Source: the Google provider's reference; Google Cloud, "VPC network overview", "Name resolution order",
"Hierarchical firewall policies".
"""

from __future__ import annotations

import re
from collections.abc import Mapping

READ = frozenset(
    {
        "gcp:compute/firewall:Firewall",
        "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules",
        "gcp:compute/subnetwork:Subnetwork",
        "gcp:container/cluster:Cluster",
        "gcp:container/nodePool:NodePool",
        "gcp:dns/managedZone:ManagedZone",
        "gcp:dns/policy:Policy",
        "gcp:dns/recordSet:RecordSet",
        "gcp:dns/responsePolicy:ResponsePolicy",
        "gcp:dns/responsePolicyRule:ResponsePolicyRule",
        "gcp:compute/routerNat:RouterNat",
        "gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation",
        "kubernetes:helm.sh/v3:Release",
    }
)
"""Types that some judge reads field by field."""

_ROLE = re.compile(r"(iam|IAM|Iam)(Member|Binding|Policy|AuditConfig)$")
_IAM = "it says who may do what at Google's; IAM is no part of what is proven (docs/proof.md)"
_SERVICE = "a service of Google's, reached by Google's APIs or by an address that is asked for like any other"
_FIGURES = "it is about what is measured and logged"
_ORGANIZATION = "it keeps house: projects, bills, rules for what may be made"
_DISKS = "it is about disks and images"
_MACHINES = "another machine of the network; what reaches its address is asked for like any other address"
_ADDRESS = "it reserves an address, and leads nothing there"
HARMLESS_MODULES: Mapping[str, str] = {
    **dict.fromkeys(
        ("iam", "serviceaccount", "binaryauthorization", "privilegedaccessmanager", "iap", "oslogin"), _IAM
    ),
    **dict.fromkeys(
        ("accesscontextmanager",),
        "it narrows what Google's APIs answer; it is compared as config, and not judged",
    ),
    **dict.fromkeys(
        ("monitoring", "logging", "observability", "networkmanagement", "cloudasset", "securitycenter"),
        _FIGURES,
    ),
    **dict.fromkeys(
        (
            *(
                "projects",
                "organizations",
                "folder",
                "resourcemanager",
                "billing",
                "essentialcontacts",
                "orgpolicy",
                "tags",
            ),
            *(
                "serviceusage",
                "cloudquota",
                "assuredworkloads",
                "cloudidentity",
                "cloudsupport",
                "kms",
                "secretmanager",
            ),
            *("parametermanager", "certificateauthority", "certificatemanager", "licensemanager"),
        ),
        _ORGANIZATION,
    ),
    **dict.fromkeys(
        (
            *(
                "storage",
                "bigquery",
                "bigqueryanalyticshub",
                "bigquerydatapolicy",
                "bigtable",
                "biglake",
                "datacatalog",
            ),
            *(
                "dataform",
                "dataplex",
                "dataloss",
                "firestore",
                "firebase",
                "firebaserules",
                "spanner",
                "pubsub",
            ),
            *(
                "cloudscheduler",
                "cloudtasks",
                "eventarc",
                "workflows",
                "artifactregistry",
                "containeranalysis",
                "cloudbuild",
            ),
            *(
                "clouddeploy",
                "sourcerepo",
                "securesourcemanager",
                "vertex",
                "discoveryengine",
                "documentai",
                "diagflow",
            ),
            *(
                "recaptcha",
                "identityplatform",
                "apigateway",
                "endpoints",
                "runtimeconfig",
                "healthcare",
                "gemini",
            ),
            *(
                "gkebackup",
                "osconfig",
                "datalineage",
                "modelarmor",
                "transcoder",
                "cloudfunctions",
                "developerconnect",
            ),
        ),
        _SERVICE,
    ),
}
"""Modules of which no type matters to who reaches what, each with its reason."""
HARMLESS_TYPES: Mapping[str, str] = {
    "gcp:compute/network:Network": "by itself it leads nowhere: routes, peerings, policies and rules are "
    "types of their own",
    "gcp:compute/router:Router": "by itself it leads nowhere: interfaces, peers and NATs are types of their "
    "own",
    **dict.fromkeys(("gcp:compute/address:Address", "gcp:compute/globalAddress:GlobalAddress"), _ADDRESS),
    **dict.fromkeys(
        (
            f"gcp:compute/{name[0].lower()}{name[1:]}:{name}"
            for name in (
                *(
                    "Disk",
                    "RegionDisk",
                    "AttachedDisk",
                    "Image",
                    "MachineImage",
                    "Snapshot",
                    "ResourcePolicy",
                ),
                *(
                    "DiskResourcePolicyAttachment",
                    "RegionDiskResourcePolicyAttachment",
                    "ResourcePolicyAttachment",
                ),
                *(
                    "InstantSnapshot",
                    "RegionInstantSnapshot",
                    "SnapshotSettings",
                    "StoragePool",
                    "DiskAsyncReplication",
                ),
            )
        ),
        _DISKS,
    ),
    **dict.fromkeys(
        (
            f"gcp:compute/{name[0].lower()}{name[1:]}:{name}"
            for name in (
                *(
                    "Instance",
                    "InstanceTemplate",
                    "RegionInstanceTemplate",
                    "InstanceGroup",
                    "InstanceGroupManager",
                ),
                *(
                    "RegionInstanceGroupManager",
                    "Autoscaler",
                    "RegionAutoscaler",
                    "NodeGroup",
                    "NodeTemplate",
                    "Reservation",
                ),
                *("RegionCommitment", "InstanceFromTemplate", "InstanceFromMachineImage", "InstanceSettings"),
            )
        ),
        _MACHINES,
    ),
    **dict.fromkeys(
        (
            f"gcp:compute/{name[0].lower()}{name[1:]}:{name}"
            for name in (
                *(
                    "HealthCheck",
                    "RegionHealthCheck",
                    "HttpHealthCheck",
                    "HttpsHealthCheck",
                    "SSLCertificate",
                    "SSLPolicy",
                ),
                *(
                    "ManagedSslCertificate",
                    "RegionSslCertificate",
                    "RegionSslPolicy",
                    "SecurityPolicy",
                    "RegionSecurityPolicy",
                ),
                *("SecurityPolicyRule", "RegionSecurityPolicyRule", "ProjectCloudArmorTier"),
            )
        ),
        "it says how a load balancer treats what comes in, and lets nobody in",
    ),
    **dict.fromkeys(
        (
            "gcp:compute/projectDefaultNetworkTier:ProjectDefaultNetworkTier",
            "gcp:compute/sharedVPCHostProject:SharedVPCHostProject",
            "gcp:compute/sharedVPCServiceProject:SharedVPCServiceProject",
        ),
        _ORGANIZATION,
    ),
    "gcp:compute/networkFirewallPolicy:NetworkFirewallPolicy": "a policy without rules; its rules are a type "
    "of their own",
    "gcp:compute/firewallPolicy:FirewallPolicy": "a policy without rules; its rules are a type of their own",
    **dict.fromkeys(
        (
            "gcp:gkehub/feature:Feature",
            "gcp:gkehub/featureMembership:FeatureMembership",
            "gcp:gkehub/membership:Membership",
            "gcp:gkehub/fleet:Fleet",
        ),
        "which mesh runs is in its ConfigMap and its objects, which are read",
    ),
    "gcp:container/registry:Registry": _SERVICE,
}
"""Types that do not matter to who reaches what, each with its reason."""
WHAT: Mapping[str, str] = {
    "Route": "where packets to a range go",
    "PolicyBasedRoute": "where packets to a range go",
    **dict.fromkeys(("RouterPeer", "RouterInterface"), "routes that a neighbour says"),
    **dict.fromkeys(
        ("NetworkPeering", "NetworkPeeringRoutesConfig", "Connection", "PeeredDnsDomain"),
        "another network behind this one",
    ),
    **dict.fromkeys(
        (
            "VPNTunnel",
            "VPNGateway",
            "HaVpnGateway",
            "InterconnectAttachment",
            "Interconnect",
            "Spoke",
            "Hub",
            "Connector",
        ),
        "another network behind this one",
    ),
    **dict.fromkeys(
        ("ForwardingRule", "GlobalForwardingRule", "ServiceAttachment"), "an address that leads elsewhere"
    ),
    **dict.fromkeys(
        (
            *(
                "FirewallPolicyRule",
                "FirewallPolicyWithRules",
                "NetworkFirewallPolicyRule",
                "RegionNetworkFirewallPolicyRule",
            ),
            *("RegionNetworkFirewallPolicy", "RegionNetworkFirewallPolicyWithRules"),
        ),
        "rules of a firewall policy, asked before those that are read or after them",
    ),
    "PacketMirroring": "a copy of packets to somewhere else",
}
"""In words, what some types do that no judge reads; by the last part of the type."""


def unknown(type_token: str) -> str | None:
    """Why a resource of a type that no judge reads is not understood; None where it is harmless."""
    module = type_token.partition("/")[0].removeprefix("gcp:")
    last = type_token.rpartition(":")[2]
    if type_token in HARMLESS_TYPES or module in HARMLESS_MODULES or _ROLE.search(last):
        return None
    what = WHAT.get(last) if type_token.startswith("gcp:") else None
    return (
        f"A {last} is {what}, and is not read here."
        if what
        else f"{type_token} is nothing that is known here."
    )
