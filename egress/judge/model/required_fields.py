"""Objects without a field that they must have: no API takes them, so what such an object does cannot be told.

A judge never meets one (`Snapshot` keeps them apart), and every trace says that it is there, so nothing is
proven beside it. Only the fields that some judge reads are asked for. Source: each kind's schema (Kubernetes
and Istio CustomResourceDefinitions; the Google provider's), where it says "required".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from egress.judge.model.flow import Layer, Outcome, Verdict

REQUIRED: Mapping[str, tuple[Layer, tuple[str, ...]]] = {
    "Deployment": (Layer.GATEWAY, ("metadata.namespace", "spec.template.metadata", "spec.template.spec")),
    "Service": (Layer.GATEWAY, ("metadata.namespace", "spec", "spec.ports[].port")),
    "Gateway": (
        Layer.GATEWAY,
        (
            "metadata.namespace",
            "spec.servers",
            *(f"spec.servers[].{field}" for field in ("port.number", "port.protocol", "hosts")),
        ),
    ),
    "EnvoyFilter": (
        Layer.GATEWAY,
        ("metadata.namespace", "spec", "spec.configPatches[].applyTo", "spec.configPatches[].patch"),
    ),
    "TrafficExtension": (Layer.GATEWAY, ("metadata.namespace",)),
    "ServiceEntry": (
        Layer.SIDECAR,
        (
            "metadata.namespace",
            "spec.hosts",
            "spec.ports[].number",
            "spec.ports[].protocol",
            "spec.endpoints[].address",
        ),
    ),
    "VirtualService": (
        Layer.SIDECAR,
        (
            "metadata.namespace",
            *(f"spec.{section}[].route[].destination.host" for section in ("http", "tls", "tcp")),
            "spec.http[].mirrors[].destination.host",
        ),
    ),
    "DestinationRule": (
        Layer.SIDECAR,
        (
            "metadata.namespace",
            "spec.host",
            "spec.subsets[].name",
            "spec.trafficPolicy.portLevelSettings[].port.number",
            "spec.subsets[].trafficPolicy.portLevelSettings[].port.number",
        ),
    ),
    "Sidecar": (Layer.SIDECAR, ("metadata.namespace", "spec.egress[].hosts")),
    "AuthorizationPolicy": (
        Layer.AUTHORIZATION,
        (
            "metadata.namespace",
            "spec.rules[].from[].source",
            "spec.rules[].to[].operation",
            "spec.rules[].when[].key",
        ),
    ),
    "PeerAuthentication": (Layer.AUTHORIZATION, ("metadata.namespace",)),
    "ValidatingAdmissionPolicy": (Layer.ADMISSION, ("spec",)),
    "ValidatingAdmissionPolicyBinding": (Layer.ADMISSION, ("spec",)),
    "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules": (
        Layer.FIREWALL,
        ("rules", "rules[].priority", "rules[].match.layer4Configs[].ipProtocol"),
    ),
    "gcp:compute/subnetwork:Subnetwork": (Layer.FIREWALL, ("secondaryIpRanges[].ipCidrRange",)),
    "gcp:container/nodePool:NodePool": (Layer.ADMISSION, ("nodeConfig.taints[].key",)),
    "gcp:dns/managedZone:ManagedZone": (
        Layer.DNS,
        ("dnsName", "privateVisibilityConfig.networks[].networkUrl"),
    ),
    "gcp:dns/recordSet:RecordSet": (Layer.DNS, ("managedZone", "name", "type", "rrdatas")),
}
"""By kind, or type token: the layer that it belongs to, and paths; `[]` stands for every entry of a list, if
there is one."""
_STEPS = {
    kind: (layer, [(path, path.split(".")) for path in paths]) for kind, (layer, paths) in REQUIRED.items()
}


def missing(kind: str, name: str, written: Mapping[str, Any]) -> Verdict | None:
    """What a judge would say to an object that lacks something, or None if it is whole."""
    layer, paths = _STEPS.get(kind, (Layer.GATEWAY, []))
    for path, steps in paths:
        if any(_lacks(written, steps)):
            reason = (
                "The object must have this field, and has none: no API takes it, and what it does "
                "cannot be told."
            )
            return Verdict(layer, Outcome.NOT_UNDERSTOOD, name, path, reason)
    return None


def _lacks(written: Any, steps: list[str]) -> Iterator[bool]:
    """True for each place at which the path ends early."""
    if not steps:
        yield written is None or written == []
        return
    if not isinstance(written, Mapping):
        yield True
        return
    step, rest = steps[0], steps[1:]
    found = cast("Mapping[str, Any]", written).get(step.removesuffix("[]"))
    if step.endswith("[]"):
        for entry in found or ():
            yield from _lacks(entry, rest)
    elif found is not None or not any(further.endswith("[]") for further in rest):
        yield from _lacks(found, rest)
