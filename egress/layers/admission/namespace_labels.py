"""The rule that the others rest on: labels of a namespace that mean something are the platform's to change."""

from __future__ import annotations

from egress import names
from egress.layers.admission.policy import PLATFORM, Check, Policy, Resources
from egress.settings.fences import Rule

SYSTEM_PREFIXES = ("kube-", "gke-", "gmp-", "config-management-", "anthos-", "asm-", "gatekeeper-")
"""Namespaces that Kubernetes' and Google's own components keep, labels included."""

# Also through the subresources: the API server takes labels from updates of status and finalizers as well.
RESOURCES = (Resources("", ("namespaces", "namespaces/status", "namespaces/finalize")),)

CONDITIONS = {
    "not-a-system-namespace": "!(" + " || ".join(f"object.metadata.name.startsWith('{p}')" for p in SYSTEM_PREFIXES) + ")",
    "not-the-platform": f"!{PLATFORM}",
}

VARIABLES = {
    # The API server gives every new namespace its name as a label.
    "oldLabels": (
        "request.operation == 'CREATE' ? {'kubernetes.io/metadata.name': object.metadata.name}"
        " : oldObject.metadata.?labels.orValue({})"
    ),
    "newLabels": "object.metadata.?labels.orValue({})",
    "oldAnnotations": "request.operation == 'CREATE' ? {} : oldObject.metadata.?annotations.orValue({})",
    "newAnnotations": "object.metadata.?annotations.orValue({})",
}

_OWN = f"k.startsWith('{names.OWN_DOMAIN}/')"
_MEANINGFUL = (
    "k == 'istio-injection' || k == 'kubernetes.io/metadata.name' || k.matches('^([a-z0-9.-]+[.])?istio[.]io/')"
    f" || k.startsWith('pod-security.kubernetes.io/') || {_OWN}"
)


def _unchanged(kind: str, protected: str) -> str:
    old, new = f"variables.old{kind}", f"variables.new{kind}"
    return f"({old}.map(k, k) + {new}.map(k, k)).filter(k, {protected}).all(k, k in {old} && k in {new} && {old}[k] == {new}[k])"


CHECKS = (
    Check(
        Rule.NAMESPACE_LABELS,
        "A namespace's labels for injection, revision, team and pod security, and this program's annotations, decide what holds "
        "in it; the platform sets them.",
        f"{_unchanged('Labels', _MEANINGFUL)} && {_unchanged('Annotations', _OWN)}",
    ),
)


def policy() -> Policy:
    return Policy("egress-namespaces", RESOURCES, CHECKS, CONDITIONS, VARIABLES, in_teams=False)
