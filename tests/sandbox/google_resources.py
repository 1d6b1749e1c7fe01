"""Resources of Google Cloud for tests of its stand-in: one of every type, with the inputs of the tutorial."""

from __future__ import annotations

from typing import Any

PROJECT = "my-project"
SERVICE = "gcp:projects/service:Service"
NETWORK = "gcp:compute/network:Network"
SUBNETWORK = "gcp:compute/subnetwork:Subnetwork"
ROUTER = "gcp:compute/router:Router"
NAT = "gcp:compute/routerNat:RouterNat"
ADDRESS = "gcp:compute/address:Address"
FIREWALL = "gcp:compute/firewall:Firewall"
FIREWALL_POLICY = "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules"
FIREWALL_ASSOCIATION = "gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation"
PERIMETER = "gcp:accesscontextmanager/servicePerimeter:ServicePerimeter"
ZONE = "gcp:dns/managedZone:ManagedZone"
RECORD = "gcp:dns/recordSet:RecordSet"
DNS_POLICY = "gcp:dns/policy:Policy"
ACCOUNT = "gcp:serviceaccount/account:Account"
ACCOUNT_MEMBER = "gcp:serviceaccount/iAMMember:IAMMember"
PROJECT_MEMBER = "gcp:projects/iAMMember:IAMMember"
CLUSTER = "gcp:container/cluster:Cluster"
NODE_POOL = "gcp:container/nodePool:NodePool"
BUCKET = "gcp:storage/bucket:Bucket"
REPOSITORY = "gcp:artifactregistry/repository:Repository"
BUCKET_MEMBER = "gcp:storage/bucketIAMMember:BucketIAMMember"
MEMBERSHIP = "gcp:gkehub/membership:Membership"
FEATURE = "gcp:gkehub/feature:Feature"
FEATURE_MEMBERSHIP = "gcp:gkehub/featureMembership:FeatureMembership"
APIS = (
    "compute",
    "container",
    "dns",
    "iam",
    "cloudresourcemanager",
    "gkehub",
    "mesh",
    "accesscontextmanager",
    "artifactregistry",
)

# The tutorial's resources, as inputs on the wire

NETWORK_INPUTS: dict[str, Any] = {"name": "vpc-network", "autoCreateSubnetworks": False}
SUBNET_INPUTS: dict[str, Any] = {
    "name": "subnet-gke",
    "network": "vpc-network",
    "ipCidrRange": "10.0.0.0/24",
    "privateIpGoogleAccess": True,
    "secondaryIpRanges": [
        {"rangeName": "pods", "ipCidrRange": "10.1.0.0/16"},
        {"rangeName": "services", "ipCidrRange": "10.2.0.0/20"},
    ],
}
FIREWALL_INPUTS: dict[str, Any] = {
    "name": "deny",
    "network": "vpc-network",
    "direction": "EGRESS",
    "denies": [{"protocol": "all"}],
    "destinationRanges": ["0.0.0.0/0"],
    "priority": 65535,
}
ALLOW: dict[str, Any] = {
    "name": "allow",
    "network": "vpc-network",
    "direction": "EGRESS",
    "allows": [{"protocol": "tcp", "ports": ["443"]}],
}
FIREWALL_POLICY_INPUTS: dict[str, Any] = {
    "name": "policy",
    "rules": [
        {
            "ruleName": "deny",
            "priority": 1001,
            "direction": "EGRESS",
            "action": "deny",
            "enableLogging": True,
            "match": {"destIpRanges": ["0.0.0.0/0"], "layer4Configs": [{"ipProtocol": "all"}]},
        }
    ],
}
FIREWALL_ASSOCIATION_INPUTS: dict[str, Any] = {
    "name": "association",
    "firewallPolicy": "policy",
    "attachmentTarget": f"projects/{PROJECT}/global/networks/vpc-network",
}
ROUTER_INPUTS: dict[str, Any] = {"name": "nat-router", "network": "vpc-network"}
NAT_INPUTS: dict[str, Any] = {
    "name": "nat-config",
    "router": "nat-router",
    "natIpAllocateOption": "AUTO_ONLY",
    "sourceSubnetworkIpRangesToNat": "LIST_OF_SUBNETWORKS",
    "subnetworks": [{"name": "subnet-gke", "sourceIpRangesToNats": ["ALL_IP_RANGES"]}],
}
DYNAMIC = {"enableDynamicPortAllocation": True, "minPortsPerVm": 64}
ZONE_INPUTS: dict[str, Any] = {
    "name": "private-google-apis",
    "dnsName": "googleapis.com.",
    "visibility": "private",
    "privateVisibilityConfig": {"networks": [{"networkUrl": "vpc-network"}]},
}
RECORD_INPUTS: dict[str, Any] = {
    "managedZone": "private-google-apis",
    "name": "private.googleapis.com.",
    "type": "A",
    "ttl": 300,
    "rrdatas": ["199.36.153.8", "199.36.153.9"],
}
DNS_POLICY_INPUTS: dict[str, Any] = {
    "name": "query-logging",
    "enableLogging": True,
    "networks": [{"networkUrl": "vpc-network"}],
}
ACCOUNT_INPUTS: dict[str, Any] = {"accountId": "sa-gateway-nodes"}
EMAIL = f"sa-gateway-nodes@{PROJECT}.iam.gserviceaccount.com"
CLUSTER_INPUTS: dict[str, Any] = {
    "name": "cluster1",
    "location": "europe-west1-b",
    "network": "vpc-network",
    "subnetwork": "subnet-gke",
    "initialNodeCount": 1,
    "removeDefaultNodePool": True,
    "deletionProtection": False,
    "datapathProvider": "ADVANCED_DATAPATH",
    "ipAllocationPolicy": {"clusterSecondaryRangeName": "pods", "servicesSecondaryRangeName": "services"},
    "privateClusterConfig": {"enablePrivateNodes": True, "masterIpv4CidrBlock": "10.5.0.0/28"},
    "workloadIdentityConfig": {"workloadPool": f"{PROJECT}.svc.id.goog"},
    "releaseChannel": {"channel": "REGULAR"},
    "maintenancePolicy": {
        "recurringWindow": {
            "startTime": "2026-01-03T02:00:00Z",
            "endTime": "2026-01-03T06:00:00Z",
            "recurrence": "FREQ=WEEKLY;BYDAY=SA",
        }
    },
}
NODE_POOL_INPUTS: dict[str, Any] = {
    "name": "gateway",
    "cluster": "cluster1",
    "nodeConfig": {
        "machineType": "e2-standard-4",
        "serviceAccount": EMAIL,
        "taints": [{"key": "dedicated", "value": "gateway", "effect": "NO_SCHEDULE"}],
        "workloadMetadataConfig": {"mode": "GKE_METADATA"},
    },
    "autoscaling": {"minNodeCount": 1, "maxNodeCount": 3},
}
BUCKET_INPUTS: dict[str, Any] = {
    "name": "team-x-data-1",
    "location": "europe-west1",
    "uniformBucketLevelAccess": True,
}
MEMBERSHIP_INPUTS: dict[str, Any] = {
    "membershipId": "cluster1",
    "endpoint": {
        "gkeCluster": {
            "resourceLink": (
                f"//container.googleapis.com/projects/{PROJECT}/locations/europe-west1-b/clusters/cluster1"
            )
        }
    },
}
FEATURE_INPUTS: dict[str, Any] = {"name": "servicemesh", "location": "global"}
FEATURE_MEMBERSHIP_INPUTS: dict[str, Any] = {
    "feature": "servicemesh",
    "location": "global",
    "membership": "cluster1",
    "mesh": {"management": "MANAGEMENT_AUTOMATIC"},
}
REPOSITORY_INPUTS: dict[str, Any] = {
    "repositoryId": "cluster1-istio",
    "location": "europe-west1",
    "format": "DOCKER",
    "mode": "REMOTE_REPOSITORY",
    "remoteRepositoryConfig": {"dockerRepository": {"publicRepository": "DOCKER_HUB"}},
}
PERIMETER_INPUTS: dict[str, Any] = {
    "name": "accessPolicies/123456789/servicePerimeters/egress",
    "parent": "accessPolicies/123456789",
    "title": "egress",
    "status": {
        "resources": ["projects/987654321012"],
        "restrictedServices": ["storage.googleapis.com"],
        "vpcAccessibleServices": {"enableRestriction": True, "allowedServices": ["RESTRICTED-SERVICES"]},
    },
}
PROJECT_MEMBER_INPUTS: dict[str, Any] = {
    "project": PROJECT,
    "role": "roles/logging.logWriter",
    "member": f"serviceAccount:{EMAIL}",
}
ACCOUNT_MEMBER_INPUTS: dict[str, Any] = {
    "serviceAccountId": f"projects/{PROJECT}/serviceAccounts/{EMAIL}",
    "role": "roles/iam.workloadIdentityUser",
    "member": f"serviceAccount:{PROJECT}.svc.id.goog[team-x/test]",
}
BUCKET_MEMBER_INPUTS: dict[str, Any] = {
    "bucket": "team-x-data-1",
    "role": "roles/storage.objectViewer",
    "member": f"serviceAccount:{EMAIL}",
}

#: every type once, in an order in which each finds what it refers to
TUTORIAL: tuple[tuple[str, dict[str, Any]], ...] = (
    (NETWORK, NETWORK_INPUTS),
    (SUBNETWORK, SUBNET_INPUTS),
    (ROUTER, ROUTER_INPUTS),
    (ADDRESS, {"name": "nat-1", "labels": {"use": "nat"}}),
    (NAT, NAT_INPUTS),
    (ACCOUNT, ACCOUNT_INPUTS),
    (FIREWALL, FIREWALL_INPUTS),
    (FIREWALL_POLICY, FIREWALL_POLICY_INPUTS),
    (FIREWALL_ASSOCIATION, FIREWALL_ASSOCIATION_INPUTS),
    (PROJECT_MEMBER, PROJECT_MEMBER_INPUTS),
    (ZONE, ZONE_INPUTS),
    (RECORD, RECORD_INPUTS),
    (DNS_POLICY, DNS_POLICY_INPUTS),
    (CLUSTER, CLUSTER_INPUTS),
    (NODE_POOL, NODE_POOL_INPUTS),
    (ACCOUNT_MEMBER, ACCOUNT_MEMBER_INPUTS),
    (BUCKET, BUCKET_INPUTS),
    (BUCKET_MEMBER, BUCKET_MEMBER_INPUTS),
    (REPOSITORY, REPOSITORY_INPUTS),
    (MEMBERSHIP, MEMBERSHIP_INPUTS),
    (FEATURE, FEATURE_INPUTS),
    (FEATURE_MEMBERSHIP, FEATURE_MEMBERSHIP_INPUTS),
    (PERIMETER, PERIMETER_INPUTS),
)


def having(inputs: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The inputs with some replaced; `None` leaves one out."""
    return {key: value for key, value in {**inputs, **changes}.items() if value is not None}
