"""For which proxies an EnvoyFilter is: those of its own namespace, or of every one if it lies in Istio's root
namespace.

Source: Istio reference, EnvoyFilter (`workloadSelector`, PatchContext).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from egress.judge.lookup.service_registry import ROOT_NAMESPACE
from egress.judge.model.flow import Pod
from egress.judge.model.snapshot import Manifest, part

_OF_GATEWAYS = ("GATEWAY", "ANY", None)
"""What a patch for gateways may call them."""


def is_for(manifest: Manifest, pod: Pod) -> bool:
    """Whether istiod applies an EnvoyFilter to the proxies of some pods."""
    labels = part(manifest, "spec", "workloadSelector", "labels")
    return (
        manifest["metadata"]["namespace"] in (pod.namespace, ROOT_NAMESPACE)
        and labels.items() <= (pod.labels or {}).items()
    )


def for_gateways(patch: Mapping[str, Any]) -> bool:
    """Whether a patch is for gateways, or for proxies of every kind."""
    return part(patch, "match").get("context") in _OF_GATEWAYS
