"""Rules by which resources are found again, and not lost: labels, and protection in production."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from egress_policies.cluster import CLUSTER
from egress_policies.rule import Resource, Rule, Setting, Settings, known, mapping, matches

LABELS = {
    CLUSTER: "resourceLabels",
    "gcp:compute/address:Address": "labels",
    "gcp:dns/managedZone:ManagedZone": "labels",
    "gcp:storage/bucket:Bucket": "labels",
}
"""Kinds that carry labels, and where."""
KEPT = frozenset(
    {
        CLUSTER,
        "gcp:compute/address:Address",
        "gcp:compute/network:Network",
        "gcp:compute/subnetwork:Subnetwork",
        "gcp:storage/bucket:Bucket",
    }
)
"""Kinds whose loss is an outage, or the loss of data."""


def _labelled(resource: Resource, settings: Settings) -> Iterator[str]:
    if resource.type not in LABELS:
        return
    labels = {**_default_labels(resource), **mapping(resource.props.get(LABELS[resource.type]))}
    missing = [name for name in known(settings["requiredLabels"]) if name not in labels]
    if missing:
        yield f"Label {', '.join(missing)} is missing. Set it for the whole stack: gke-mesh-egress:labels."


def _default_labels(resource: Resource) -> Mapping[str, Any]:
    """Labels that the provider gives to all it makes; on the wire they are JSON."""
    given = resource.provider.get("defaultLabels")
    return mapping(json.loads(given) if isinstance(given, str) else given)


def _protected(resource: Resource, settings: Settings) -> Iterator[str]:
    if resource.type not in KEPT or not matches(resource.stack, settings["production"]):
        return
    if not resource.protect:
        yield (
            "Pulumi would delete this when it is renamed or taken out by mistake. Set "
            "gke-mesh-egress:protect to true."
        )
    if resource.type == CLUSTER and not resource.props.get("deletionProtection"):
        yield (
            "Google would let anybody delete the cluster. Set gke-mesh-egress:cluster.deletionProtection "
            "to true."
        )
    if resource.props.get("forceDestroy"):
        yield "The bucket would be deleted with all that is in it. Leave forceDestroy out."


RULES = (
    Rule(
        "labels",
        "Whatever can carry labels has those that the organisation asks for.",
        of_one=_labelled,
        settings={"requiredLabels": Setting((), "Names of labels; none by default.")},
    ),
    Rule(
        "deletion-protection",
        "In production, nothing is deleted by mistake whose loss is an outage.",
        of_one=_protected,
        settings={
            "production": Setting(
                ("prod", "prod-*", "production", "*-prod"), "Names of the stacks that are production."
            )
        },
    ),
)
