"""An API server with the stack's policies that asks istiod to inject, and what injection makes of a pod."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from egress.common.objects import Object
from egress.layers.admission.injected import NAMES, VOLUMES
from egress.layers.render import render
from egress.plan.model import Plan
from egress.settings.fences import Rule
from tests.apiserver import injector
from tests.apiserver.people import ANN, GROUPS, Answer, Api, Person
from tests.apiserver.stage import DRY
from tests.apiserver.workloads import in_kind, pod_template, spec
from tests.layers.receiving import INGRESS, MYSQL
from tests.support import config_with, plan_of

JSON = dict[str, Any]
UNFENCED = "no-team"
"""A namespace whose pods the injector sees and no policy does. It shows what an attack does where nothing
refuses it."""
ADMIN = None


def with_fences(mesh: JSON, relaxed: dict[str, str] | None = None) -> Plan:
    """A stack in which a partner connects to a team, so that both kinds of gateways are there."""
    config = config_with("fences", {"contact": "#platform", "groups": GROUPS, "relaxed": relaxed or {}})
    config["gke-mesh-egress:cluster"]["securityGroup"] = "gke-security-groups@example.com"
    config |= {"gke-mesh-egress:mesh": mesh, "gke-mesh-egress:ingress": INGRESS}
    config["gke-mesh-egress:teams"]["team-y"]["receives"] = {"mysql": MYSQL}
    return plan_of(config)


def redirected_by_init_container() -> Plan:
    """Without Pod Security, and so without istio-cni."""
    return with_fences({}, {"pod-security": "the policies are tried alone"})


def redirected_by_node() -> Plan:
    """With Pod Security, and so with istio-cni. The namespace's label is removed: Pod Security would refuse
    first."""
    return with_fences({})


def another_version() -> Plan:
    """A version whose injector is not recorded: its pods are judged by what all of Istio's injectors have in
    common."""
    return with_fences({"istio": {"version": "1.31.3"}})


FORMS = {
    "init": (redirected_by_init_container, "false"),
    "cni": (redirected_by_node, "false"),
    "native": (redirected_by_node, "true"),
    "another version": (another_version, "false"),
}
"""How pods are injected: the plan, and whether the proxy is a native sidecar, as on clusters where every node
supports these."""


@dataclass(frozen=True)
class Real:
    """An API server with the stack's policies and roles, which asks istiod to inject."""

    form: str
    plan: Plan
    api: Api
    template: str

    def create(
        self, template: JSON, *, namespace: str = "team-x", kind: str = "Pod", person: Person | None = ANN
    ) -> Answer:
        path, manifest = in_kind(kind, template, "case", namespace)
        return self.api.ask("POST", path + DRY, manifest, person=person)


def gateways(plan: Plan) -> list[Object]:
    """The Deployments that the platform runs in namespaces of its own."""
    teams = [team.name for team in plan.teams]
    return [item for item in render(plan) if item.kind == "Deployment" and item.namespace not in teams]


def pod(*changes: Any) -> JSON:
    template = pod_template()
    for change in changes:
        change(template)
    return template


host_network = spec(hostNetwork=True)
BETWEEN_THE_LINES = (
    "misc:error\n  initContainers:\n  - name: more\n    image: more\n    restartPolicy: Always\n    args:"
)


def names_of(answer: Answer) -> list[str]:
    found: JSON = answer.body.get("spec", {})
    return [
        container["name"] for container in (*found.get("initContainers", []), *found.get("containers", []))
    ]


def made(answer: Answer) -> JSON:
    """Everything that injection added to a pod: by its part of the pod, then by name."""
    found: JSON = answer.body["spec"]
    parts = {part: {item["name"]: item for item in found.get(part, [])} for part in injector.LISTS}
    wanted = {"containers": NAMES, "initContainers": NAMES, "volumes": VOLUMES}
    return {
        part: {name: item for name, item in items.items() if name in wanted[part]}
        for part, items in parts.items()
    }


TOLD = {
    "ISTIO_META_POD_PORTS",
    "ISTIO_META_APP_CONTAINERS",
    "ISTIO_META_WORKLOAD_NAME",
    "ISTIO_META_OWNER",
    "ISTIO_KUBE_APP_PROBERS",
    "ISTIO_PROMETHEUS_ANNOTATIONS",
}
"""Variables that tell a proxy about its own pod. They say what the pod's author asked for."""
_LEVEL = re.compile(r"(--proxyLogLevel|--proxyComponentLogLevel|--log_output_level)=[a-zA-Z0-9_:,-]+")
_AMOUNT = re.compile(r"[0-9.]+[a-zA-Z]*")


def but_for_what_was_asked(found: JSON) -> JSON:
    """Without TOLD, and without amounts and log levels that an author may choose, if they are plain words."""
    found = json.loads(json.dumps(found))
    for container in (*found["containers"].values(), *found["initContainers"].values()):
        container["args"] = [_LEVEL.sub(r"\1", argument) for argument in container["args"]]
        container["env"] = [variable for variable in container.get("env", []) if variable["name"] not in TOLD]
        amounts: list[str] = [amount for by in container["resources"].values() for amount in by.values()]
        container["resources"] = [amount for amount in amounts if not _AMOUNT.fullmatch(amount)]
    return found


def harm(real: Real, template: JSON, plain: JSON) -> str:
    """What an attack that was admitted changed in the proxy; empty if it changed nothing."""
    answer = real.create(template)
    if answer.status != 201:
        return ""
    before, now = but_for_what_was_asked(plain), but_for_what_was_asked(made(answer))
    asked = template["metadata"]
    return (
        ""
        if now == before
        else f"{asked} "
        f"{[(part, name) for part in now for name in now[part] if now[part][name] != before[part].get(name)]}"
    )


def refusing(answer: Answer) -> bool:
    """Whether one of the stack's own rules refused it."""
    return any(f"{rule}: " in answer.message for rule in Rule)
