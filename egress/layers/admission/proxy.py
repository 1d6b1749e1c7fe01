"""Rules on the proxy in a team's pod: it is injected, whole, as the platform configures it.

Sources: Istio, "Resource Annotations" and "Resource Labels" reference; istio/istio, the injection template and
`reapplyOverwrittenContainers`, by which a container that an author calls istio-proxy changes the injected one.
"""

from __future__ import annotations

from egress.layers.admission.policy import Check
from egress.settings.fences import Rule

UID = 1337
"""User and group of Istio's proxy: iptables redirects everything but what comes from it."""
NAMES = ["istio-proxy", "istio-init", "istio-validation", "enable-core-dump"]
"""Containers that injection makes, in every flavor of the mesh."""
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
]
"""Volumes that injection makes; in one of them lies the configuration that the proxy starts with."""
TUNABLE = [
    "sidecar.istio.io/proxyCPU",
    "sidecar.istio.io/proxyCPULimit",
    "sidecar.istio.io/proxyMemory",
    "sidecar.istio.io/proxyMemoryLimit",
    "sidecar.istio.io/logLevel",
    "sidecar.istio.io/componentLogLevel",
    "sidecar.istio.io/agentLogLevel",
    "sidecar.istio.io/rewriteAppHTTPProbers",
    "prometheus.istio.io/merge-metrics",
]
"""Annotations of Istio that an author may set: none of them changes what is redirected, or what the proxy runs."""

_INJECTED = ["sidecar.istio.io/status", "istio.io/rev"]
"""Annotations that injection itself leaves on a pod."""
_INJECTION = ["sidecar.istio.io/inject", "inject.istio.io/templates"]
_LABELS = {
    "service.istio.io/canonical-name": "true",
    "service.istio.io/canonical-revision": "true",
    "service.istio.io/workload-name": "true",
    "security.istio.io/tlsMode": "variables.labels[k] == 'istio'",
    "networking.istio.io/tunnel": "variables.labels[k] == 'http'",
    "sidecar.istio.io/inject": "variables.labels[k] == 'true'",
}
"""Istio's labels that a pod may carry, and CEL for the values."""

_ISTIO_KEY = r"k.matches('^([a-z0-9.-]+[.])?istio[.]io/')"
_REDIRECTION_KEY = (
    "(k.startsWith('traffic.sidecar.istio.io/')"
    " || k in ['sidecar.istio.io/interceptionMode', 'istio.io/reroute-virtual-interfaces'])"
)
# With istio-cni, injection writes what it redirects into these annotations: everything, but for its own health ports.
_REDIRECTS_ALL = (
    "k in ['traffic.sidecar.istio.io/includeOutboundIPRanges', 'traffic.sidecar.istio.io/includeInboundPorts']"
    " ? variables.annotations[k] == '*'"
    " : k == 'traffic.sidecar.istio.io/excludeInboundPorts'"
    " ? variables.annotations[k].matches('^((15020|15021|15090),?)*$')"
    " : k == 'sidecar.istio.io/interceptionMode' ? variables.annotations[k] == 'REDIRECT'"
    " : k == 'traffic.sidecar.istio.io/includeOutboundPorts' || variables.annotations[k] == ''"
)

_MADE = {"f:containers": NAMES, "f:initContainers": NAMES, "f:volumes": VOLUMES}
_FIELD_KEYS = {part: [f'k:{{"name":"{name}"}}' for name in made] for part, made in _MADE.items()}
"""How `managedFields` writes that somebody owns a container or volume of this name."""
_AUTHORS = "object.metadata.?managedFields.orValue([])"
_NOT_WRITTEN = (
    f"size({_AUTHORS}) > 0 && {_AUTHORS}.all(m, "
    + " && ".join(f"m.fieldsV1[?'f:spec'][?'{part}'].orValue({{}}).all(k, !(k in {keys}))" for part, keys in _FIELD_KEYS.items())
    + f" && !('f:{_INJECTED[0]}' in m.fieldsV1[?'f:metadata'][?'f:annotations'].orValue({{}})))"
)
_UNCHANGED = (
    f"variables.containers.all(c, !(c.name in {NAMES})"
    " || (oldObject.spec.containers + oldObject.spec.?initContainers.orValue([]))"
    ".exists(o, o.name == c.name && o.image == c.image))"
)

CHECKS = (
    Check(
        Rule.PROXY_CONTAINER,
        f"Containers called {', '.join(NAMES)} and the proxy's volumes (istio-envoy and so on) are made by injection alone: one "
        "that an author writes, mounts or gives another image would run as the proxy, past the redirection.",
        f"variables.own.all(c, c.?volumeMounts.orValue([]).all(m, !(m.name in {VOLUMES})))"
        f" && (variables.isPod ? (request.operation == 'CREATE' ? {_NOT_WRITTEN} : {_UNCHANGED})"
        f" : variables.containers.all(c, !(c.name in {NAMES}))"
        f" && variables.spec.?volumes.orValue([]).all(v, !(v.name in {VOLUMES}))"
        f" && !('{_INJECTED[0]}' in variables.annotations))",
    ),
    Check(
        Rule.INJECTION,
        "Every pod of a team gets the platform's proxy: no opting out, no other revision, mode or template.",
        f"variables.annotations.all(k, !(k in {_INJECTION}) || (k == '{_INJECTION[0]}' && variables.annotations[k] == 'true'))"
        f" && variables.labels.all(k, !{_ISTIO_KEY} || "
        + " || ".join(f"(k == '{key}' && {accepts})" for key, accepts in _LABELS.items())
        + ")",
    ),
    Check(
        Rule.TRAFFIC_REDIRECTION,
        "All traffic goes through the proxy: no address, port or interface is left out.",
        f"variables.annotations.all(k, !{_REDIRECTION_KEY} || ({_REDIRECTS_ALL}))",
    ),
    Check(
        Rule.PROXY_CONFIGURATION,
        "The proxy's image, bootstrap, volumes and configuration are the platform's; of Istio's annotations an author may set "
        f"{', '.join(TUNABLE)}.",
        f"variables.annotations.all(k, !{_ISTIO_KEY} || {_REDIRECTION_KEY} || k in {_INJECTION + TUNABLE}"
        f" || (variables.isPod && k in {_INJECTED}))",
    ),
)
