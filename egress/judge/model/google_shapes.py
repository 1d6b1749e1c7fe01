"""The shape of every resource of Google's that judges read, checked as shapes.py says.

Source: the Google provider's schema. tests/judge/test_shapes.py holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from egress.judge.model.shape_types import CIDR, LABELS, NUMBER, PORT, TEXTS, YES

_FIREWALL_ENTRY = [{"protocol": str, "ports": [PORT]}]
_NETWORKS = {"networks": [{"networkUrl": str}]}
_NAME = {"name": str}
GOOGLE: Mapping[str, Any] = {
    "gcp:compute/firewall:Firewall": {
        "name": str,
        "network": str,
        "direction": str,
        "disabled": YES,
        "priority": NUMBER,
        "allows": _FIREWALL_ENTRY,
        "denies": _FIREWALL_ENTRY,
        **dict.fromkeys(("destinationRanges", "sourceRanges"), TEXTS),
        "targetServiceAccounts": TEXTS,
    },
    "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules": {
        "name": str,
        "rules": [
            {
                **dict.fromkeys(("direction", "action", "ruleName"), str),
                "disabled": YES,
                "priority": NUMBER,
                "targetServiceAccounts": TEXTS,
                "match": {
                    **dict.fromkeys(("destIpRanges", "srcIpRanges"), TEXTS),
                    "layer4Configs": [{"ipProtocol": str, "ports": [PORT]}],
                },
            }
        ],
    },
    "gcp:compute/subnetwork:Subnetwork": {
        **dict.fromkeys(("name", "network", "stackType"), str),
        "privateIpGoogleAccess": YES,
        "ipCidrRange": CIDR,
        "secondaryIpRanges": [{"rangeName": str, "ipCidrRange": CIDR}],
    },
    "gcp:container/cluster:Cluster": {
        **dict.fromkeys(("name", "network", "subnetwork"), str),
        "workloadIdentityConfig": {"workloadPool": str},
        "ipAllocationPolicy": {
            "clusterSecondaryRangeName": str,
            "additionalIpRangesConfigs": [{"podIpv4RangeNames": TEXTS}],
        },
        "datapathProvider": str,
        "networkPolicy": {"enabled": YES},
        "addonsConfig": {"networkPolicyConfig": {"disabled": YES}},
        "nodePools": [_NAME],
    },
    "gcp:container/nodePool:NodePool": {
        "name": str,
        "nodeConfig": {
            "serviceAccount": str,
            "labels": LABELS,
            "taints": [{"key": str, "value": str, "effect": str}],
            "workloadMetadataConfig": {"mode": str},
        },
        "networkConfig": {"podRange": str},
    },
    "gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation": {
        "attachmentTarget": str
    },
    "gcp:dns/managedZone:ManagedZone": {
        **dict.fromkeys(("name", "dnsName", "visibility"), str),
        "privateVisibilityConfig": _NETWORKS,
    },
    "gcp:dns/recordSet:RecordSet": {**dict.fromkeys(("name", "managedZone", "type"), str), "rrdatas": TEXTS},
    "gcp:dns/responsePolicy:ResponsePolicy": {"name": str, "networks": [{"networkUrl": str}]},
}
"""By type token: the properties."""
