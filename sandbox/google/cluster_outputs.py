"""What Google adds to a cluster: its control plane's address, versions, ranges, and its place in a fleet."""

from __future__ import annotations

import base64
import re
from typing import Any

from . import checks
from .cloud import Thing
from .kinds import Scene, Values, first, region_of, tail, walk
from .machines import VERSION
from .network import subnetwork_named

MEMBERSHIP = "gcp:gkehub/membership:Membership"


def _range(subnet: Thing | None, name: Any) -> str:
    for _, secondary in walk(subnet.state if subnet else {}, "secondaryIpRanges.*"):
        if secondary.get("rangeName") == name:
            return str(secondary.get("ipCidrRange", ""))
    return ""


def computed(scene: Scene) -> Values:
    """What Google adds to a new cluster."""
    subnet = scene.cloud.find(subnetwork_named(scene.new.get("subnetwork") or "default", scene.new))
    pods = _range(subnet, first(scene.new, "ipAllocationPolicy.clusterSecondaryRangeName"))
    services = _range(subnet, first(scene.new, "ipAllocationPolicy.servicesSecondaryRangeName"))
    labels = {"goog-pulumi-provisioned": "true", **scene.new.get("resourceLabels", {})}
    master = checks.network(first(scene.new, "privateClusterConfig.masterIpv4CidrBlock"))
    fleet = scene.new.get("fleet")
    computed: dict[str, Any] = {
        "selfLink": f"https://container.googleapis.com/v1/{scene.id}",
        "masterVersion": VERSION,
        "nodeVersion": VERSION,
        "networkingMode": "VPC_NATIVE",
        "datapathProvider": "LEGACY_DATAPATH",
        "releaseChannel": {"channel": "REGULAR"},
        "clusterIpv4Cidr": pods,
        "servicesIpv4Cidr": services,
        "ipAllocationPolicy": {"clusterIpv4CidrBlock": pods, "servicesIpv4CidrBlock": services},
        "privateClusterConfig": {"privateEndpoint": str(master[2]) if master else "", "peeringName": ""},
        "controlPlaneEndpointsConfig": {"ipEndpointsConfig": {"enabled": True}},
        "masterAuth": {
            "clientCertificateConfig": {"issueClientCertificate": False},
            "clientCertificate": "",
            "clientKey": "",
        },
        "nodeLocations": [],
        "nodePools": [],
        "labelFingerprint": "42WmSpB8rSM=",
        "effectiveLabels": labels,
        "pulumiLabels": labels,
        "defaultMaxPodsPerNode": 110,
        "enableIntranodeVisibility": False,
        "enableL4IlbSubsetting": False,
    }
    if fleet:
        project = fleet.get("project") or scene.project
        membership = membership_id(scene.id)
        computed["fleet"] = {
            "membership": f"//gkehub.googleapis.com/{membership}",
            "membershipId": tail(membership),
            "membershipLocation": region_of(scene.new),
            "preRegistered": False,
            "project": project,
        }
    return computed


def live(scene: Scene) -> Values:
    """Where the API server is now, and what signs its certificate."""
    endpoint = scene.apiserver.endpoint
    return {
        "endpoint": endpoint,
        "privateClusterConfig": {"publicEndpoint": endpoint},
        "controlPlaneEndpointsConfig": {"dnsEndpointConfig": {"endpoint": endpoint}},
        "masterAuth": {"clusterCaCertificate": base64.b64encode(scene.apiserver.ca_pem.encode()).decode()},
    }


def membership_id(cluster: str) -> str:
    """The fleet membership that a cluster with a `fleet` block makes for itself."""
    project, location, name = cluster.split("/")[1::2]
    return f"projects/{project}/locations/{re.sub(r'-[a-z]$', '', location)}/memberships/{name}"


def start(scene: Scene) -> None:
    """The control plane comes with the kinds of the features that are on."""
    scene.apiserver.start()
    define(scene)


def define(scene: Scene) -> None:
    """GKE defines the kinds of a feature when it is turned on; the real one takes some time after that."""
    if first(scene.new, "secretSyncConfig.enabled"):
        scene.apiserver.define_secret_sync()


def register(scene: Scene) -> None:
    """A cluster with a `fleet` block registers itself; the membership belongs to the cluster."""
    if scene.new.get("fleet"):
        id = membership_id(scene.id)
        state = {"name": id, "membershipId": tail(id), "project": scene.project, "location": id.split("/")[3]}
        scene.cloud.put(Thing(id, MEMBERSHIP, "", {}, state, acknowledged=True))
