"""A team's pod, every kind of object that can carry it, and ways to change it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from egress.settings.fences import Rule

JSON = dict[str, Any]
POOL = "cloud.google.com/gke-nodepool"


def pod_template() -> JSON:
    """What a team's pod looks like when it breaks no rule."""
    return {
        "metadata": {"labels": {"app": "shop"}},
        "spec": {
            "serviceAccountName": "test",
            "securityContext": {"runAsUser": 1000, "runAsGroup": 1000},
            "containers": [container("shop")],
        },
    }


def container(name: str, **more: Any) -> JSON:
    return {
        "name": name,
        "image": "registry.example/shop:1",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        **more,
    }


def in_kind(kind: str, template: JSON, name: str = "case", namespace: str = "team-x") -> tuple[str, JSON]:
    """The collection's path and an object of this kind that carries the template."""
    template = copy.deepcopy(template)
    meta = {"name": name, "namespace": namespace}
    labels = template["metadata"].get("labels", {})
    if kind == "Pod":
        found = {**template, "metadata": {**template["metadata"], **meta}}
        return f"/api/v1/namespaces/{namespace}/pods", {"apiVersion": "v1", "kind": kind, **found}
    if kind == "PodTemplate":
        made = {"apiVersion": "v1", "kind": kind, "metadata": meta, "template": template}
        return f"/api/v1/namespaces/{namespace}/podtemplates", made
    if kind in ("Job", "CronJob"):
        template["spec"]["restartPolicy"] = "Never"
        spec: JSON = {"template": template}
        if kind == "CronJob":
            spec = {"schedule": "0 3 * * *", "jobTemplate": {"spec": spec}}
        made = {"apiVersion": "batch/v1", "kind": kind, "metadata": meta, "spec": spec}
        return f"/apis/batch/v1/namespaces/{namespace}/{kind.lower()}s", made
    selector: JSON = {"app": labels.get("app", "shop")}
    version = "v1" if kind == "ReplicationController" else "apps/v1"
    spec = {"selector": selector if version == "v1" else {"matchLabels": selector}, "template": template}
    if kind == "StatefulSet":
        spec["serviceName"] = "shop"
    root = f"/api/v1/namespaces/{namespace}" if version == "v1" else f"/apis/apps/v1/namespaces/{namespace}"
    return f"{root}/{kind.lower()}s", {"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec}


KINDS = (
    "Pod",
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "ReplicationController",
    "Job",
    "CronJob",
    "PodTemplate",
)


@dataclass(frozen=True)
class Case:
    """A change to a pod that breaks no rule. `rule` is the one that then refuses it; None if it is
    accepted."""

    name: str
    change: Callable[[JSON], None]
    rule: Rule | None = None

    def template(self) -> JSON:
        made = pod_template()
        self.change(made)
        return made


def spec(**fields: Any) -> Callable[[JSON], None]:
    return lambda template: template["spec"].update(copy.deepcopy(fields))


def in_container(**fields: Any) -> Callable[[JSON], None]:
    return lambda template: template["spec"]["containers"][0].update(copy.deepcopy(fields))


def security(**fields: Any) -> Callable[[JSON], None]:
    return lambda template: template["spec"]["containers"][0]["securityContext"].update(copy.deepcopy(fields))


def annotation(key: str, value: str) -> Callable[[JSON], None]:
    return lambda template: template["metadata"].setdefault("annotations", {}).update({key: value})


def label(key: str, value: str) -> Callable[[JSON], None]:
    return lambda template: template["metadata"]["labels"].update({key: value})


def init(**fields: Any) -> Callable[[JSON], None]:
    return spec(initContainers=[container("prepare", **fields)])


def extra(name: str) -> Callable[[JSON], None]:
    return lambda template: template["spec"]["containers"].append(container(name))


def required(*terms: JSON) -> Callable[[JSON], None]:
    terms_of = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    return spec(affinity={"nodeAffinity": terms_of})


def preferred(term: JSON) -> Callable[[JSON], None]:
    weighted = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": term}]}
    return spec(affinity={"nodeAffinity": weighted})


def pools(operator: str, *names: str) -> JSON:
    return {
        "matchExpressions": [
            {"key": POOL, "operator": operator, **({"values": list(names)} if names else {})}
        ]
    }


def without_identity(template: JSON) -> None:
    del template["spec"]["securityContext"]


def volume(kind: str, **source: Any) -> Callable[[JSON], None]:
    return spec(volumes=[{"name": "data", kind: source}])
