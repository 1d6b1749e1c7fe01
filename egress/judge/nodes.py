"""Which pods stand behind a selector, and on which node pool they run.

Understood: the pod templates of Deployments with their labels, service account and `cloud.google.com/gke-nodepool` selector;
node pools with their service account and taints. Source: Kubernetes, "Assigning Pods to Nodes"; GKE, "About node pools".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from egress.judge.deployed import Deployed, part
from egress.judge.flow import Pod

POOL_LABEL = "cloud.google.com/gke-nodepool"
POOLS = "gcp:container/nodePool:NodePool"


@dataclass(frozen=True)
class Pool:
    """One node pool. `email` is the Google service account that its nodes run as."""

    name: str
    email: str
    tainted: bool


class Workloads:
    """The cluster's known pods and node pools."""

    def __init__(self, deployed: Deployed) -> None:
        self.pools: dict[str, Pool] = {}
        for resource in deployed.resources(POOLS):
            config = part(resource.properties, "nodeConfig")
            name = resource.properties.get("name") or resource.name
            self.pools[name] = Pool(name, config.get("serviceAccount") or "", bool(config.get("taints")))
        self._pods: dict[str, list[Pod]] = {}
        templates = (part(manifest, "spec", "template", "spec") for manifest in deployed.kind("Deployment"))
        self._named = {str(part(template, "nodeSelector").get(POOL_LABEL)) for template in templates}
        for manifest in deployed.kind("Deployment"):
            template = manifest["spec"]["template"]
            spec, namespace = template["spec"], manifest["metadata"]["namespace"]
            pool = self.pools.get(part(spec, "nodeSelector").get(POOL_LABEL, ""))
            labels = part(template["metadata"], "labels")
            account = spec.get("serviceAccountName", "default")
            self._pods.setdefault(namespace, []).append(
                Pod(namespace, labels, account, pool.email if pool else self.application_pool)
            )

    @cached_property
    def application_pool(self) -> str:
        """The service account of the nodes that every pod may run on: of a pool that is nobody's own."""
        return next((pool.email for pool in self.pools.values() if pool not in self.own_pools), "")

    @cached_property
    def own_pools(self) -> list[Pool]:
        """Pools that a taint keeps for somebody, or that some workload names as its own."""
        return [pool for pool in self.pools.values() if pool.tainted or pool.name in self._named]

    def behind(self, namespace: str, selector: Mapping[str, str]) -> Pod:
        """The pods that a selector chooses; where none is known, a pod of the namespace with just these labels."""
        for pod in self._pods.get(namespace, ()):
            labels = pod.labels or {}
            if selector and all(labels.get(key) == value for key, value in selector.items()):
                return pod
        unknown = Pod(namespace, dict(selector), pool=self.application_pool)
        self._pods.setdefault(namespace, []).append(unknown)
        return unknown
