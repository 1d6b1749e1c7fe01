"""Objects in a cluster that the stack does not render, and that stand where only it should write.

In namespaces of the stack: every fence, whoever's; in those of the platform also whatever else runs there.
What GKE, Kubernetes' controllers and the charts make is no addition; nor is what a team may put into its own
namespace.
"""

from __future__ import annotations

from collections.abc import Collection

from egress.answers.diff.normal import normal
from egress.common.names import TEAM_LABEL
from egress.judge.model.kinds import ISTIO, WHAT, group
from egress.judge.model.snapshot import Manifest, Snapshot, identity, part

OURS = "egress-"
"""How the names of the program's cluster-wide objects begin."""
CHARTS = ("istio-base", "istio-cni", "istio-istiod")
"""Helm releases of the program's."""
_RELEASE = "meta.helm.sh/release-name"
_OF_CHARTS = frozenset(
    (
        *("ConfigMap", "DaemonSet", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget"),
        *("ResourceQuota", "Role", "RoleBinding", "Service", "ServiceAccount"),
    )
)
"""What these charts hold in namespaces. A fence that claims to be a chart's is somebody's."""
RUNNING = frozenset(
    (
        *("CronJob", "DaemonSet", "Deployment", "HorizontalPodAutoscaler", "Job", "ReplicationController"),
        *("Role", "RoleBinding", "Service", "ServiceAccount", "StatefulSet"),
    )
)
"""What is an addition in the platform's own namespaces."""
_RIGHTS = ("ClusterRole", "ClusterRoleBinding")


def is_fence(item: Manifest) -> bool:
    """Whether an object of this kind decides where traffic goes."""
    of, kind = group(item) or "", str(item["kind"])
    return of.endswith(ISTIO) or (of, kind) == ("networking.k8s.io", "NetworkPolicy") or kind in WHAT


class Ground:
    """Where the stack stands: its namespaces and the names of what it renders."""

    def __init__(self, planned: Snapshot) -> None:
        self.rendered = {identity(item) for item in planned.kubernetes}
        namespaces = [item for item in planned.kubernetes if item["kind"] == "Namespace"]
        teams = [item for item in namespaces if TEAM_LABEL in part(item, "metadata", "labels")]
        self.namespaces: Collection[str] = {item["metadata"]["name"] for item in namespaces}
        self.platform: Collection[str] = {
            item["metadata"]["name"] for item in namespaces if item not in teams
        }

    def added(self, item: Manifest) -> bool:
        """Whether a live object is somebody's addition."""
        metadata, kind = part(item, "metadata"), str(item["kind"])
        if identity(item) in self.rendered:
            return False
        if metadata.get("ownerReferences") and not is_fence(item):
            return False  # a controller's; who writes a fence may name any owner, and it counts all the same
        namespace = metadata.get("namespace")
        if namespace is None:
            return self._added_to_cluster(item)
        if namespace not in self.namespaces or not normal(Snapshot.of([item], ())):
            return False
        if is_fence(item):
            return True
        return namespace in self.platform and kind in RUNNING and not _of_chart(item)

    def _added_to_cluster(self, item: Manifest) -> bool:
        kind, metadata = str(item["kind"]), part(item, "metadata")
        if kind == "Namespace":
            return TEAM_LABEL in part(metadata, "labels")
        if kind in _RIGHTS:
            role = str(part(item, "roleRef").get("name"))
            return f"clusterrole/{role}" in self.rendered or str(metadata["name"]).startswith(OURS)
        return kind in WHAT


def _of_chart(item: Manifest) -> bool:
    release = part(item, "metadata", "annotations").get(_RELEASE)
    return item["kind"] in _OF_CHARTS and release in CHARTS
