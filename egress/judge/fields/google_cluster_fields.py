"""Fields of clusters and of their node pools that no judge reads: harmless for the reason that stands here.

google_fields.py holds those of every other type, and says what else is not understood about a cluster. All of
them are tested in tests/judge/test_google_fields.py.
Source: the Google provider's reference.
"""

from __future__ import annotations

from collections.abc import Mapping

from egress.judge.fields.google_reasons import FIGURES, HOUSE, MACHINE, OBJECTS, RIGHTS, SOURCE, WORDS
from egress.judge.lookup.subnets import CLUSTER

POOL = "gcp:container/nodePool:NodePool"
HARMLESS: Mapping[str, Mapping[str, str]] = {
    CLUSTER: {
        **dict.fromkeys(
            (
                *(
                    "clusterTelemetry",
                    "costManagementConfig",
                    "loggingConfig",
                    "loggingService",
                    "monitoringConfig",
                    "monitoringService",
                ),
                *(
                    "managedMachineLearningDiagnosticsConfig",
                    "managedOpentelemetryConfig",
                    "notificationConfig",
                ),
                *(
                    "resourceUsageExportConfig",
                    "securityPostureConfig",
                    "protectConfig",
                    "enableIntranodeVisibility",
                ),
            ),
            FIGURES,
        ),
        **dict.fromkeys(
            (
                *(
                    "anonymousAuthenticationConfig",
                    "authenticatorGroupsConfig",
                    "controlPlaneEndpointsConfig",
                    "enableLegacyAbac",
                ),
                *(
                    "identityServiceConfig",
                    "masterAuth",
                    "masterAuthorizedNetworksConfig",
                    "rbacBindingConfig",
                    "endpoint",
                ),
                *("userManagedKeysConfig", "databaseEncryption", "enterpriseConfig", "fleet"),
            ),
            RIGHTS,
        ),
        **dict.fromkeys(
            (
                *(
                    "binaryAuthorization",
                    "autopilotClusterPolicyConfig",
                    "autopilotPrivilegedAdmissions",
                    "allowNetAdmin",
                ),
                *("podSecurityPolicyConfig",),
            ),
            "it can only refuse pods, or lets pods be what other rules are asked about",
        ),
        **dict.fromkeys(
            (
                *(
                    "enableCiliumClusterwideNetworkPolicy",
                    "enableFqdnNetworkPolicy",
                    "gatewayApiConfig",
                    "enableK8sBetaApis",
                ),
                *(
                    "enableKubernetesAlpha",
                    "serviceExternalIpsConfig",
                    "secretManagerConfig",
                    "secretSyncConfig",
                ),
                *("disableL4LbFirewallReconciliation", "enableL4IlbSubsetting"),
            ),
            OBJECTS,
        ),
        **dict.fromkeys(
            (
                *(
                    "confidentialNodes",
                    "defaultMaxPodsPerNode",
                    "enableShieldedNodes",
                    "enableTpu",
                    "tpuConfig",
                    "initialNodeCount",
                ),
                *(
                    "ignoreNodeCountChanges",
                    "maintenancePolicy",
                    "minMasterVersion",
                    "nodeLocations",
                    "nodePoolAutoConfig",
                ),
                *(
                    "nodePoolDefaults",
                    "nodeVersion",
                    "releaseChannel",
                    "removeDefaultNodePool",
                    "rollbackSafeUpgrade",
                ),
                *(
                    "skipNodePoolRefresh",
                    "verticalPodAutoscaling",
                    "podAutoscaling",
                    "gkeAutoUpgradeConfig",
                    "masterVersion",
                ),
                *(
                    "emulatedVersion",
                    "desiredEmulatedVersion",
                    "networkPerformanceConfig",
                    "nodeCreationConfig",
                ),
                *("dataplaneOptimizationMode", "tpuIpv4CidrBlock", "meshCertificates", "workloadAltsConfig"),
            ),
            HOUSE,
        ),
        "inTransitEncryptionConfig": "packets between nodes, closed to whoever listens there",
        "name": WORDS,
        "subnetwork": "every subnetwork's ranges are read",
        "networkPolicy.provider": "there is but one",
        "nodeConfig": "of the pool that a cluster is born with; its nodes are a NodePool's, or are not "
        "understood (nodePools)",
        "privateClusterConfig": "whether nodes have public addresses; who leaves and what comes in is the "
        "firewall's",
        "defaultSnatStatus": SOURCE,
        **dict.fromkeys(("clusterIpv4Cidr", "servicesIpv4Cidr"), "ranges that the subnetwork says as well"),
        "ipAllocationPolicy.additionalIpRangesConfigs.subnetwork": "every subnetwork's ranges are read",
        "ipAllocationPolicy.additionalIpRangesConfigs.status": "whether new nodes get addresses of it; its "
        "ranges are read either way",
        "ipAllocationPolicy.servicesSecondaryRangeName": "Services' addresses are on no packet that leaves a "
        "node",
        **dict.fromkeys(
            (
                f"ipAllocationPolicy.{name}"
                for name in (
                    "servicesIpv4CidrBlock",
                    "clusterIpv4CidrBlock",
                    "podCidrOverprovisionConfig",
                    "stackType",
                )
            ),
            "ranges and address families that the subnetwork says as well",
        ),
        **dict.fromkeys(
            (
                "ipAllocationPolicy.autoIpamConfig",
                "ipAllocationPolicy.networkTierConfig",
            ),
            SOURCE,
        ),
        **dict.fromkeys(
            (
                f"addonsConfig.{name}"
                for name in (
                    *(
                        "dnsCacheConfig",
                        "gcePersistentDiskCsiDriverConfig",
                        "gcpFilestoreCsiDriverConfig",
                        "gcsFuseCsiDriverConfig",
                    ),
                    *(
                        "gkeBackupAgentConfig",
                        "horizontalPodAutoscaling",
                        "httpLoadBalancing",
                        "configConnectorConfig",
                    ),
                    *(
                        "statefulHaConfig",
                        "parallelstoreCsiDriverConfig",
                        "lustreCsiDriverConfig",
                        "kalmConfig",
                        "rayOperatorConfigs",
                    ),
                )
            ),
            OBJECTS,
        ),
    },
    POOL: {
        **dict.fromkeys(
            (
                *(
                    "cluster",
                    "autoscaling",
                    "bestEffortProvisioning",
                    "ignoreNodeCountChanges",
                    "initialNodeCount",
                    "maintenancePolicies",
                ),
                *(
                    "management",
                    "maxPodsPerNode",
                    "nodeCount",
                    "nodeDrainConfigs",
                    "nodeLocations",
                    "placementPolicy",
                ),
                *(
                    "queuedProvisioning",
                    "upgradeSettings",
                    "version",
                    "instanceGroupUrls",
                    "managedInstanceGroupUrls",
                ),
            ),
            HOUSE,
        ),
        **dict.fromkeys(("networkConfig.subnetwork",), "every subnetwork's ranges are read"),
        **dict.fromkeys(
            ("networkConfig.enablePrivateNodes",),
            "whether nodes have public addresses; who leaves is the firewall's",
        ),
        **dict.fromkeys(
            ("networkConfig.networkPerformanceConfig", "networkConfig.podCidrOverprovisionConfig"), HOUSE
        ),
        **dict.fromkeys(
            ("networkConfig.podIpv4CidrBlock", "networkConfig.createPodRange"),
            "the subnetwork says it as well, by podRange",
        ),
        **dict.fromkeys(
            (
                f"nodeConfig.{name}"
                for name in (
                    *(
                        "advancedMachineFeatures",
                        "bootDisk",
                        "bootDiskKmsKey",
                        "confidentialNodes",
                        "containerdConfig",
                        "diskSizeGb",
                    ),
                    *(
                        "diskType",
                        "effectiveTaints",
                        "enableConfidentialStorage",
                        "ephemeralStorageConfig",
                        "fastSocket",
                        "flexStart",
                    ),
                    *(
                        "ephemeralStorageLocalSsdConfig",
                        "gcfsConfig",
                        "guestAccelerators",
                        "gvnic",
                        "hostMaintenancePolicy",
                    ),
                    *(
                        "imageType",
                        "kubeletConfig",
                        "labels",
                        "linuxNodeConfig",
                        "localNvmeSsdBlockConfig",
                        "localSsdCount",
                    ),
                    *(
                        "localSsdEncryptionMode",
                        "loggingVariant",
                        "machineType",
                        "maxRunDuration",
                        "metadata",
                        "minCpuPlatform",
                    ),
                    *(
                        "nodeGroup",
                        "preemptible",
                        "reservationAffinity",
                        "resourceLabels",
                        "resourceManagerTags",
                    ),
                    *(
                        "secondaryBootDisks",
                        "shieldedInstanceConfig",
                        "soleTenantConfig",
                        "spot",
                        "storagePools",
                    ),
                )
            ),
            MACHINE,
        ),
        "nodeConfig.oauthScopes": "what the node's own account may do at Google's is IAM's",
        "nodeConfig.tags": "no rule of the firewall that goes by tags is understood",
    },
}
"""By type, as in google_fields.py."""
