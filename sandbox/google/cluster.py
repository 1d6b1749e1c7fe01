"""Clusters (container.googleapis.com). The control plane of each is a real API server of the sandbox."""

from __future__ import annotations

from sandbox.google import checks, cluster_outputs, cluster_rules
from sandbox.google.kinds import Kind, Reference, named, never_changes, path
from sandbox.google.machines import NAME, NODE_ACCOUNT, NODE_CHANGES, NODE_CHECKS, NODE_DEFAULTS, NODE_SETS
from sandbox.google.network import CLUSTER, NETWORK, SUBNETWORK, network_named, subnetwork_named

API = "container.googleapis.com"
NODE_POOL = "gcp:container/nodePool:NodePool"

cluster_named = named("projects/{project}/locations/{location}/clusters/{name}")


CLUSTER_KIND = Kind(
    token=CLUSTER,
    schema="container.Cluster",
    id=path("projects/{project}/locations/{location}/clusters/{name}"),
    api=API,
    autoname_length=40,
    place=("project", "location"),
    checks={
        "name": NAME,
        "location": checks.LOCATION,
        "nodeLocations.*": checks.LOCATION,
        "privateClusterConfig.masterIpv4CidrBlock": checks.control_plane_range,
        "masterAuthorizedNetworksConfig.cidrBlocks.*.cidrBlock": checks.cidr_v4,
        "releaseChannel.channel": checks.one_of("UNSPECIFIED", "RAPID", "REGULAR", "STABLE", "EXTENDED"),
        "datapathProvider": checks.one_of(
            "DATAPATH_PROVIDER_UNSPECIFIED", "LEGACY_DATAPATH", "ADVANCED_DATAPATH"
        ),
        "networkingMode": checks.one_of("VPC_NATIVE", "ROUTES"),
        "networkPolicy.provider": checks.one_of("PROVIDER_UNSPECIFIED", "CALICO"),
        "ipAllocationPolicy.stackType": checks.one_of("IPV4", "IPV4_IPV6"),
        "ipAllocationPolicy.additionalIpRangesConfigs.*.status": checks.one_of("ACTIVE", "DRAINING"),
        "workloadIdentityConfig.workloadPool": checks.pattern(
            r"^[a-z0-9:.-]+\.svc\.id\.goog$", "a workload pool is PROJECT.svc.id.goog"
        ),
        "gatewayApiConfig.channel": checks.one_of(
            "CHANNEL_DISABLED", "CHANNEL_EXPERIMENTAL", "CHANNEL_STANDARD"
        ),
        "databaseEncryption.state": checks.one_of("ENCRYPTED", "ALL_OBJECTS_ENCRYPTION_ENABLED", "DECRYPTED"),
        "securityPostureConfig.mode": checks.one_of("DISABLED", "BASIC", "ENTERPRISE", "MODE_UNSPECIFIED"),
        "binaryAuthorization.evaluationMode": checks.one_of("DISABLED", "PROJECT_SINGLETON_POLICY_ENFORCE"),
        "clusterAutoscaling.autoscalingProfile": checks.one_of("BALANCED", "OPTIMIZE_UTILIZATION"),
        "dnsConfig.clusterDns": checks.one_of(
            "PROVIDER_UNSPECIFIED", "PLATFORM_DEFAULT", "CLOUD_DNS", "KUBE_DNS"
        ),
        "dnsConfig.clusterDnsScope": checks.one_of("DNS_SCOPE_UNSPECIFIED", "CLUSTER_SCOPE", "VPC_SCOPE"),
        "loggingConfig.enableComponents.*": checks.one_of(
            "SYSTEM_COMPONENTS",
            "APISERVER",
            "CONTROLLER_MANAGER",
            "SCHEDULER",
            "WORKLOADS",
            "KCP_CONNECTION",
            "KCP_SSHD",
            "KCP_HPA",
        ),
        "defaultMaxPodsPerNode": checks.between(8, 256),
        "maintenancePolicy.dailyMaintenanceWindow.startTime": checks.pattern(
            r"^([01]\d|2[0-3]):[0-5]\d$", "a time of day is HH:MM"
        ),
        "maintenancePolicy.maintenanceExclusions.*.exclusionOptions.scope": checks.one_of(
            "NO_UPGRADES", "NO_MINOR_UPGRADES", "NO_MINOR_OR_NODE_UPGRADES"
        ),
        **NODE_CHECKS,
    },
    rules=(
        cluster_rules.ranges_named_once,
        cluster_rules.dataplane,
        cluster_rules.nodes,
        cluster_rules.maintenance,
    ),
    defaults={
        "network": "default",
        "deletionProtection": True,
        "enableKubernetesAlpha": False,
        "enableLegacyAbac": False,
        "enableShieldedNodes": True,
        "enableCiliumClusterwideNetworkPolicy": False,
        "disableL4LbFirewallReconciliation": False,
        "enableMultiNetworking": False,
        "enableFqdnNetworkPolicy": False,
        "ipAllocationPolicy.stackType": "IPV4",
        "clusterAutoscaling.autoscalingProfile": "BALANCED",
        "dnsConfig.clusterDns": "PROVIDER_UNSPECIFIED",
        **NODE_DEFAULTS,
    },
    replaces={
        **never_changes(
            "name",
            "project",
            "location",
            "description",
            "network",
            "subnetwork",
            "clusterIpv4Cidr",
            "networkingMode",
            "enableAutopilot",
            "enableKubernetesAlpha",
            "enableTpu",
            "initialNodeCount",
            "nodePools",
            "datapathProvider",
            "dataplaneOptimizationMode",
            "defaultMaxPodsPerNode",
            "confidentialNodes",
            "masterAuth.clientCertificateConfig",
            "ipAllocationPolicy.clusterIpv4CidrBlock",
            "ipAllocationPolicy.servicesIpv4CidrBlock",
            "ipAllocationPolicy.clusterSecondaryRangeName",
            "ipAllocationPolicy.servicesSecondaryRangeName",
            "ipAllocationPolicy.podCidrOverprovisionConfig",
            "privateClusterConfig.masterIpv4CidrBlock",
            "privateClusterConfig.privateEndpointSubnetwork",
            "userManagedKeysConfig.clusterCa",
            "userManagedKeysConfig.etcdApiCa",
            "userManagedKeysConfig.etcdPeerCa",
            "userManagedKeysConfig.aggregationCa",
            "clusterAutoscaling.autoProvisioningDefaults.bootDiskKmsKey",
        ),
        "enableL4IlbSubsetting": cluster_rules.turned_off,
        "enableFqdnNetworkPolicy": cluster_rules.turned_off,
        **NODE_CHANGES,
    },
    sets=frozenset(
        {
            "nodeLocations",
            "ipAllocationPolicy.additionalIpRangesConfigs",
            "masterAuthorizedNetworksConfig.cidrBlocks",
            "loggingConfig.enableComponents",
            "monitoringConfig.enableComponents",
            "maintenancePolicy.maintenanceExclusions",
        }
    )
    | NODE_SETS,
    kept=frozenset(
        {
            "ipAllocationPolicy.clusterIpv4CidrBlock",
            "ipAllocationPolicy.servicesIpv4CidrBlock",
            "privateClusterConfig.privateEndpoint",
            "privateClusterConfig.publicEndpoint",
            "privateClusterConfig.peeringName",
            "controlPlaneEndpointsConfig.dnsEndpointConfig",
            "controlPlaneEndpointsConfig.dnsEndpointConfig.endpoint",
            "controlPlaneEndpointsConfig.ipEndpointsConfig",
            "controlPlaneEndpointsConfig.ipEndpointsConfig.enabled",
            "masterAuth.clientCertificate",
            "masterAuth.clientKey",
            "masterAuth.clusterCaCertificate",
            "fleet.membership",
            "fleet.membershipId",
            "fleet.membershipLocation",
            "fleet.preRegistered",
            "fleet.project",
        }
    ),
    references=(
        Reference("network", NETWORK, network_named, holds=True, output="id"),
        Reference("subnetwork", SUBNETWORK, subnetwork_named, holds=True, output="id"),
        Reference(
            "ipAllocationPolicy.additionalIpRangesConfigs.*.subnetwork",
            SUBNETWORK,
            subnetwork_named,
            holds=True,
        ),
        NODE_ACCOUNT,
    ),
    cloud_rules=(
        cluster_rules.ranges_exist,
        cluster_rules.further_ranges,
        cluster_rules.control_plane_apart,
        cluster_rules.own_pool,
    ),
    delete_rules=(cluster_rules.protected,),
    computed=cluster_outputs.computed,
    live=cluster_outputs.live,
    before_create=cluster_outputs.start,
    after_create=cluster_outputs.register,
    after_update=cluster_outputs.define,
    before_delete=lambda context: context.apiservers.of(context.id).wipe(keep_address=True),
    cascades=lambda cluster: (
        [(NODE_POOL, f"{cluster.id}/nodePools/")]
        + (
            [(cluster_outputs.MEMBERSHIP, cluster_outputs.membership_id(cluster.id))]
            if cluster.state.get("fleet")
            else []
        )
    ),
    secret=frozenset({"masterAuth.clientKey"}),
)


KINDS = (CLUSTER_KIND,)
