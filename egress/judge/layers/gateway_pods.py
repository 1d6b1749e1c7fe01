"""Whether a gateway's pods can stand at all: a proxy is injected into them, and some node takes them.

Understood: of a Deployment `replicas`; of its pods the injection's labels and template beside the labels of
their namespace, the proxy's container, `serviceAccountName` and `priorityClassName` beside the objects that
they name, `hostNetwork`, `hostAliases`, `nodeSelector` and `tolerations` beside labels and taints of that
pool. Every other field of such pods is accounted for in pods.py. Source: Istio, "Installing Gateways",
"Installing the Sidecar" (the injection's policy), "Resource Annotations"; Kubernetes, "Taints and
Tolerations".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from egress.judge.lookup.workloads import POOL_LABEL, POOLS
from egress.judge.model.flow import Layer, Outcome, Pod, Verdict
from egress.judge.model.snapshot import Manifest, Snapshot, identity, listed, part

_INJECT, _TEMPLATE = "sidecar.istio.io/inject", "inject.istio.io/templates"
_REVISION, _INJECTION = "istio.io/rev", "istio-injection"
_PROXY = "istio-proxy"
_NOT_GATEWAYS = ("", "sidecar", "grpc-agent", "grpc-simple")
"""Templates that Istio brings along and that make no gateway; the first stands for none, which means the
sidecar's."""
_MAKERS = ("DaemonSet", "StatefulSet", "ReplicaSet", "Rollout")
"""Kinds that make pods as Deployments do."""
_ELSEWHERE = {
    "hostNetwork": "Its pods are in the network of their node, where no NetworkPolicy holds.",
    "hostAliases": "Its pods find other addresses for names.",
}
"""Fields with which pods stand, and do something else."""
_LINUX = {"kubernetes.io/os": "linux"}
"""What every node that proxies run on is labelled with."""


class GatewayPods:
    """Judges the Deployments behind gateways."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._deployments = _by_namespace(snapshot.kind("Deployment"))
        self._others = _by_namespace([manifest for kind in _MAKERS for manifest in snapshot.kind(kind)])
        self._standing: dict[Pod, Verdict | None] = {}
        self._labels = snapshot.namespace_labels
        self._accounts = {
            (item["metadata"].get("namespace"), item["metadata"]["name"])
            for item in snapshot.kind("ServiceAccount")
        }
        self._priorities = {item["metadata"]["name"] for item in snapshot.kind("PriorityClass")}
        self._nodes: dict[str, Mapping[str, Any]] = {
            str(pool.properties.get("name") or pool.name): part(pool.properties, "nodeConfig")
            for pool in snapshot.resources(POOLS)
        }

    def judge(self, pod: Pod) -> Iterator[Verdict]:
        """What keeps a gateway's pods from standing; each verdict is allowed, because nothing that is
        declared passes then."""
        found = [manifest for manifest in self._deployments.get(pod.namespace, ()) if _makes(manifest, pod)]
        if not found:
            other = next(
                (manifest for manifest in self._others.get(pod.namespace, ()) if _makes(manifest, pod)), None
            )
            if other:
                yield _verdict(
                    identity(other),
                    "spec",
                    f"A {other['kind']} makes these pods, and is not read here.",
                    False,
                )
            else:
                yield _verdict(None, "", f"No Deployment in {pod.namespace} makes these pods.")
        for manifest in found:
            by = identity(manifest)
            for field, reason in self._wrong(manifest):
                yield _verdict(by, field, reason)
            for field in self._unread(manifest):
                yield _verdict(by, field, "This is not read here, or not with this value.", False)
            for field, reason, sure in self._made(manifest):
                yield _verdict(by, f"spec.template.spec.{field}", reason, sure)
            for field, reason, sure in self._placed(part(manifest, "spec", "template", "spec")):
                yield _verdict(by, f"spec.template.spec.{field}", reason, sure)

    def stopped(self, pod: Pod) -> Verdict | None:
        """Why a gateway has no pod that could answer; None: nothing says so for sure."""
        if pod not in self._standing:
            said = (
                verdict
                for verdict in self.judge(pod)
                if verdict.understood and verdict.decided_by is not None
            )
            found = next(
                (verdict for verdict in said if verdict.field.rpartition(".")[2] not in _ELSEWHERE), None
            )
            self._standing[pod] = found and found.but(Outcome.DENIED)
        return self._standing[pod]

    def _wrong(self, manifest: Manifest) -> Iterator[tuple[str, str]]:
        spec = part(manifest, "spec")
        metadata, pods = part(spec, "template", "metadata"), part(spec, "template", "spec")
        if spec.get("replicas") == 0:
            yield "spec.replicas", "None of its pods is wanted."
        labels, annotations = part(metadata, "labels"), part(metadata, "annotations")
        if not self._injected(manifest["metadata"]["namespace"], labels, annotations):
            yield f"spec.template.metadata.labels[{_INJECT}]", "Istio makes no proxy of it."
        if str(annotations.get(_TEMPLATE) or "") in _NOT_GATEWAYS:
            yield f"spec.template.metadata.annotations[{_TEMPLATE}]", "Istio makes no gateway of it."
        if not any(container.get("name") == _PROXY for container in listed(pods, "containers")):
            yield "spec.template.spec.containers", f"It has no container {_PROXY}."
        for field, reason in _ELSEWHERE.items():
            if pods.get(field):
                yield f"spec.template.spec.{field}", reason

    def _injected(self, namespace: str, labels: Mapping[str, Any], annotations: Mapping[str, Any]) -> bool:
        """Whether the injector is asked about the pod, and says yes; revisions are for `_unread` to say."""
        around, label = self._labels.get(namespace, {}), labels.get(_INJECT)
        said = str(annotations.get(_INJECT) if label is None else label)
        if said == "false":
            return False
        if around.get(_INJECTION) == "enabled":
            return True
        # Without a word of the namespace only the pod's own label is asked for.
        return _INJECTION not in around and (
            str(label) == "true" or _REVISION in around or _REVISION in labels
        )

    def _unread(self, manifest: Manifest) -> Iterator[str]:
        metadata = part(manifest, "spec", "template", "metadata")
        labels, annotations = part(metadata, "labels"), part(metadata, "annotations")
        around = self._labels.get(manifest["metadata"]["namespace"], {})
        if _INJECTION not in around and (_REVISION in around or _REVISION in labels):
            yield f"spec.template.metadata.labels[{_REVISION}]"
        if str(annotations.get(_TEMPLATE) or "") not in (*_NOT_GATEWAYS, "gateway"):
            yield f"spec.template.metadata.annotations[{_TEMPLATE}]"

    def _made(self, manifest: Manifest) -> Iterator[tuple[str, str, bool]]:
        """What pods name and the API server makes none without, and whether it is sure that it is missing:
        where no object of the kind was handed over, it may be that somebody left the kind out."""
        pods, namespace = part(manifest, "spec", "template", "spec"), manifest["metadata"]["namespace"]
        account, priority = (
            str(pods.get("serviceAccountName") or ""),
            str(pods.get("priorityClassName") or ""),
        )
        if account not in ("", "default") and (namespace, account) not in self._accounts:
            yield (
                "serviceAccountName",
                f"There is no ServiceAccount {account}, so no pod is made.",
                bool(self._accounts),
            )
        if priority and not priority.startswith("system-") and priority not in self._priorities:
            yield (
                "priorityClassName",
                f"There is no PriorityClass {priority}, so no pod is made.",
                bool(self._priorities),
            )

    def _placed(self, pods: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
        """Why no node takes the pods, and whether that is sure."""
        wanted = part(pods, "nodeSelector")
        name = wanted.get(POOL_LABEL)
        if name is not None and self._nodes and name not in self._nodes:
            yield "nodeSelector", f"No node pool {name} was handed over.", False
        node = self._nodes.get(str(name), {})
        given = {**_LINUX, **part(node, "labels"), POOL_LABEL: name}
        for key, value in wanted.items():
            if key in given and given[key] != value:
                yield (
                    "nodeSelector",
                    f"Its nodes have the label {key}={given[key]}, and {value} is wanted.",
                    True,
                )
            elif key not in given:
                yield "nodeSelector", f"Whether nodes have the label {key} is not known here.", False
        for taint in listed(node, "taints"):
            if str(taint.get("effect")) == "PREFER_NO_SCHEDULE":
                continue
            outcomes = [tolerates(toleration, taint) for toleration in listed(pods, "tolerations")]
            if True not in outcomes:
                reason = f"Its nodes take no pod that does not tolerate {taint.get('key')}."
                yield "tolerations", reason, None not in outcomes


def _by_namespace(manifests: list[Manifest]) -> dict[str | None, list[Manifest]]:
    found: dict[str | None, list[Manifest]] = {}
    for manifest in manifests:
        found.setdefault(manifest["metadata"].get("namespace"), []).append(manifest)
    return found


def _makes(manifest: Manifest, pod: Pod) -> bool:
    return (pod.labels or {}).items() <= part(manifest, "spec", "template", "metadata", "labels").items()


def _verdict(by: str | None, field: str, reason: str, understood: bool = True) -> Verdict:
    outcome = Outcome.ALLOWED if understood else Outcome.NOT_UNDERSTOOD
    return Verdict(Layer.GATEWAY, outcome, by, field, reason)


def tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool | None:
    """Whether a pod may come to a node with the taint, and stay; None: that is not known."""
    # Google writes NO_SCHEDULE for what Kubernetes calls NoSchedule.
    effects = [str(of.get("effect") or "").replace("_", "").lower() for of in (toleration, taint)]
    operator, key = toleration.get("operator") or "Equal", toleration.get("key")
    if (effects[0] and effects[0] != effects[1]) or (key and key != taint["key"]):
        return False
    if effects[1] == "noexecute" and toleration.get("tolerationSeconds") is not None:
        return False
    if operator == "Exists":
        return True
    if operator != "Equal":
        return None
    return key == taint["key"] and str(toleration.get("value") or "") == str(taint.get("value") or "")
