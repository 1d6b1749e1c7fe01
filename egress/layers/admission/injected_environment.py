"""Variables that Istio's injector gives to the proxy of a pod: those known beforehand, and those that differ
from pod to pod.

Source: as of injected.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from egress.layers.admission.cel import literal, whole

METRICS_PORT, METRICS_PATH = "[0-9]{0,5}", r"(/([a-zA-Z0-9._~/?=%:,;+-]|&)*)?"
"""Where the agent fetches the application's metrics: as `http://localhost:` port path, so neither may hold an
`@`."""
_CONTROL_PLANE = "istiod.istio-system.svc:15012"
_OF_THE_POD = {
    "ISTIO_META_POD_PORTS": None,
    "ISTIO_META_APP_CONTAINERS": "[a-z0-9,-]*",
    "ISTIO_META_WORKLOAD_NAME": "[a-zA-Z0-9._-]+",
    "ISTIO_META_OWNER": (
        r"kubernetes://apis/[a-zA-Z0-9.-]+(/[a-zA-Z0-9.-]+)?/namespaces/[a-z0-9-]+/[a-z0-9]+/[a-zA-Z0-9.-]+"
    ),
    "ISTIO_KUBE_APP_PROBERS": None,
    "ISTIO_PROMETHEUS_ANNOTATIONS": (
        rf'\{{"scrape":"(true|false)?","path":"{METRICS_PATH}","port":"{METRICS_PORT}"\}}'.replace(
            "&", r"\\u0026"
        )
    ),
}
"""Variables that tell the proxy of its own pod, and a pattern for the value. Without one any value does: the
ports and probes that the author wrote, as JSON, which the proxy asks of its own pod alone."""


def environment(added: Mapping[str, str]) -> list[dict[str, Any]]:
    """Variables whose value is known beforehand; `added` is what the mesh's configuration gives to every
    proxy."""
    values = {
        "PILOT_CERT_PROVIDER": "istiod",
        "CA_ADDR": _CONTROL_PLANE,
        "ISTIO_META_CLUSTER_ID": "Kubernetes",
        "ISTIO_META_INTERCEPTION_MODE": "REDIRECT",
        "ISTIO_META_MESH_ID": "cluster.local",
        "TRUST_DOMAIN": "cluster.local",
        **added,
    }
    fields = {
        "POD_NAME": "metadata.name",
        "POD_NAMESPACE": "metadata.namespace",
        "INSTANCE_IP": "status.podIP",
        "SERVICE_ACCOUNT": "spec.serviceAccountName",
        "HOST_IP": "status.hostIP",
        "ISTIO_META_NODE_NAME": "spec.nodeName",
    }
    limits = {"ISTIO_CPU_LIMIT": "limits.cpu", "GOMEMLIMIT": "limits.memory", "GOMAXPROCS": "limits.cpu"}
    return [
        *({"name": name, "value": value} for name, value in values.items()),
        *(
            {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}
            for name, path in fields.items()
        ),
        *(
            {"name": name, "valueFrom": {"resourceFieldRef": {"resource": resource, "divisor": "1"}}}
            for name, resource in limits.items()
        ),
    ]


def of_the_pod(config: Mapping[str, Any]) -> str:
    """Variables whose value differs from pod to pod, of `e`."""
    fits = " || ".join(
        f"(e.name == '{name}' && e.value.matches({whole(pattern)}))"
        for name, pattern in _OF_THE_POD.items()
        if pattern
    )
    free = [name for name, pattern in _OF_THE_POD.items() if pattern is None]
    return (
        "e.all(k, k in ['name', 'value']) && has(e.value) && ("
        # The JSON that protobuf writes may have blanks anywhere between its words, and ours has none within
        # them.
        "(e.name == 'PROXY_CONFIG' && e.value.replace(' ', '').replace('\\n', '') == "
        f"{literal(_proxy_config(config))})"
        f" || e.name in {literal(free)} || {fits})"
    )


_ORDER = ["proxyMetadata", "holdApplicationUntilProxyStarts", "proxyHeaders"]
_ORDER_OF_HEADERS = ["server", "attemptCount", "envoyDebugHeaders"]


def _proxy_config(config: Mapping[str, Any]) -> str:
    """The proxy's configuration as the injector writes it: fields in the order of Istio's definition."""

    def ordered(fields: Mapping[str, Any], order: list[str]) -> dict[str, Any]:
        return dict(sorted(fields.items(), key=lambda field: order.index(field[0])))

    written = ordered(config, _ORDER)
    written["proxyHeaders"] = ordered(config["proxyHeaders"], _ORDER_OF_HEADERS)
    return json.dumps(written, separators=(",", ":"))
