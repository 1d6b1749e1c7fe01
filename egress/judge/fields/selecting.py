"""Selectors that go by labels of running pods which no template says: Kubernetes' controllers and Istio's
injection write them.

Judges know a gateway's pods by their template. A selector by another label of theirs, such as
`pod-template-hash`, would choose these pods without a judge seeing it, so it is not understood: wherever
objects of any namespace choose a gateway's pods, and in namespaces that have some. Pods of a team may carry
any label, and are judged so.
Source: Kubernetes, "Well-Known Labels, Annotations and Taints"; Istio reference, "Resource Labels", and the
locality that istiod adds to what an endpoint is known by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from egress.judge.model.snapshot import Manifest, listed, part

WRITTEN = frozenset(
    {
        *("pod-template-hash", "pod-template-generation", "controller-revision-hash"),
        *("controller-uid", "job-name"),
    }
)
"""What controllers write without a domain."""
_DOMAINS = ("kubernetes.io", "k8s.io", "istio.io", "google.com")
_OF_TEMPLATES = ("app.kubernetes.io", "gateway.networking.k8s.io/gateway-name", "istio.io/gateway-name")
"""Labels of these domains that templates alone say."""
_SELECTORS = {
    **dict.fromkeys(("EnvoyFilter", "ServiceEntry", "Sidecar"), ("workloadSelector", "labels")),
    "DestinationRule": ("workloadSelector", "matchLabels"),
    **dict.fromkeys(("Gateway", "Service"), ("selector",)),
    **dict.fromkeys(
        ("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication", "TrafficExtension"),
        ("selector", "matchLabels"),
    ),
    "NetworkPolicy": ("podSelector",),
}
_Found = Iterator[tuple[str, str]]


def unread(manifest: Manifest, among_gateways: bool) -> _Found:
    """Selectors of an object that are not understood: field, and why.

    Args:
        among_gateways: whether its namespace has pods of a gateway, or it is Istio's root.
    """
    kind, spec = manifest["kind"], part(manifest, "spec")
    if kind == "Gateway" or (kind in _SELECTORS and among_gateways):
        yield from _of("spec", spec, *_SELECTORS[kind])
    if kind == "VirtualService":
        for of in ("http", "tls", "tcp"):
            for at, route in enumerate(listed(spec, of)):
                for index, match in enumerate(listed(route, "match")):
                    yield from _of(f"spec.{of}[{at}].match[{index}]", match, "sourceLabels")
    elif kind == "DestinationRule":
        for at, subset in enumerate(listed(spec, "subsets")):
            yield from _of(f"spec.subsets[{at}]", subset, "labels")
    elif kind == "NetworkPolicy":
        for direction, ends in (("egress", "to"), ("ingress", "from")):
            for at, rule in enumerate(listed(spec, direction)):
                for index, peer in enumerate(listed(rule, ends)):
                    if among_gateways or "namespaceSelector" in peer:
                        yield from _of(f"spec.{direction}[{at}].{ends}[{index}]", peer, "podSelector")


def _of(field: str, value: Mapping[str, Any], *path: str) -> _Found:
    selector = part(value, *path)
    named = {*selector, *part(selector, "matchLabels")}
    named |= {str(one.get("key")) for one in listed(selector, "matchExpressions")}
    for label in sorted(filter(is_written, named)):
        reason = (
            f"No template says {label}: pods get it when they are made, and which have it is not read here."
        )
        yield ".".join((field, *path)), reason


def is_written(label: str) -> bool:
    """Whether pods have a label that their template need not say."""
    domain, slash, _ = label.partition("/")
    if not slash:
        return label in WRITTEN
    ours = any(domain == of or domain.endswith(f".{of}") for of in _DOMAINS)
    return ours and label not in _OF_TEMPLATES and domain not in _OF_TEMPLATES
