"""The rule that the others rest on: labels of a namespace that mean something are the platform's to change.

So is taking away a namespace that has such a label, for one made anew has none; and making one that other
rules leave out by its name.
"""

from __future__ import annotations

from egress.common import names
from egress.common.system_namespaces import SYSTEM
from egress.layers.admission.policy import ITSELF, PLATFORM, Check, Policy, Resources
from egress.settings.fences import Rule

# Also through the subresources: the API server takes labels from updates of status and finalizers as well.
RESOURCES = (
    Resources("", ("namespaces", "namespaces/status", "namespaces/finalize")),
    Resources("", ("namespaces",), ("DELETE",)),
)

CONDITIONS = {"not-kubernetes-itself": f"!{ITSELF}", "not-the-platform": f"!{PLATFORM}"}

VARIABLES = {
    # The API server gives every new namespace its name as a label.
    "oldLabels": (
        "request.operation == 'CREATE' ? {'kubernetes.io/metadata.name': object.metadata.name}"
        " : oldObject.metadata.?labels.orValue({})"
    ),
    "newLabels": "object.metadata.?labels.orValue({})",
    "oldAnnotations": "request.operation == 'CREATE' ? {} : oldObject.metadata.?annotations.orValue({})",
    "newAnnotations": "object.metadata.?annotations.orValue({})",
    # By exact name: one that only begins like them is anybody's to make, and is nothing to the other rules.
    "system": f"(request.operation == 'DELETE' ? oldObject : object).metadata.name in {list(SYSTEM)}",
}

_FENCED = " || ".join(
    f"'{label}' in variables.oldLabels" for label in (names.TEAM_LABEL, names.PLATFORM_LABEL)
)
_OWN = f"k.startsWith('{names.OWN_DOMAIN}/')"
_FOREIGN = (
    "k == 'istio-injection' || k == 'kubernetes.io/metadata.name' || "
    "k.matches('^([a-z0-9.-]+[.])?istio[.]io/')"
    " || k.startsWith('pod-security.kubernetes.io/')"
)


def _unchanged(kind: str, protected: str) -> str:
    old, new = f"variables.old{kind}", f"variables.new{kind}"
    return (
        f"({old}.map(k, k) + {new}.map(k, k)).filter(k, {protected}).all(k, k in {old} && k in {new} && "
        f"{old}[k] == {new}[k])"
    )


CHECKS = (
    Check(
        Rule.NAMESPACE_LABELS,
        "A namespace's labels for injection, revision, team and pod security, and this program's own, decide "
        "what holds in it: "
        "the platform sets them, makes the namespaces that carry them or bear a name of Kubernetes' and "
        "Google's own, and "
        "deletes them.",
        f"request.operation == 'DELETE' ? !({_FENCED})"
        f" : {_unchanged('Labels', f'({_OWN} || (!variables.system && ({_FOREIGN})))')}"
        f" && {_unchanged('Annotations', _OWN)} && (request.operation != 'CREATE' || !variables.system)",
    ),
)


def policy() -> Policy:
    return Policy("egress-namespaces", RESOURCES, CHECKS, CONDITIONS, VARIABLES, where=None)
