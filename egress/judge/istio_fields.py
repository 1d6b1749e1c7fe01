"""Fields of Istio's objects that no judge reads and that decide nothing about who reaches what, each with its reason.

Whatever is neither here nor in shapes.py is not understood. tests/unit/test_fields.py takes every field of the pinned
CustomResourceDefinitions and holds that it is read (some answer changes with it), here, or not understood.
Source: Istio reference, each kind's page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from egress.judge.fields import Accepted

CONDITIONS = re.compile(
    r"connection\.sni|destination\.(?:port|ip)|request\.headers\[.+\]|source\.(?:principal|namespace|serviceAccount|trustDomain)"
)
"""Conditions of an AuthorizationPolicy that its judge reads; the others are the values of a field, and so are in no shape."""
_POOLS = "how many connections there are, and to which of equal endpoints"
_OFTEN = "how often and how long is tried"
_WORDS = "a name for readers"
_POLICIES = ("trafficPolicy", "subsets.trafficPolicy")
HARMLESS: Mapping[str, Mapping[str, str]] = {
    "DestinationRule": {
        f"{policy}{level}.{field}": _POOLS
        for policy in _POLICIES
        for level in ("", ".portLevelSettings")
        for field in ("connectionPool", "outlierDetection", "loadBalancer")
    },
    "VirtualService": {
        **dict.fromkeys(("http.retries", "http.timeout"), _OFTEN),
        **dict.fromkeys(("http.name", "http.match.name"), _WORDS),
        "http.mirrors.percentage": "how many of the requests are copied",
    },
    "ServiceEntry": dict.fromkeys(("endpoints.weight", "endpoints.locality"), _POOLS),
    "Gateway": {"servers.name": _WORDS, "servers.tls.maxProtocolVersion": "the least version is what protects"},
    "Sidecar": {"inboundConnectionPool": _POOLS},
    "Telemetry": dict.fromkeys(("accessLogging", "metrics"), "what is measured and logged"),
}
"""By kind, below `spec`. Below a field everything is meant."""
ONLY: Mapping[str, Mapping[str, tuple[object, ...]]] = {
    "ServiceEntry": {"location": ("MESH_EXTERNAL",)},
}
"""By kind: fields that are understood with these values alone. What is empty or false is as good as absent."""
ACCEPTED: Mapping[str, Accepted] = {
    kind: Accepted(HARMLESS.get(kind, {}), ONLY.get(kind))
    for kind in (*HARMLESS, *ONLY, "AuthorizationPolicy", "PeerAuthentication")
}
