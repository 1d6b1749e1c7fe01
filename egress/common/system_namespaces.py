"""Namespaces that Kubernetes' and Google's own components keep, by exact name; and which names nobody else
may take.

A rule that holds everywhere but there names them one by one: a name that merely begins like one of them is
anybody's to choose. No team may be called like one, or begin like one, so that what Google adds later meets
no team.

Source: Kubernetes, "Namespaces" (initial namespaces). Google has no page that names them all; those of GKE
are from a public copy of the source of Google Cloud's CLI (its list of system namespaces), from what public
charts leave out as the system's, and from outputs of `kubectl get namespaces` on GKE clusters. So the list
may lack one: its pods then meet the rules as anybody's do.
"""

from __future__ import annotations

SYSTEM = (
    "kube-system",
    "kube-public",
    "kube-node-lease",
    "anthos-creds",
    "anthos-identity-service",
    "asm-system",
    "cnrm-system",
    "config-management-monitoring",
    "config-management-system",
    "configconnector-operator-system",
    "gatekeeper-system",
    "gke-connect",
    "gke-gmp-system",
    "gke-managed-ambient",
    "gke-managed-checkpointing",
    "gke-managed-cim",
    "gke-managed-filestorecsi",
    "gke-managed-lustrecsi",
    "gke-managed-metrics-server",
    "gke-managed-mldiagnostics",
    "gke-managed-networking-dra-driver",
    "gke-managed-otel",
    "gke-managed-parallelstorecsi",
    "gke-managed-pod-snapshots",
    "gke-managed-slurm",
    "gke-managed-system",
    "gke-managed-volumepopulator",
    "gke-mcs",
    "gke-system",
    "gkebackup",
    "gmp-public",
    "gmp-system",
    "resource-group-system",
)
PREFIXES = (
    "kube-",
    "gke-",
    "gmp-",
    "asm-",
    "anthos-",
    "cnrm-",
    "config-management-",
    "configconnector-",
    "gatekeeper-",
)
"""How the names above begin, and those that will be added to them."""


def is_taken(namespace: str) -> bool:
    """Whether a namespace of this name is, or may one day be, Kubernetes' or Google's own."""
    return namespace in SYSTEM or namespace.startswith(PREFIXES)
