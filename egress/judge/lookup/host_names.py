"""Names of hosts and Gateways as Istio's rules write them, and which patterns cover which names.

Source: Istio reference, VirtualService (`hosts`, `gateways`) and Gateway (`servers.hosts`),
networking.istio.io/v1.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

MESH = "mesh"
"""What a VirtualService calls the sidecars among its Gateways."""
CLUSTER_DOMAIN = "cluster.local"
SERVICES = f".svc.{CLUSTER_DOMAIN}"
"""How the full names of Services end."""


def full_name(host: str, namespace: str) -> str:
    """A host as rules mean it: a name without a dot is a Service of the rule's own namespace."""
    return host if "." in host or host == "*" or ":" in host else f"{host}.{namespace}{SERVICES}"


def gateway_name(name: str, namespace: str) -> str:
    """A Gateway as NAMESPACE/NAME, the way a VirtualService of a namespace calls it."""
    if name == MESH:
        return name
    if "/" in name:
        return f"{namespace}{name[1:]}" if name.startswith("./") else name
    own, dot, rest = name.partition(".")
    return f"{rest.partition('.')[0]}/{own}" if dot else f"{namespace}/{name}"


def matches(pattern: str, host: str) -> bool:
    """Whether a host pattern of Istio (`*`, `*.example.org`, a full name) covers a name."""
    if pattern == "*":
        return True
    return host.endswith(pattern[1:]) and host != pattern[1:] if pattern.startswith("*") else host == pattern


def covers(wide: str, host: str) -> bool:
    """Whether a host or pattern covers another host or pattern, or is the same."""
    return wide == host or (wide.startswith("*") and host.endswith(wide[1:]))


def alike(one: str, other: str) -> bool:
    """Whether two hosts or patterns have a name in common."""
    return covers(one, other) or covers(other, one)


@lru_cache(maxsize=1 << 14)
def patterns_above(host: str) -> Sequence[str]:
    """`*.` patterns that cover the name, the closest first."""
    labels = host.split(".")
    return tuple("*." + ".".join(labels[start:]) for start in range(1, len(labels)))
