"""A stand-in cloud for tests and an engine of a few lines that talks to it as the real one does: over
gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from sandbox.google import wire
from sandbox.google.cloud import Cloud
from sandbox.google.server import serve

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
)


@dataclass(frozen=True)
class Folder:
    """A home with nothing but the cloud in it."""

    root: Path

    @property
    def google(self) -> Path:
        return self.root / "google"


@dataclass
class FakeApiServer:
    """Remembers what was asked of it."""

    endpoint: str = "127.0.0.1:6443"
    ca_pem: str = "-----BEGIN CERTIFICATE-----"
    calls: list[str] = field(default_factory=list)

    def start(self) -> None:
        self.calls.append("start")

    def wipe(self, keep_address: bool = False) -> None:
        self.calls.append("wipe")

    def define_secret_sync(self) -> None:
        self.calls.append("secret sync")


@dataclass
class Made:
    """A resource in the engine's state."""

    token: str
    name: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]


def urn(token: str, name: str) -> str:
    """The URN of a resource of the tests' stack."""
    return f"urn:pulumi:dev::tests::{token}::{name}"


class Engine:
    """The calls that the engine makes, in its order."""

    def __init__(self, port: int, home: Folder, apiserver: FakeApiServer) -> None:
        # a connection of its own, as each provider of a program has
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)])
        self.port = port
        self.stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self.apiserver = apiserver
        self.cloud = Cloud(home)
        self.configure()

    def close(self) -> None:
        self._channel.close()

    def configure(
        self, project: str = PROJECT, region: str = "europe-west1", zone: str = "europe-west1-b"
    ) -> None:
        given = {"project": project, "region": region, "zone": zone}
        self.stub.Configure(provider_pb2.ConfigureRequest(args=wire.write(given)))

    def check(
        self, token: str, inputs: dict[str, Any], name: str = "it", olds: dict[str, Any] | None = None
    ) -> Any:
        request = provider_pb2.CheckRequest(
            urn=urn(token, name),
            news=wire.write(inputs),
            olds=wire.write(olds or {}),
            randomSeed=b"\x01\x02\x03\x04",
        )
        return self.stub.Check(request)

    def refusals(self, token: str, inputs: dict[str, Any]) -> list[str]:
        """What is said against these inputs at preview."""
        return [failure.reason for failure in self.check(token, inputs).failures]

    def create(self, token: str, inputs: dict[str, Any], name: str = "") -> Made:
        checked = self.check(token, inputs, name or "it")
        assert not checked.failures, [failure.reason for failure in checked.failures]
        name = name or str(inputs.get("name", "it"))
        answer = self.stub.Create(provider_pb2.CreateRequest(urn=urn(token, name), properties=checked.inputs))
        return Made(token, name, answer.id, wire.read(checked.inputs), wire.read(answer.properties))

    def preview(self, token: str, inputs: dict[str, Any]) -> dict[str, Any]:
        request = provider_pb2.CreateRequest(
            urn=urn(token, "it"), properties=wire.write(inputs), preview=True
        )
        return wire.read(self.stub.Create(request).properties)

    def diff(self, made: Made, inputs: dict[str, Any]) -> Any:
        checked = self.check(made.token, inputs, made.name, made.inputs)
        assert not checked.failures, [failure.reason for failure in checked.failures]
        return self.stub.Diff(
            provider_pb2.DiffRequest(
                id=made.id,
                urn=urn(made.token, made.name),
                olds=wire.write(made.outputs),
                old_inputs=wire.write(made.inputs),
                news=checked.inputs,
            )
        )

    def update(self, made: Made, inputs: dict[str, Any]) -> Made:
        request = provider_pb2.UpdateRequest(
            id=made.id, urn=urn(made.token, made.name), olds=wire.write(made.outputs), news=wire.write(inputs)
        )
        return Made(made.token, made.name, made.id, inputs, wire.read(self.stub.Update(request).properties))

    def read(self, made: Made) -> Made | None:
        request = provider_pb2.ReadRequest(
            id=made.id,
            urn=urn(made.token, made.name),
            properties=wire.write(made.outputs),
            inputs=wire.write(made.inputs),
        )
        answer = self.stub.Read(request)
        if not answer.id:
            return None
        return Made(made.token, made.name, answer.id, wire.read(answer.inputs), wire.read(answer.properties))

    def delete(self, made: Made) -> None:
        self.stub.Delete(provider_pb2.DeleteRequest(id=made.id, urn=urn(made.token, made.name)))

    def enable(self, *names: str) -> None:
        for name in names or APIS:
            self.create(SERVICE, {"service": f"{name}.googleapis.com"}, name)


@contextmanager
def sandbox(root: Path) -> Iterator[Engine]:
    """A served stand-in over a folder; the folder outlives it."""
    home, apiserver = Folder(root), FakeApiServer()
    server, port = serve(home, apiserver)
    engine = Engine(port, home, apiserver)
    try:
        yield engine
    finally:
        engine.close()
        server.stop(None).wait()


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
    (MEMBERSHIP, MEMBERSHIP_INPUTS),
    (FEATURE, FEATURE_INPUTS),
    (FEATURE_MEMBERSHIP, FEATURE_MEMBERSHIP_INPUTS),
    (PERIMETER, PERIMETER_INPUTS),
)


def build(engine: Engine, last: str = "") -> dict[str, Made]:
    """Enable the APIs and create the tutorial's resources, up to and including the type `last`."""
    engine.enable()
    made: dict[str, Made] = {}
    for token, inputs in TUTORIAL:
        made[token] = engine.create(token, inputs)
        if token == last:
            break
    return made


def having(inputs: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The inputs with some replaced; `None` leaves one out."""
    return {key: value for key, value in {**inputs, **changes}.items() if value is not None}
