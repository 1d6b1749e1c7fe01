"""What Istio's injector makes of a pod under this stack's values, as CEL that is true of it and of nothing
else.

Containers are judged by what they are, not by who wrote them: Istio's template writes annotations, labels and
owners' names between the lines of a YAML text, so whoever gets a line break through makes the injector write
what he likes - also over the annotation that it came by. Only the result cannot lie.

Source: istio/istio 1.30, manifests/charts/istio-control/istio-discovery/files/injection-template.yaml and
pkg/kube/inject; tests/apiserver/test_injection.py holds it against istiod's own webhook.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from egress.common import names
from egress.layers.admission.cel import literal, whole
from egress.layers.admission.injected_environment import environment, of_the_pod
from egress.layers.mesh.mesh_config import mesh_config, redirected_by_node
from egress.plan.model import Plan

UID = 1337
"""User and group of Istio's proxy: iptables redirects everything but what comes from it."""
NAMES = ["istio-proxy", "istio-init", "istio-validation", "enable-core-dump"]
"""Containers that Istio's injector may make; the last one never under values of this stack."""
VOLUMES = [
    "istio-envoy",
    "istio-data",
    "istio-podinfo",
    "istio-token",
    "istiod-ca-cert",
    "istio-ca-crl",
    "istio-certs",
    "workload-socket",
    "workload-certs",
    "credential-socket",
    "custom-bootstrap-volume",
    "gke-workload-certificate",
    "lightstep-certs",
]
"""Volumes that injection may make; in one of them lies the configuration that the proxy starts with."""
KNOWN_FORM = "1.30."
"""Versions whose injector is known whole, by comparison with istiod itself."""
STATUS = "sidecar.istio.io/status"
"""The annotation that injection leaves on a pod after everything else."""
LOG_LEVEL = "trace|debug|info|warning|warn|error|critical|off"
COMPONENT_LEVELS = r"[a-z0-9_]+:[a-z]+(,[a-z0-9_]+:[a-z]+)*"
AGENT_LEVELS = r"[a-zA-Z0-9_-]+(:[a-z]+)?(,[a-zA-Z0-9_-]+(:[a-z]+)?)*"
OWN_PORTS = r"((15020|15021|15090)(,(15020|15021|15090))*)?"
"""Ports of the proxy's own that stay out of the redirection; what they serve is health and metrics."""
_TOKEN_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where the API server mounts an account's token in every container of a pod, the proxy's too."""
_PLAIN = ["name", "image", "args", "env", "resources", "securityContext"]
_DEFAULTED = ["terminationMessagePath", "terminationMessagePolicy", "imagePullPolicy"]
_PROXY_FIELDS = [
    *_PLAIN,
    *_DEFAULTED,
    "ports",
    "volumeMounts",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
    "restartPolicy",
]
_PROBE_FIELDS = [
    "httpGet",
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
]
_MOUNTS = {
    "workload-socket": "/var/run/secrets/workload-spiffe-uds",
    "credential-socket": "/var/run/secrets/credential-uds",
    "workload-certs": "/var/run/secrets/workload-spiffe-credentials",
    "istiod-ca-cert": "/var/run/secrets/istio",
    "istio-ca-crl": "/var/run/secrets/istio/crl",
    "istio-data": "/var/lib/istio/data",
    "istio-envoy": "/etc/istio/proxy",
    "istio-token": "/var/run/secrets/tokens",
    "istio-podinfo": "/etc/istio/pod",
}
AUDIENCE = "istio-ca"
"""For whom a token must be made that istiod takes for a proxy's."""
ROOT, REVOKED = "istio-ca-root-cert", "istio-ca-crl"
"""ConfigMaps in each namespace by which a proxy knows its control plane; istiod writes them."""


def _volumes() -> list[dict[str, Any]]:
    def field(path: str) -> dict[str, Any]:
        return {"path": path, "fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.{path}"}}

    token = {"serviceAccountToken": {"audience": AUDIENCE, "expirationSeconds": 43200, "path": "istio-token"}}
    mode = 0o644
    return [
        *(
            {"name": name, "emptyDir": {}}
            for name in ("workload-socket", "credential-socket", "workload-certs", "istio-data")
        ),
        {"name": "istio-envoy", "emptyDir": {"medium": "Memory"}},
        {
            "name": "istio-podinfo",
            "downwardAPI": {"items": [field("labels"), field("annotations")], "defaultMode": mode},
        },
        {"name": "istio-token", "projected": {"sources": [token], "defaultMode": mode}},
        {"name": "istiod-ca-cert", "configMap": {"name": ROOT, "defaultMode": mode}},
        {"name": "istio-ca-crl", "configMap": {"name": REVOKED, "defaultMode": mode, "optional": True}},
    ]


@dataclass(frozen=True)
class Made:
    """What is known of the injector's work, as CEL.

    Args:
        containers: of `c`, a container of one of NAMES.
        volumes: of `v`, a volume of one of VOLUMES.
        whole: of the pod that injection said it was done with; every container that there has to be is there.
        variables: what the others need.
    """

    containers: str
    volumes: str
    whole: str
    variables: Mapping[str, str]


def made(plan: Plan) -> Made:
    """By the stack's own injector."""
    if plan.in_cluster_mesh and plan.settings.mesh.chart.version.startswith(KNOWN_FORM):
        return _known(plan)
    return _roughly(plan)


def image(plan: Plan) -> str:
    return f"{plan.mesh_hub}/proxyv2:{plan.settings.mesh.chart.version}"


def _known(plan: Plan) -> Made:
    first = "istio-validation" if redirected_by_node(plan) else "istio-init"
    config = mesh_config(plan)["defaultConfig"]
    added: Mapping[str, str] = config.get("proxyMetadata", {})
    variables = {
        "madeVolumes": literal(_volumes()),
        "madeMounts": literal([{"name": name, "mountPath": path} for name, path in _MOUNTS.items()]),
        "madeEnvironment": literal(environment(added)),
        "firstEnvironment": literal([{"name": name, "value": value} for name, value in added.items()]),
    }
    return Made(
        containers=f"c.name == 'istio-proxy' ? ({_proxy(plan, config)}) : c.name == '{first}' && "
        f"{_first(plan, first)}",
        volumes="v in variables.madeVolumes",
        whole=_present([first]),
        variables=variables,
    )


def _present(first: list[str]) -> str:
    initial = f"variables.spec.?initContainers.orValue([]).exists_one(c, c.name in {literal(first)})"
    return f"variables.containers.exists_one(c, c.name == 'istio-proxy') && {initial}"


def _security(**more: Any) -> dict[str, Any]:
    return {
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "runAsUser": UID,
        "runAsGroup": UID,
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "seccompProfile": {"type": "RuntimeDefault"},
    } | more


def _common(fields: list[str], plan: Plan, security: Mapping[str, Any]) -> list[str]:
    return [
        f"c.all(k, k in {literal(fields)})",
        f"c.image == {literal(image(plan))}",
        f"c.securityContext == {literal(security)}",
        "!has(c.resources.claims)",
        "c.?terminationMessagePath.orValue('') == '/dev/termination-log'",
    ]


def _arguments(*words: str | re.Pattern[str]) -> str:
    """The arguments are these, in this order; a pattern stands for one that fits it as a whole."""
    each = (
        f"c.args[{at}] == {literal(word)}"
        if isinstance(word, str)
        else f"c.args[{at}].matches({whole(word.pattern)})"
        for at, word in enumerate(words)
    )
    return f"size(c.args) == {len(words)} && " + " && ".join(each)


def _first(plan: Plan, name: str) -> str:
    """The init container that sets up the redirection, or the one that checks that the node did."""
    root = {"runAsUser": 0, "runAsGroup": 0, "runAsNonRoot": False, "readOnlyRootFilesystem": False}
    checks_only = name == "istio-validation"
    added = {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]}}
    words = (
        "istio-iptables",
        "-p",
        "15001",
        "-z",
        "15006",
        "-u",
        str(UID),
        "-m",
        "REDIRECT",
        "-i",
        "*",
        "-x",
        "",
        "-b",
        "*",
    )
    level = re.compile(f"--log_output_level=({AGENT_LEVELS})")
    last = ("--run-validation", "--skip-rule-apply") if checks_only else ()
    return " && ".join(
        (
            *_common(
                [*_PLAIN, *_DEFAULTED], plan, _security() if checks_only else _security(**root, **added)
            ),
            _arguments(*words, "-d", re.compile(f"15090,15021(,{OWN_PORTS})?"), level, *last),
            "c.?env.orValue([]) == variables.firstEnvironment",
        )
    )


def _proxy(plan: Plan, config: Mapping[str, Any]) -> str:
    ends = [
        {"postStart": {"exec": {"command": ["pilot-agent", "wait"]}}},
        {"preStop": {"exec": {"command": ["pilot-agent", "request", "--debug-port=15020", "POST", "drain"]}}},
    ]
    probe = "p.all(k, k in {}) && p.httpGet == {}".format(
        literal(_PROBE_FIELDS), literal({"path": "/healthz/ready", "port": 15021, "scheme": "HTTP"})
    )
    token = (
        f"m.mountPath == '{_TOKEN_MOUNT}' && m.?readOnly.orValue(false) && m.all(k, k in ['name', "
        "'mountPath', 'readOnly'])"
    )
    return " && ".join(
        (
            *_common(_PROXY_FIELDS, plan, _security()),
            _arguments(
                "proxy",
                "sidecar",
                "--domain",
                "$(POD_NAMESPACE).svc.cluster.local",
                re.compile(f"--proxyLogLevel=({LOG_LEVEL})"),
                re.compile(f"--proxyComponentLogLevel=({COMPONENT_LEVELS})"),
                re.compile(f"--log_output_level=({AGENT_LEVELS})"),
            ),
            f"c.env.all(e, e in variables.madeEnvironment || ({of_the_pod(config)}))",
            "variables.madeEnvironment.all(e, e in c.env) && c.env.exists(e, e.name == 'PROXY_CONFIG')",
            f"c.volumeMounts.all(m, m in variables.madeMounts || ({token}))",
            "variables.madeMounts.all(m, m in c.volumeMounts)",
            f"c.ports == {literal([{'name': 'http-envoy-prom', 'containerPort': 15090, 'protocol': 'TCP'}])}",
            f"[c.?readinessProbe, c.?startupProbe].all(o, !o.hasValue() || [o.value()].all(p, {probe}))",
            f"c.lifecycle in {literal(ends)}",
            "c.?restartPolicy.orValue('Always') == 'Always'",
        )
    )


def _roughly(plan: Plan) -> Made:
    """What holds for every injector of Istio's kind: nothing else than the agent is run, with no more rights
    than it needs.

    Images are named where the stack names them; those of managed Cloud Service Mesh are Google's to choose,
    and not published.
    """
    wanted = ["istio-proxy", "istio-init", "istio-validation"]
    own = ["istio-init", "istio-validation"]
    ends = (
        "[c.?lifecycle.?preStop, c.?lifecycle.?postStart].all(o, !o.hasValue() || "
        "o.value().exec.command[0] == 'pilot-agent')"
    )
    probes = (
        "[c.?readinessProbe, c.?startupProbe, c.?livenessProbe].all(o, !o.hasValue() || "
        "has(o.value().httpGet))"
    )
    runs = (
        "c.name == 'istio-proxy' ? c.args[0] == 'proxy' && c.args[1] == 'sidecar' : c.args[0] == "
        "'istio-iptables'"
    )
    loads = "e.name.startsWith('LD_') || e.name in ['ISTIO_BOOTSTRAP_OVERRIDE', 'BASH_ENV']"
    kinds = literal(["name", "emptyDir", "downwardAPI", "projected", "configMap", "secret", "csi"])
    named = [f"c.image == {literal(image(plan))}"] if plan.in_cluster_mesh else []
    containers = [
        f"c.name in {literal(wanted)}",
        *named,
        f"({runs})",
        "!has(c.command) && !has(c.envFrom) && !has(c.workingDir)",
        f"c.?env.orValue([]).all(e, !({loads}))",
        f"c.?volumeMounts.orValue([]).all(m, m.name in {literal(VOLUMES)} || m.mountPath == "
        f"'{_TOKEN_MOUNT}')",
        ends,
        probes,
    ]
    volumes = (
        f"v.all(k, k in {kinds}) && v.?configMap.?name.orValue('{ROOT}') in {literal([ROOT, REVOKED])}"
        " && v.?csi.?driver.orValue('') in ['', 'workloadcertificates.security.cloud.google.com']"
    )
    return Made(" && ".join(containers), volumes, _present(own), {})


def control_plane_account() -> str:
    return f"system:serviceaccount:{names.MESH_NAMESPACE}:istiod"
