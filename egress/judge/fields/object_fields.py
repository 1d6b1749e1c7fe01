"""Fields of Kubernetes' and Istio's objects that decide nothing about who reaches what, each with its reason.

Whatever is neither here nor in shapes.py is not understood. tests/judge/test_every_field.py takes every field
of the pinned CustomResourceDefinitions and holds that it is read (some answer changes with it), here, or not
understood.
Source: Kubernetes API reference; Istio reference, each kind's page.
"""

from __future__ import annotations

from collections.abc import Mapping

from egress.judge.fields.accepted import Accepted

_POOLS = "how many connections there are, and to which of equal endpoints"
_OFTEN = "how often and how long is tried"
_WORDS = "a name for readers"
_POLICIES = ("trafficPolicy", "subsets.trafficPolicy")
HARMLESS: Mapping[str, Mapping[str, str]] = {
    "DestinationRule": {
        f"{policy}{level}.{field}": _POOLS
        for policy in _POLICIES
        for level in ("", ".portLevelSettings")
        for field in (
            *("connectionPool.tcp", "connectionPool.http", "outlierDetection"),
            *(
                f"loadBalancer.{name}"
                for name in ("consistentHash", "localityLbSetting", "warmup", "warmupDurationSecs")
            ),
        )
    },
    "VirtualService": {
        **dict.fromkeys(("http.retries", "http.timeout"), _OFTEN),
        **dict.fromkeys(("http.name", "http.match.name"), _WORDS),
        **dict.fromkeys(
            ("http.headers.response", "http.route.headers.response"), "what the app is told with an answer"
        ),
    },
    "ServiceEntry": {
        **dict.fromkeys(("endpoints.weight", "endpoints.locality"), _POOLS),
        "ports.name": "a ServiceEntry says the protocol by itself",
    },
    "Gateway": dict.fromkeys(("servers.name", "servers.port.name"), _WORDS),
    "Service": {
        **dict.fromkeys(
            ("publishNotReadyAddresses", "sessionAffinity", "sessionAffinityConfig", "trafficDistribution"),
            "which of the pods behind it is taken",
        ),
        **dict.fromkeys(("ipFamilies", "ipFamilyPolicy"), "which addresses of the cluster's it has"),
        **dict.fromkeys(
            ("allocateLoadBalancerNodePorts", "healthCheckNodePort", "loadBalancerIP"),
            "by which way what a load balancer takes comes to the pods; from where it takes anything is read",
        ),
    },
    "ValidatingAdmissionPolicy": {
        **dict.fromkeys(
            (f"validations.{name}" for name in ("message", "messageExpression", "reason")),
            "what whoever is refused is told",
        ),
        "auditAnnotations": "what the audit log holds beside the decision; one that fails refuses more",
    },
    "ProxyConfig": {"concurrency": "how many threads a proxy has"},
    "Telemetry": dict.fromkeys(("accessLogging", "metrics", "selector"), "what is measured and logged"),
}
"""By kind, below `spec`. Below a field everything is meant."""
_BALANCED = ("LEAST_CONN", "LEAST_REQUEST", "RANDOM", "ROUND_ROBIN", "UNSPECIFIED")
"""Each to one of the endpoints that there are; PASSTHROUGH goes to whatever address the client had asked
for."""
ONLY: Mapping[str, Mapping[str, tuple[object, ...]]] = {
    "Service": {"internalTrafficPolicy": ("Cluster",)},
    "DestinationRule": {
        f"{policy}{level}.loadBalancer.simple": _BALANCED
        for policy in _POLICIES
        for level in ("", ".portLevelSettings")
    },
    # Proxies of the mesh and whatever clients there are today speak one of these.
    "Gateway": {"servers.tls.maxProtocolVersion": ("TLS_AUTO", "TLSV1_2", "TLSV1_3")},
    "ServiceEntry": {"location": ("MESH_EXTERNAL",)},
}
"""By kind: fields that are understood with these values alone. What is empty or false is as good as
absent."""
ACCEPTED: Mapping[str, Accepted] = {
    kind: Accepted(HARMLESS.get(kind, {}), ONLY.get(kind))
    for kind in (*HARMLESS, "PeerAuthentication", "Sidecar")
}
