"""The `nodeConfig` that clusters and node pools share: what a node's machine may be."""

from __future__ import annotations

from sandbox.google import checks
from sandbox.google.identity import ACCOUNT, by_email
from sandbox.google.kinds import Reference, never_changes

VERSION = "1.35.8-gke.1000000"
TAINT_EFFECTS = ("NO_SCHEDULE", "PREFER_NO_SCHEDULE", "NO_EXECUTE")

#: names of clusters and node pools are shorter than others
NAME = checks.pattern(
    r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$",
    "a name is 1-40 lower-case letters, digits and dashes, starts with a letter and ends with a letter or "
    "digit",
)

#: checks of a nodeConfig, in a cluster or a node pool
NODE_CHECKS: dict[str, checks.Check] = {
    "nodeConfig.diskSizeGb": lambda value: None if value >= 10 else "a boot disk has at least 10 GB",
    "nodeConfig.diskType": checks.one_of("pd-standard", "pd-ssd", "pd-balanced", "hyperdisk-balanced"),
    "nodeConfig.machineType": checks.pattern(
        r"^[a-z][a-z0-9]*(-[a-z0-9]+)+$", "a machine type looks like e2-standard-4"
    ),
    "nodeConfig.tags.*": checks.NAME,
    "nodeConfig.taints.*.effect": checks.one_of(*TAINT_EFFECTS),
    "nodeConfig.workloadMetadataConfig.mode": checks.one_of(
        "MODE_UNSPECIFIED", "GCE_METADATA", "GKE_METADATA"
    ),
    "nodeConfig.sandboxConfig.type": checks.one_of("GVISOR"),
}
NODE_CHANGES = never_changes(
    *(
        f"nodeConfig.{name}"
        for name in (
            "guestAccelerators",
            "localSsdCount",
            "ephemeralStorageLocalSsdConfig",
            "localNvmeSsdBlockConfig",
            "metadata",
            "minCpuPlatform",
            "oauthScopes",
            "preemptible",
            "reservationAffinity",
            "spot",
            "serviceAccount",
            "shieldedInstanceConfig",
            "sandboxConfig",
            "bootDiskKmsKey",
            "nodeGroup",
            "advancedMachineFeatures",
            "soleTenantConfig",
            "hostMaintenancePolicy",
            "enableConfidentialStorage",
            "localSsdEncryptionMode",
            "maxRunDuration",
            "flexStart",
            "secondaryBootDisks",
            "confidentialNodes.confidentialInstanceType",
        )
    )
)
NODE_DEFAULTS = {
    "nodeConfig.preemptible": False,
    "nodeConfig.spot": False,
    "nodeConfig.shieldedInstanceConfig.enableSecureBoot": False,
    "nodeConfig.shieldedInstanceConfig.enableIntegrityMonitoring": True,
}
NODE_SETS = frozenset({"nodeConfig.oauthScopes", "nodeConfig.taints", "nodeConfig.tags"})
NODE_ACCOUNT = Reference("nodeConfig.serviceAccount", ACCOUNT, by_email)
