"""Rules on the proxy in a team's pod: it is injected, whole, as the platform configures it.

Sources: Istio, "Resource Annotations" and "Resource Labels" reference; istio/istio, the injection template
and `reapplyOverwrittenContainers`, by which a container that an author calls istio-proxy changes the injected
one.
"""

from __future__ import annotations

from collections.abc import Mapping

from egress.layers.admission.cel import literal, whole
from egress.layers.admission.injected import (
    AGENT_LEVELS,
    COMPONENT_LEVELS,
    LOG_LEVEL,
    NAMES,
    OWN_PORTS,
    STATUS,
    VOLUMES,
    Made,
)
from egress.layers.admission.injected_environment import METRICS_PATH, METRICS_PORT
from egress.layers.admission.policy import Check
from egress.settings.fences import Rule

_QUANTITY, _SWITCH = "[0-9]+([.][0-9]+)?(m|k|M|G|Ki|Mi|Gi)?", "true|false"
TUNABLE = {
    "sidecar.istio.io/proxyCPU": _QUANTITY,
    "sidecar.istio.io/proxyCPULimit": _QUANTITY,
    "sidecar.istio.io/proxyMemory": _QUANTITY,
    "sidecar.istio.io/proxyMemoryLimit": _QUANTITY,
    "sidecar.istio.io/logLevel": LOG_LEVEL,
    "sidecar.istio.io/componentLogLevel": COMPONENT_LEVELS,
    "sidecar.istio.io/agentLogLevel": AGENT_LEVELS,
    "sidecar.istio.io/rewriteAppHTTPProbers": _SWITCH,
    "prometheus.istio.io/merge-metrics": _SWITCH,
}
"""Annotations of Istio that an author may set, and their values: none changes what is redirected, or what the
proxy runs."""
METRICS = {
    "prometheus.io/port": METRICS_PORT,
    "prometheus.io/path": METRICS_PATH,
    "prometheus.io/scrape": _SWITCH,
}
"""Annotations of others that the injector hands to the proxy's agent."""

_INJECTED = [STATUS, "istio.io/rev"]
"""Annotations that injection itself leaves on a pod."""
_INJECTION = ["sidecar.istio.io/inject", "inject.istio.io/templates"]
_LABEL_VALUE = "[a-zA-Z0-9._-]{0,63}"
_LABELS = {
    "service.istio.io/canonical-name": _LABEL_VALUE,
    "service.istio.io/canonical-revision": _LABEL_VALUE,
    "service.istio.io/workload-name": _LABEL_VALUE,
    "security.istio.io/tlsMode": "istio",
    "networking.istio.io/tunnel": "http",
    "sidecar.istio.io/inject": "true",
}
"""Istio's labels that a pod may carry, and patterns for the values."""

_ISTIO_KEY = r"k.matches('^([a-z0-9.-]+[.])?istio[.]io/')"
_REDIRECTION_KEY = (
    "(k.startsWith('traffic.sidecar.istio.io/')"
    " || k in ['sidecar.istio.io/interceptionMode', 'istio.io/reroute-virtual-interfaces'])"
)
_REDIRECTS_ALL = {
    "traffic.sidecar.istio.io/includeOutboundIPRanges": "[*]",
    "traffic.sidecar.istio.io/includeInboundPorts": "[*]",
    "traffic.sidecar.istio.io/excludeInboundPorts": OWN_PORTS,
    "traffic.sidecar.istio.io/excludeOutboundIPRanges": "",
    "sidecar.istio.io/interceptionMode": "REDIRECT",
}
"""With istio-cni, injection writes what it redirects into these annotations: everything, but for its own
health ports."""

_OWNERS = {
    "name": "[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?",
    "kind": "[A-Za-z0-9]{1,63}",
    "apiVersion": "[a-z0-9./-]{1,253}",
}
"""How an owner's name, kind and API can read. The API server takes any text, and the injector writes it into
the proxy."""

_MADE = {"f:containers": NAMES, "f:initContainers": NAMES, "f:volumes": VOLUMES}
_FIELD_KEYS = {part: [f'k:{{"name":"{name}"}}' for name in made] for part, made in _MADE.items()}
"""How `managedFields` writes that somebody owns a container or volume of this name."""
_AUTHORS = "object.metadata.?managedFields.orValue([])"
_NOT_WRITTEN = (
    f"size({_AUTHORS}) > 0 && {_AUTHORS}.all(m, "
    + " && ".join(
        f"m.fieldsV1[?'f:spec'][?'{part}'].orValue({{}}).all(k, !(k in {keys}))"
        for part, keys in _FIELD_KEYS.items()
    )
    + f" && !('f:{STATUS}' in m.fieldsV1[?'f:metadata'][?'f:annotations'].orValue({{}})))"
)
_UNCHANGED = (
    f"variables.containers.all(c, !(c.name in {NAMES})"
    " || (oldObject.spec.containers + oldObject.spec.?initContainers.orValue([]))"
    ".exists(o, o.name == c.name && o.image == c.image))"
)


def _fit(patterns: Mapping[str, str], of: str) -> str:
    """CEL: the key `k` is one of these, and its value in the map `of` fits the pattern."""
    return " || ".join(
        f"(k == '{key}' && {of}[k].matches({whole(pattern)}))" for key, pattern in patterns.items()
    )


def checks(made: Made) -> tuple[Check, ...]:
    """`made`: what the stack's own injector makes."""
    owners = " && ".join(f"o.{field}.matches({whole(pattern)})" for field, pattern in _OWNERS.items())
    return (
        Check(
            Rule.PROXY_CONTAINER,
            f"Containers called {', '.join(NAMES)} and the proxy's volumes (istio-envoy and so on) are made "
            "by injection alone, "
            "and are what injection makes under the platform's values: one that an author writes, mounts or "
            "gives another image, "
            "command or right would run as the proxy, past the redirection.",
            f"variables.own.all(c, c.?volumeMounts.orValue([]).all(m, !(m.name in {VOLUMES})))"
            f" && (variables.isPod ? (request.operation == 'CREATE' ? {_NOT_WRITTEN}"
            f" && variables.made.all(c, {made.containers})"
            f" && variables.spec.?volumes.orValue([]).all(v, !(v.name in {VOLUMES}) || ({made.volumes}))"
            f" && (!('{STATUS}' in variables.annotations) || ({made.whole})) : {_UNCHANGED})"
            f" : variables.containers.all(c, !(c.name in {NAMES}))"
            f" && variables.spec.?volumes.orValue([]).all(v, !(v.name in {VOLUMES}))"
            f" && !('{STATUS}' in variables.annotations))",
        ),
        Check(
            Rule.INJECTION,
            "Every pod of a team gets the platform's proxy: no opting out, no other revision, mode or "
            "template.",
            f"variables.annotations.all(k, !(k in {_INJECTION})"
            f" || (k == '{_INJECTION[0]}' && variables.annotations[k] == 'true'))"
            f" && variables.labels.all(k, !{_ISTIO_KEY} || {_fit(_LABELS, 'variables.labels')})",
        ),
        Check(
            Rule.TRAFFIC_REDIRECTION,
            "All traffic goes through the proxy: no address, port or interface is left out.",
            f"variables.annotations.all(k, !{_REDIRECTION_KEY} || "
            f"{_fit(_REDIRECTS_ALL, 'variables.annotations')})",
        ),
        Check(
            Rule.PROXY_CONFIGURATION,
            "The proxy's image, bootstrap, volumes and configuration are the platform's; of Istio's "
            "annotations an author may "
            f"set {', '.join(TUNABLE)}, each to a plain value, and prometheus.io/port and path to a port and "
            "a path. Names, "
            "kinds and APIs of owners are written into the proxy's configuration, so they look like such.",
            f"variables.annotations.all(k, (!{_ISTIO_KEY} || {_REDIRECTION_KEY} || k in {_INJECTION}"
            f" || {_fit(TUNABLE, 'variables.annotations')} || (variables.isPod && k == '{STATUS}')"
            " || (variables.isPod && k == 'istio.io/rev' && "
            "variables.annotations[k].matches('^[a-z0-9-]{0,63}$')))"
            f" && (!(k in {literal(list(METRICS))}) || {_fit(METRICS, 'variables.annotations')}))"
            f" && (!variables.isPod || object.metadata.?ownerReferences.orValue([]).all(o, {owners}))",
        ),
    )
