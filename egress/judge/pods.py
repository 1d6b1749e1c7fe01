"""Pods as their templates say them: those that are there although admission would refuse them, and every
field of gateways' pods.

What a team's pod may try is asked for whatever its template says, as long as it is a pod in a network of its
own and on a node that pods may be on. One in the network of its node, or on the nodes of a gateway, is a way
that admission is counted on to close; so if it is there all the same, the flows of its namespace are not
understood. Namespaces that Kubernetes and Google keep are left out (egress/common/system_namespaces.py). Of a
gateway's pods everything counts: what is neither read nor harmless is not understood.
Source: Kubernetes API reference, PodSpec; Istio, "Installing Gateways".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from egress.common.system_namespaces import SYSTEM
from egress.judge.fields.accepted import Accepted, beyond
from egress.judge.layers.admission import Admission
from egress.judge.layers.gateway_pods import tolerates
from egress.judge.lookup.workloads import POOL_LABEL, POOLS
from egress.judge.model import metadata
from egress.judge.model.documents import single
from egress.judge.model.flow import Layer, Outcome, Verdict
from egress.judge.model.shape_types import ANY, LABELS
from egress.judge.model.snapshot import Manifest, Snapshot, identity, listed, part

TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "Pod": (),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    **dict.fromkeys(
        ("DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"),
        ("spec", "template"),
    ),
}
"""By kind: where the pod is."""
HOST_NAMESPACES = "host-namespaces"
"""Admission's rule that no pod becomes a process of its node."""
_HOST = ("hostNetwork", "hostPID", "hostIPC")
_SHAPE: Mapping[str, Any] = {
    "replicas": ANY,
    "template": {
        "metadata": {"labels": LABELS, "annotations": LABELS},
        "spec": {
            **dict.fromkeys(
                ("serviceAccountName", "priorityClassName", "nodeSelector", "hostNetwork", "hostAliases"), ANY
            ),
            "tolerations": [dict.fromkeys(("key", "operator", "value", "effect"), ANY)],
            "containers": [{"name": ANY}],
        },
    },
}
"""What judges read of a gateway's Deployment."""
_SCHEDULED = "when its pods are scheduled and in which order; which nodes take them is read"
_ROLLED = "how its pods are replaced"
_CONFINED = "Pod Security, which is asked for by itself, says what it may be"
_READY = "when a pod counts as ready"
_POD, _CONTAINER = "template.spec", "template.spec.containers"
HARMLESS: Mapping[str, str] = {
    **dict.fromkeys(
        ("strategy", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"), _ROLLED
    ),
    **dict.fromkeys(
        (
            *(f"{_POD}.{name}" for name in ("priority", "preemptionPolicy", "topologySpreadConstraints")),
            *(
                f"{_POD}.{name}"
                for name in ("schedulerName", "affinity.podAffinity", "affinity.podAntiAffinity", "overhead")
            ),
        ),
        _SCHEDULED,
    ),
    **dict.fromkeys((f"{_POD}.terminationGracePeriodSeconds", f"{_POD}.restartPolicy"), _ROLLED),
    **dict.fromkeys((f"{_POD}.securityContext", f"{_CONTAINER}.securityContext"), _CONFINED),
    "selector": "which pods it counts as its own, by labels that the API server demands of its template",
    f"{_POD}.tolerations.tolerationSeconds": "how long a pod stays on a node that no longer takes it",
    f"{_POD}.serviceAccount": "the old name of serviceAccountName",
    **dict.fromkeys(
        (f"{_POD}.automountServiceAccountToken", f"{_POD}.imagePullSecrets", f"{_POD}.enableServiceLinks"),
        "what its programs know of the cluster, not what they connect to",
    ),
    **dict.fromkeys(
        (f"{_POD}.hostname", f"{_POD}.subdomain", f"{_POD}.setHostnameAsFQDN"), "how the pod calls itself"
    ),
    **dict.fromkeys(
        (f"{_CONTAINER}.{name}" for name in ("readinessProbe", "livenessProbe", "startupProbe")), _READY
    ),
    f"{_POD}.readinessGates": _READY,
    f"{_CONTAINER}.ports": "a list for readers; which ports are open is in Gateways",
    **dict.fromkeys((f"{_CONTAINER}.resources", f"{_POD}.resources"), "how much it may use"),
    **dict.fromkeys(
        (
            f"{_CONTAINER}.{name}"
            for name in ("imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy")
        ),
        "how its program is fetched and how it ends",
    ),
}
"""Fields of a gateway's Deployment, below `spec`, that decide nothing about who reaches what, each with its
reason."""
ONLY: Mapping[str, tuple[object, ...]] = {
    # Whatever istiod injects there is the proxy.
    f"{_CONTAINER}.image": ("auto",),
    f"{_POD}.dnsPolicy": ("ClusterFirst",),
}
_ACCEPTED = Accepted(HARMLESS, ONLY)
_CONFIG = "proxy.istio.io/config"
_OF_PROXY = Accepted(
    {
        "proxyMetadata.ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS": "how many connections it takes at once",
        "proxyMetadata.ISTIO_META_IDLE_TIMEOUT": "how long a connection stays on which nothing is sent",
        **dict.fromkeys(
            ("concurrency", "drainDuration", "terminationDrainDuration", "holdApplicationUntilProxyStarts"),
            "how it starts and ends",
        ),
    }
)


class GatewayWorkloads:
    """The gateways' own workloads among all, by the selectors of Gateways."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._selectors: dict[str, list[Mapping[str, str]]] = {}
        self._ports: dict[str, set[object]] = {}
        for manifest in snapshot.kind("Service"):
            ports = self._ports.setdefault(manifest["metadata"]["namespace"], set())
            ports.update(port.get("targetPort") or port["port"] for port in listed(manifest, "spec", "ports"))
        for manifest in snapshot.kind("Gateway"):
            selectors = self._selectors.setdefault(manifest["metadata"]["namespace"], [])
            if selector := part(manifest, "spec", "selector"):
                selectors.append(selector)

    def has(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether pods of a namespace with these labels are a gateway's."""
        return any(selector.items() <= labels.items() for selector in self._selectors.get(namespace, ()))

    def are_in(self, namespace: str) -> bool:
        """Whether a namespace has a gateway."""
        return namespace in self._selectors

    def has_selector(self, namespace: str, selector: Mapping[str, str]) -> bool:
        """Whether a selector chooses the pods of a gateway."""
        return any(selector.items() <= of.items() for of in self._selectors.get(namespace, ()))

    def ports(self, namespace: str) -> set[object]:
        """Ports of pods to which Services of a namespace lead."""
        return self._ports.get(namespace, set())

    def unread(self, manifest: Manifest) -> Iterator[tuple[str, str]]:
        """What is not understood of a workload, if it is a gateway's: field, and why."""
        template = part(manifest, *TEMPLATES[manifest["kind"]])
        if not self.has(
            manifest["metadata"].get("namespace") or "default", part(template, "metadata", "labels")
        ):
            return
        if manifest["kind"] != "Deployment":
            if not listed(manifest, "metadata", "ownerReferences"):
                yield (
                    "metadata",
                    "Its pods have a gateway's labels, so they get what is meant for the gateway.",
                )
            return
        spec = part(manifest, "spec")
        yield from (
            (name, f"`{name.rpartition('.')[2]}` of a gateway's pods is not read here.")
            for name in _fields(spec)
        )
        yield from metadata.of_gateway_pods(part(template, "metadata"), "spec.template.metadata")
        for index, container in enumerate(listed(template, "spec", "containers")[1:], 1):
            yield (
                f"spec.template.spec.containers[{index}]",
                f"The program {container.get('name')} beside the proxy is not known here.",
            )
        config = part(template, "metadata", "annotations").get(_CONFIG)
        yield from (
            (f"spec.template.metadata.annotations[{_CONFIG}].{name}", f"`{name}` is not read here.")
            for name in _of_config(config)
        )


def _fields(spec: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"spec.{name}" for name in beyond(spec, _SHAPE, _ACCEPTED))


def _of_config(text: str | None) -> Iterator[str]:
    try:
        written = single(text or "{}")
    except ValueError:
        written = text
    if isinstance(written, Mapping):
        yield from beyond(written, {}, _OF_PROXY)
    else:
        yield json.dumps(written, default=str)


class Present:
    """Judges pods that are there by the rules that were to refuse them."""

    def __init__(self, snapshot: Snapshot, admission: Admission) -> None:
        self._admission = admission
        self._taints = {
            str(pool.properties.get("name") or pool.name): (
                str(part(pool.properties, "nodeConfig").get("serviceAccount") or ""),
                listed(pool.properties, "nodeConfig", "taints"),
            )
            for pool in snapshot.resources(POOLS)
        }
        self._pools = {
            node["metadata"]["name"]: str(part(node, "metadata", "labels").get(POOL_LABEL))
            for node in snapshot.kind("Node")
        }

    def judge(self, manifest: Manifest) -> Iterator[Verdict]:
        """What of a workload admission refuses, though it is there."""
        namespace = manifest["metadata"].get("namespace") or "default"
        if namespace in SYSTEM:
            return
        path = TEMPLATES[manifest["kind"]]
        spec = part(manifest, *path, "spec")
        field = ".".join((*path, "spec"))
        for name in (name for name in _HOST if spec.get(name)):
            if not self._admission.judge(namespace, HOST_NAMESPACES).allowed:
                yield _there(
                    manifest,
                    f"{field}.{name}",
                    "Its processes are in namespaces of their node, though admission refuses such pods.",
                )
        for pool, (email, taints) in self._taints.items():
            where = next(self._placed(spec, pool, taints), None)
            if taints and where and not self._admission.placed(namespace, email).allowed:
                yield _there(
                    manifest,
                    f"{field}.{where}",
                    f"It may be on nodes of {pool}, though admission keeps such pods off them.",
                )

    def _placed(
        self, spec: Mapping[str, Any], pool: str, taints: Sequence[Mapping[str, Any]]
    ) -> Iterator[str]:
        """Fields by which a pod gets onto nodes of a pool."""
        if part(spec, "nodeSelector").get(POOL_LABEL) == pool:
            yield "nodeSelector"
        if (node := spec.get("nodeName")) and self._pools.get(node) == pool:
            yield "nodeName"
        tolerated = [
            one
            for one in listed(spec, "tolerations")
            if any(tolerates(one, taint) is not False for taint in taints)
        ]
        if tolerated and part(spec, "nodeSelector").get(POOL_LABEL) in (None, pool):
            yield "tolerations"


def _there(manifest: Manifest, field: str, reason: str) -> Verdict:
    return Verdict(Layer.ADMISSION, Outcome.NOT_UNDERSTOOD, identity(manifest), field, reason)
