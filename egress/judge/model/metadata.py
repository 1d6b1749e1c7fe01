"""Labels and annotations that somebody goes by: Istio's on its own objects, Services and namespaces, and on
gateways' pods.

A label can take an object out of istiod's sight (`istio.io/rev`), and others lead traffic past proxies. What
is known here is read or harmless; every other label or annotation of Istio's is not understood. On pods that
a team writes they are its own
affair: what such a pod can do is asked for as a way past the sidecar.
Source: Istio reference, "Resource Annotations" and "Resource Labels".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from egress.common.names import EGRESS_GATEWAY, INGRESS_GATEWAY, PLATFORM_LABEL, TEAM_LABEL
from egress.judge.model.kinds import ISTIO, READ, group
from egress.judge.model.snapshot import Manifest, part

AUTOALLOCATE = "networking.istio.io/enable-autoallocate-ip"
INJECTION, ENABLED = "istio-injection", "enabled"
KNOWN: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "operator.istio.io/component",
            "operator.istio.io/managed",
            "operator.istio.io/version",
            "install.operator.istio.io/owning-resource",
        ),
        "who installed it",
    ),
    **dict.fromkeys(
        ("service.istio.io/canonical-name", "service.istio.io/canonical-revision"), "names in figures"
    ),
}
"""Harmless on every object, each with its reason."""
_OF_SERVICES: Mapping[str, str] = {
    "networking.istio.io/exportTo": "the service registry's judge reads it",
    "istio.io/rev": "istiod reads every Service, whatever revision it is labelled for",
}
_OF_KIND: Mapping[str, Mapping[str, str]] = {
    "AuthorizationPolicy": {"istio.io/dry-run": "authorization's judge reads it"},
    "ServiceEntry": {AUTOALLOCATE: "the sidecar's judge reads it"},
}
_OF_GATEWAY_PODS: Mapping[str, str] = {
    **dict.fromkeys(
        ("sidecar.istio.io/inject", "inject.istio.io/templates"), "judged with the gateway's pods"
    ),
    "proxy.istio.io/config": "read field by field (egress/judge/pods.py)",
}


def unread(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Labels and annotations of an object that are not understood: field, and why."""
    kind = manifest["kind"]
    if kind == "Namespace":
        yield from _of_namespace(manifest)
    elif kind == "Service":
        yield from beyond(part(manifest, "metadata"), "metadata", _OF_SERVICES)
    elif _of_istio(manifest):
        yield from beyond(part(manifest, "metadata"), "metadata", _OF_KIND.get(kind, {}))


def of_gateway_pods(metadata: Mapping[str, Mapping[str, str]], field: str) -> Iterator[tuple[str, str]]:
    """The same of the metadata in a gateway's pod template."""
    yield from beyond(metadata, field, _OF_GATEWAY_PODS)


def beyond(
    metadata: Mapping[str, Mapping[str, str]], field: str, known: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    for of in ("labels", "annotations"):
        for name in part(metadata, of):
            if is_istios(name) and name not in known and name not in KNOWN:
                yield f"{field}.{of}[{name}]", f"`{name}` is not read here."


def _of_istio(manifest: Manifest) -> bool:
    """Whether istiod reads objects of this kind; without an API it is the one that a judge reads by that
    name."""
    of = group(manifest)
    return str(READ.get(manifest["kind"]) if of is None else of).endswith(ISTIO)


def is_istios(name: str) -> bool:
    """Whether a label or annotation is one of Istio's."""
    domain = name.partition("/")[0]
    return "/" in name and (domain == ISTIO[1:] or domain.endswith(ISTIO))


def _of_namespace(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Whether pods of a team or a gateway get a proxy at all, and from whom."""
    metadata = part(manifest, "metadata")
    labels = part(metadata, "labels")
    yield from beyond(metadata, "metadata", {})
    injected = labels.get(INJECTION)
    if injected != ENABLED and (
        TEAM_LABEL in labels
        or labels.get(PLATFORM_LABEL) in (EGRESS_GATEWAY, INGRESS_GATEWAY)
        or injected not in (None, "disabled")
    ):
        yield (
            f"metadata.labels[{INJECTION}]",
            "No label says that its pods get a proxy of the mesh that is known here.",
        )
