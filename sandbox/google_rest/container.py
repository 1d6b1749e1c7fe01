"""Rows of Kubernetes Engine (container.googleapis.com): clusters, node pools, and what GKE adds to them."""

from __future__ import annotations

import base64
from typing import Any, Final

from sandbox.google.cluster import NODE_POOL
from sandbox.google.kinds import first, number, tail
from sandbox.google.machines import VERSION
from sandbox.google.network import CLUSTER
from sandbox.google.state import merge
from sandbox.google_rest.discovery import Json
from sandbox.google_rest.rows import NOW, Making, Row, place

_IP = "controlPlaneEndpointsConfig.ipEndpointsConfig"
_NODE_DEFAULTS: Final = {
    "machineType": "e2-medium",
    "diskSizeGb": 100,
    "diskType": "pd-balanced",
    "imageType": "COS_CONTAINERD",
    "oauthScopes": ["https://www.googleapis.com/auth/cloud-platform"],
    "serviceAccount": "default",
    "metadata": {"disable-legacy-endpoints": "true"},
    "shieldedInstanceConfig": {"enableIntegrityMonitoring": True},
    "windowsNodeConfig": {},
    "effectiveCgroupMode": "EFFECTIVE_CGROUP_MODE_V2",
    "resourceLabels": {"goog-gke-node-pool-provisioning-model": "on-demand"},
}


def put(resource: Json, path: str, value: Any) -> None:
    """Set the field at a path like `networkConfig.dnsConfig`."""
    *holders, last = path.split(".")
    for holder in holders:
        resource = resource.setdefault(holder, {})
    resource[last] = value


def zones(location: str) -> list[str]:
    """Where a cluster of this location has its nodes."""
    return [location] if location[-2] == "-" else [f"{location}-{letter}" for letter in "bcd"]


# Clusters


def _cluster(making: Making) -> Json:
    asked, name = making.rest, making.name
    where = place(name)
    network, subnetwork = asked.get("network", "default"), asked.get("subnetwork", "default")
    pods, services = making.computed["clusterIpv4Cidr"], making.computed["servicesIpv4Cidr"]
    private = first(making.computed, "privateClusterConfig.privateEndpoint")
    made: Json = {
        "selfLink": f"https://container.googleapis.com/v1beta1/{name}",
        "id": f"{number(name, 30):x}",
        "location": where["location"],
        "zone": where["location"],
        "locations": zones(where["location"]),
        "status": "RUNNING",
        "createTime": NOW,
        "initialClusterVersion": VERSION,
        "currentMasterVersion": VERSION,
        "currentNodeVersion": VERSION,
        "clusterIpv4Cidr": pods,
        "servicesIpv4Cidr": services,
        "ipAllocationPolicy": {
            "useIpAliases": True,
            "stackType": "IPV4",
            "clusterIpv4Cidr": pods,
            "clusterIpv4CidrBlock": pods,
            "servicesIpv4Cidr": services,
            "servicesIpv4CidrBlock": services,
            "podCidrOverprovisionConfig": {},
        },
        "networkConfig": {
            "network": network,
            "subnetwork": subnetwork,
            "datapathProvider": "LEGACY_DATAPATH",
            "defaultSnatStatus": {},
            "serviceExternalIpsConfig": {},
            "gatewayApiConfig": {"channel": "CHANNEL_STANDARD"},
        },
        "controlPlaneEndpointsConfig": {
            "dnsEndpointConfig": {"allowExternalTraffic": False},
            "ipEndpointsConfig": {"enabled": True, "enablePublicEndpoint": True, "privateEndpoint": private},
        },
        "privateClusterConfig": {"privateEndpoint": private},
        "legacyAbac": {},
        "autopilot": {},
        "shieldedNodes": {"enabled": True},
        "loggingService": "logging.googleapis.com/kubernetes",
        "monitoringService": "monitoring.googleapis.com/kubernetes",
        "loggingConfig": {"componentConfig": {"enableComponents": ["SYSTEM_COMPONENTS", "WORKLOADS"]}},
        "monitoringConfig": {
            "componentConfig": {"enableComponents": ["SYSTEM_COMPONENTS"]},
            "managedPrometheusConfig": {"enabled": True},
            "advancedDatapathObservabilityConfig": {},
        },
        "clusterTelemetry": {"type": "ENABLED"},
        "addonsConfig": {
            "kubernetesDashboard": {"disabled": True},
            "networkPolicyConfig": {"disabled": True},
            "gcePersistentDiskCsiDriverConfig": {"enabled": True},
        },
        "autoscaling": {"autoscalingProfile": "BALANCED"},
        "databaseEncryption": {"state": "DECRYPTED", "currentState": "CURRENT_STATE_DECRYPTED"},
        "defaultMaxPodsConstraint": {"maxPodsPerNode": "110"},
        "releaseChannel": {"channel": "REGULAR"},
        "securityPostureConfig": {
            "mode": "BASIC",
            "vulnerabilityMode": "VULNERABILITY_MODE_UNSPECIFIED",
        },
        "enterpriseConfig": {"clusterTier": "STANDARD"},
        "notificationConfig": {"pubsub": {}},
        "nodePoolDefaults": {
            "nodeConfigDefaults": {"loggingConfig": {"variantConfig": {"variant": "DEFAULT"}}}
        },
        "masterAuth": {},
        "labelFingerprint": "42WmSpB8rSM=",
        "etag": "",
    }
    if asked.get("fleet"):
        made["fleet"] = {
            key: value for key, value in making.computed["fleet"].items() if key in ("membership", "project")
        }
    if asked.get("maintenancePolicy"):
        made["maintenancePolicy"] = {"resourceVersion": "e3b0c442"}
    return made


def _cluster_now(making: Making) -> Json:
    """Endpoint and authority of the API server behind it, its pools, and older names of newer fields."""
    endpoint, rest = making.apiserver.endpoint, making.rest
    pools = [
        pool.rest
        for pool in making.cloud.of_type(NODE_POOL)
        if pool.id.startswith(f"{making.name}/nodePools/")
    ]
    network, subnetwork = rest["networkConfig"]["network"], rest["networkConfig"]["subnetwork"]
    public = bool(first(rest, f"{_IP}.enablePublicEndpoint"))
    return {
        "name": tail(making.name),
        "network": tail(network),
        "subnetwork": tail(subnetwork),
        "endpoint": endpoint,
        "masterAuth": {"clusterCaCertificate": base64.b64encode(making.apiserver.ca_pem.encode()).decode()},
        "controlPlaneEndpointsConfig": {
            "dnsEndpointConfig": {"endpoint": endpoint},
            "ipEndpointsConfig": {"publicEndpoint": endpoint},
        },
        "privateClusterConfig": {
            "enablePrivateEndpoint": not public,
            "enablePrivateNodes": bool(first(rest, "networkConfig.defaultEnablePrivateNodes")),
            "publicEndpoint": endpoint,
        },
        "masterAuthorizedNetworksConfig": first(rest, f"{_IP}.authorizedNetworksConfig") or {},
        "nodePools": pools,
        "instanceGroupUrls": [url for pool in pools for url in pool["instanceGroupUrls"]],
        "currentNodeCount": sum(pool["initialNodeCount"] * len(pool["instanceGroupUrls"]) for pool in pools),
    }


def _cluster_words(view: Json) -> Json:
    network = view.get("networkConfig", {})
    policy = dict(view.get("ipAllocationPolicy", {}))
    for named, block in (
        ("clusterSecondaryRangeName", "clusterIpv4CidrBlock"),
        ("servicesSecondaryRangeName", "servicesIpv4CidrBlock"),
    ):
        if policy.get(named):
            policy.pop(block, None)
    window = view.get("maintenancePolicy", {}).get("window", {})
    same = ("privateClusterConfig", "networkPolicy", "workloadIdentityConfig", "nodeConfig", "fleet")
    same += ("releaseChannel", "databaseEncryption", "secretSyncConfig", "initialNodeCount", "description")
    return {
        **{name: view[name] for name in (*same, "project", "location", "name") if view.get(name)},
        "network": network.get("network") or view.get("network") or "default",
        "subnetwork": network.get("subnetwork") or view.get("subnetwork"),
        "datapathProvider": network.get("datapathProvider"),
        "enableL4IlbSubsetting": network.get("enableL4ilbSubsetting", False),
        "enableFqdnNetworkPolicy": network.get("enableFqdnNetworkPolicy", False),
        "masterAuthorizedNetworksConfig": first(view, f"{_IP}.authorizedNetworksConfig"),
        "ipAllocationPolicy": policy,
        "enableAutopilot": view.get("autopilot", {}).get("enabled", False),
        "maintenancePolicy": {key: value for key, value in window.items() if key != "maintenanceExclusions"}
        if window
        else None,
        # Of the provider alone; the API deletes a cluster that it is asked to delete.
        "deletionProtection": False,
    }


#: where a field of a ClusterUpdate lies in the cluster, if not below the same name without `desired`
_MOVED: Final = {
    "desiredAdditionalIpRangesConfig.additionalIpRangesConfigs": (
        "ipAllocationPolicy.additionalIpRangesConfigs"
    ),
    "desiredClusterAutoscaling": "autoscaling",
    "desiredDatapathProvider": "networkConfig.datapathProvider",
    "desiredDefaultEnablePrivateNodes": "networkConfig.defaultEnablePrivateNodes",
    "desiredDefaultSnatStatus": "networkConfig.defaultSnatStatus",
    "desiredDnsConfig": "networkConfig.dnsConfig",
    "desiredEnableFqdnNetworkPolicy": "networkConfig.enableFqdnNetworkPolicy",
    "desiredGatewayApiConfig": "networkConfig.gatewayApiConfig",
    "desiredIntraNodeVisibilityConfig.enabled": "networkConfig.enableIntraNodeVisibility",
    "desiredL4ilbSubsettingConfig.enabled": "networkConfig.enableL4ilbSubsetting",
    "desiredLocations": "locations",
    "desiredMasterAuthorizedNetworksConfig": f"{_IP}.authorizedNetworksConfig",
    "desiredMasterVersion": "currentMasterVersion",
    "desiredNodeVersion": "currentNodeVersion",
    "desiredServiceExternalIpsConfig": "networkConfig.serviceExternalIpsConfig",
}


def updated(cluster: Json, update: Json) -> Json:
    """A cluster after a ClusterUpdate."""
    changes: Json = {}
    for field, value in update.items():
        inner = next((path for path in _MOVED if path.startswith(f"{field}.")), None)
        if inner is not None:
            put(changes, _MOVED[inner], value.get(inner.partition(".")[2]))
        elif field in _MOVED:
            put(changes, _MOVED[field], value)
        elif field.startswith("desired"):
            name = field.removeprefix("desired")
            put(changes, name[0].lower() + name[1:], value)
        elif field != "etag":
            changes[field] = value
    result = merge(cluster, changes)
    networks = first(changes, f"{_IP}.authorizedNetworksConfig")
    if networks is not None:  # all of it, also without the ranges that are no longer there
        put(result, f"{_IP}.authorizedNetworksConfig", networks)
    return result


# Node pools


def _pool(making: Making) -> Json:
    location = str(place(making.name)["location"])
    cluster = making.cloud.require(making.name.partition("/nodePools/")[0])
    pods = first(cluster.rest, "ipAllocationPolicy.clusterSecondaryRangeName")
    private = bool(first(cluster.rest, "networkConfig.defaultEnablePrivateNodes"))
    return {
        "selfLink": f"https://container.googleapis.com/v1beta1/{making.name}",
        "config": _NODE_DEFAULTS,
        "status": "RUNNING",
        "version": VERSION,
        "initialNodeCount": 0,
        "locations": zones(location),
        "instanceGroupUrls": making.computed["instanceGroupUrls"],
        "autoscaling": {},
        "management": {"autoRepair": True, "autoUpgrade": True},
        "maxPodsConstraint": {"maxPodsPerNode": "110"},
        "podIpv4CidrSize": 24,
        "networkConfig": {
            "enablePrivateNodes": private,
            "podRange": pods,
            "podIpv4CidrBlock": first(cluster.rest, "clusterIpv4Cidr"),
            "subnetwork": first(cluster.rest, "networkConfig.subnetwork"),
        },
        "upgradeSettings": {"maxSurge": 1, "strategy": "SURGE"},
        "etag": "",
    }


def _pool_words(view: Json) -> Json:
    scaling = view.get("autoscaling", {})
    limits = {key: value for key, value in scaling.items() if key != "enabled"}
    config = dict(view.get("config", {}))
    if "accelerators" in config:
        config["guestAccelerators"] = config.pop("accelerators")
    otherwise, drain = ("config", "autoscaling", "locations", "nodeDrainConfig"), view.get("nodeDrainConfig")
    return {
        **{key: value for key, value in view.items() if key not in otherwise},
        "nodeConfig": config,
        **({"nodeDrainConfigs": [drain]} if drain else {}),
        "nodeLocations": view.get("locations"),
        **({"autoscaling": limits} if scaling.get("enabled") else {}),
    }


#: fields of an UpdateNodePoolRequest that are the pool's own; the others are its nodes'
_OF_POOL: Final = {
    "nodeVersion": "version",
    "locations": "locations",
    "upgradeSettings": "upgradeSettings",
    "nodeNetworkConfig": "networkConfig",
    "nodeDrainConfig": "nodeDrainConfig",
    "queuedProvisioning": "queuedProvisioning",
}
_ADDRESSED: Final = ("name", "projectId", "zone", "clusterId", "nodePoolId", "etag")


def updated_pool(pool: Json, update: Json) -> Json:
    """A node pool after an UpdateNodePoolRequest."""
    changes: Json = {}
    for field, value in update.items():
        if field in _ADDRESSED:
            continue
        if field in _OF_POOL:
            put(changes, _OF_POOL[field], value)
        elif field in ("taints", "tags", "labels", "resourceLabels"):
            inner = field if field in value or not value else "labels"
            put(changes, f"config.{field}", value.get(inner, [] if field in ("taints", "tags") else {}))
        else:
            put(changes, f"config.{field}", value)
    return merge(pool, changes)


def instance_groups(pools: list[Json], project: str, zone: str) -> list[Json]:
    """The managed instance groups of node pools in one zone, as Compute Engine lists them."""
    found = []
    for pool in pools:
        for url in pool["instanceGroupUrls"]:
            if f"/projects/{project}/zones/{zone}/" in url:
                size = first(pool, "autoscaling.minNodeCount") or pool["initialNodeCount"]
                group = url.replace("instanceGroupManagers", "instanceGroups")
                found.append({"name": tail(url), "selfLink": url, "instanceGroup": group, "targetSize": size})
    return found


ROWS: dict[str, Row] = {
    "container.projects.locations.clusters": Row(
        CLUSTER, _cluster_words, _cluster, _cluster_now, wrapped="cluster", listed="clusters"
    ),
    "container.projects.locations.clusters.nodePools": Row(
        NODE_POOL, _pool_words, _pool, wrapped="nodePool", listed="nodePools"
    ),
}
