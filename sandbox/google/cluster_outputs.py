"""What Google adds to a cluster: its control plane's address, versions, ranges, and its place in a fleet."""

from __future__ import annotations

import base64
import re
from typing import Any

from sandbox.google import checks
from sandbox.google.cloud import Resource
from sandbox.google.kinds import Context, Values, first, region_of, tail, walk
from sandbox.google.machines import VERSION
from sandbox.google.network import subnetwork_named

MEMBERSHIP = "gcp:gkehub/membership:Membership"


def _range(subnet: Resource | None, name: Any) -> str:
    for _, secondary in walk(subnet.state if subnet else {}, "secondaryIpRanges.*"):
        if secondary.get("rangeName") == name:
            return str(secondary.get("ipCidrRange", ""))
    return ""


def computed(context: Context) -> Values:
    """What Google adds to a new cluster."""
    subnet = context.cloud.find(subnetwork_named(context.new.get("subnetwork") or "default", context.new))
    pods = _range(subnet, first(context.new, "ipAllocationPolicy.clusterSecondaryRangeName"))
    services = _range(subnet, first(context.new, "ipAllocationPolicy.servicesSecondaryRangeName"))
    labels = {"goog-pulumi-provisioned": "true", **context.new.get("resourceLabels", {})}
    master = checks.network(first(context.new, "privateClusterConfig.masterIpv4CidrBlock"))
    fleet = context.new.get("fleet")
    computed: dict[str, Any] = {
        "selfLink": f"https://container.googleapis.com/v1/{context.id}",
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
        project = fleet.get("project") or context.project
        membership = membership_id(context.id)
        computed["fleet"] = {
            "membership": f"//gkehub.googleapis.com/{membership}",
            "membershipId": tail(membership),
            "membershipLocation": region_of(context.new),
            "preRegistered": False,
            "project": project,
        }
    return computed


def live(context: Context) -> Values:
    """The API server's current address, and the authority that signed its certificate."""
    apiserver = context.apiservers.of(context.id)
    endpoint = apiserver.endpoint
    return {
        "endpoint": endpoint,
        "privateClusterConfig": {"publicEndpoint": endpoint},
        "controlPlaneEndpointsConfig": {"dnsEndpointConfig": {"endpoint": endpoint}},
        "masterAuth": {"clusterCaCertificate": base64.b64encode(apiserver.ca_pem.encode()).decode()},
    }


def membership_id(cluster: str) -> str:
    """The fleet membership that a cluster with a `fleet` block creates for itself."""
    project, location, name = cluster.split("/")[1::2]
    return f"projects/{project}/locations/{re.sub(r'-[a-z]$', '', location)}/memberships/{name}"


def start(context: Context) -> None:
    """Start the control plane, with the kinds of the features that are on."""
    context.apiservers.of(context.id).start()
    context.apiservers.own(context.id)
    define(context)


def define(context: Context) -> None:
    """Define the kinds of features that were turned on. Real GKE does that too, some time later."""
    if first(context.new, "secretSyncConfig.enabled"):
        context.apiservers.of(context.id).define_secret_sync()


def register(context: Context) -> None:
    """A cluster with a `fleet` block registers itself; the membership belongs to the cluster."""
    if context.new.get("fleet"):
        id = membership_id(context.id)
        state = {
            "name": id,
            "membershipId": tail(id),
            "project": context.project,
            "location": id.split("/")[3],
        }
        context.cloud.put(Resource(id, MEMBERSHIP, "", {}, state, acknowledged=True))
