"""What differs and no judge reads: said by object and field, so that nobody takes silence for "no effect".

Every field that differs is one of three: judged (and then what it changes is among the facts), known to say
nothing about who may reach what, or neither. The last kind is what this finds; and what is judged, differs,
and shows in no fact at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from egress.answers.diff.both import FIREWALLS, Both
from egress.answers.diff.facts import Fact
from egress.answers.diff.filters import KEPT, READERS, understood
from egress.answers.diff.normal import SILENT_KINDS, Item, differing
from egress.answers.words import Aspect
from egress.common.names import TEAM_LABEL
from egress.judge.model.snapshot import identity, part

JUDGED: Mapping[str, tuple[str, ...]] = {
    "authorizationpolicy": ("spec",),
    "cluster": (
        "ipAllocationPolicy",
        "workloadIdentityConfig",
        "name",
        "network",
        "networkingMode",
        "subnetwork",
    ),
    "configmap": tuple(
        f"data.mesh.{key}"
        for key in (
            *(
                "outboundTrafficPolicy",
                "tlsDefaults",
                "meshMTLS",
                "trustDomain",
                "defaultConfig.proxyMetadata",
            ),
            # Whom a team reaches is asked; that there is such a list at all is not.
            *("defaultServiceExportTo[]", "discoverySelectors[].matchExpressions[].values"),
        )
    ),
    "deployment": (
        "spec.selector",
        *(
            f"spec.template.{field}"
            for field in ("metadata.labels", "spec.serviceAccountName", "spec.nodeSelector")
        ),
    ),
    "destinationrule": (
        "spec.host",
        "spec.exportTo",
        "spec.subsets",
        "*.tls.mode",
        "*.tls.insecureSkipVerify",
    ),
    "gateway": ("spec.selector", "spec.servers"),
    "managedzone": (
        "dnsName",
        "name",
        "visibility",
        "privateVisibilityConfig",
        "peeringConfig",
        "forwardingConfig",
    ),
    "namespace": ("metadata",),
    "networkpolicy": ("spec",),
    "nodepool": ("name", "cluster", "nodeConfig.serviceAccount", "nodeConfig.taints", "networkConfig"),
    "peerauthentication": ("spec",),
    "recordset": ("managedZone", "name", "type", "rrdatas"),
    "service": (
        *(
            "spec.selector",
            "spec.ports",
            "spec.loadBalancerSourceRanges",
            "metadata.annotations.networking.istio.io/exportTo",
        ),
        *(
            "metadata.annotations.networking.gke.io/load-balancer-type",
            "metadata.annotations.cloud.google.com/l4-rbs",
        ),
    ),
    "serviceentry": ("spec",),
    "sidecar": ("spec.egress", "spec.outboundTrafficPolicy", "spec.workloadSelector"),
    "subnetwork": ("ipCidrRange", "secondaryIpRanges", "stackType", "network", "name", "region"),
    "validatingadmissionpolicy": ("spec",),
    "validatingadmissionpolicybinding": ("spec",),
    "virtualservice": (
        *(f"spec.{field}" for field in ("hosts", "gateways", "exportTo", "tls", "tcp")),
        *(
            "spec.http[].match",
            "spec.http[].mirrors",
            "spec.http[].route[].destination",
            "spec.http[].headers.request.remove",
        ),
        *("spec.http", "spec.http[].route", "spec.http[].route[].headers.request"),
    ),
}
"""By kind or type, in lower case, the fields that judges read. Below a field everything is meant; `*.` is
anywhere."""
WHOLE = {"envoyfilter", "wasmplugin", "trafficextension"}
"""Code of their own. Where it is not understood it may let through and refuse, so neither coming nor going is
harmless."""
_CODE = "code of its own, which may let through and refuse"
_NEVER_JUDGED = (
    "*.credentialName",
    "*.caCertificates",
    "*.privateKey",
    "*.clientCertificate",
    "*.serverCertificate",
)
"""Whose certificates are shown and taken: a judge sees that there are some."""
SILENT: Mapping[str, tuple[str, ...]] = {
    "deployment": (
        *(
            "spec.replicas",
            "spec.strategy",
            "spec.minReadySeconds",
            "*.resources",
            "*.readinessProbe",
            "*.livenessProbe",
        ),
        *(
            "spec.template.spec.containers[].ports",
            "*.startupProbe",
            "*.imagePullPolicy",
            "*.terminationGracePeriodSeconds",
            "*.priorityClassName",
        ),
        "*.topologySpreadConstraints",
    ),
    "destinationrule": ("*.connectionPool", "*.outlierDetection", "*.loadBalancer"),
    "managedzone": ("cloudLoggingConfig",),
    "nodepool": (
        *("autoscaling", "initialNodeCount", "nodeCount", "nodeLocations", "management", "upgradeSettings"),
        *("nodeConfig.machineType", "nodeConfig.diskSizeGb", "nodeConfig.diskType", "instanceGroupUrls"),
        *("managedInstanceGroupUrls", "nodeDrainConfigs"),
    ),
    "recordset": ("ttl",),
    "subnetwork": ("logConfig",),
    "validatingadmissionpolicy": ("spec.validations[].message",),
    "virtualservice": (
        *("spec.http[].timeout", "spec.http[].retries", "spec.http[].headers.response", "spec.http[].name"),
        *("spec.http[].route[].weight", "spec.http[].mirrors[].percentage"),
    ),
}
"""By kind, fields that judges need not read: how long, how often, how many, how much of it is logged."""
SILENT_EVERYWHERE = (
    "description",
    "deletionPolicy",
    "effectiveLabels",
    "labels",
    "resourceLabels",
    "metadata.labels",
)
SPEAKING = re.compile(
    rf"^metadata\.(labels|annotations)\.({re.escape(TEAM_LABEL)}$|gke-mesh-egress/|istio"
    r"|pod-security\.kubernetes\.io/enforce)"
)
"""Labels and annotations of namespaces that somebody goes by."""
TALKING = re.compile(
    r"^metadata\.annotations\.(iam\.gke\.io|networking\.|cloud\.google\.com|[a-z.]*istio\.io)"
)
"""Annotations of other objects that somebody goes by."""
ADDITIVE = re.compile(
    r"^(role|clusterrole|rolebinding|clusterrolebinding|serviceaccount|account|.*iammember)$"
)
"""Kinds that only ever add rights: gone, they let nobody do more."""
_MEMBERS = "iammember"
"""Kinds of Google's that give one member one role: all that they do is compared
(egress/answers/diff/granted.py)."""
_WHOLLY = (Aspect.GRANT, Aspect.ROLE, Aspect.OTHER_ROLE, Aspect.RIGHT)
"""Facts that say all that their objects do."""
_CERTIFICATES = (Aspect.OTHER_AUTHORITY, Aspect.OTHER_CERTIFICATE)
_OF_TEAMS = {"deployment", "service", "serviceaccount"}
"""Kinds that in a team's namespace are no more than what the team may put there anyhow."""


@dataclass(frozen=True)
class Unjudged:
    """One object of which something differs that nobody here can tell the effect of."""

    object: str
    fields: tuple[str, ...]
    """Where it differs; `new` and `gone` where the whole object is."""
    widening: bool = True
    """Whether it may let somebody do more."""
    why: str = ""
    """Why nothing is asked of it, where that is no matter of fields."""

    @property
    def text(self) -> str:
        why = f" ({self.why})" if self.why else ""
        if not self.fields:
            return f"{self.object} differs, and no question shows what that does"
        if self.fields in (("new",), ("gone",)):
            return f"{self.object} is {self.fields[0]}{why}"
        return (
            f"{self.object}: {', '.join(self.fields)} {'differs' if len(self.fields) == 1 else 'differ'}{why}"
        )

    def as_json(self) -> dict[str, Any]:
        """For machines; the keys are stable."""
        return {
            "object": self.object,
            "fields": list(self.fields),
            "widening": self.widening,
            "text": self.text,
        }


def unjudged(
    both: Both, sides: Sequence[Mapping[str, Item]], names: Iterable[str], facts: Iterable[Fact]
) -> Iterator[Unjudged]:
    """Everything that differs without being judged.

    Args:
        both: the two sets of objects.
        sides: their objects in one form, by identity.
        names: identities of those that differ.
        facts: what was found to be different for somebody.
    """
    found = list(facts)
    code = (manifest for side in both.sides for kind in READERS for manifest in side.snapshot.kind(kind))
    # What other firewall rules say is asked, or said by egress/answers/diff/unasked.py.
    unread = {rule.name for side in both.sides for rule in side.judges.firewall.rules if rule.unknown}
    unknown = {identity(manifest) for manifest in code if not understood(manifest)}
    for name in names:
        old, new = (side.get(name) for side in sides)
        item = old or new
        if item is None or item.kind in SILENT_KINDS or (item.kind in _FIREWALL_KINDS and name not in unread):
            continue
        whole = ("new" if new else "gone",)
        if item.kind in WHOLE and name not in unknown:
            # All that it can do is known, and compared by what it keeps: what is left of it opens nothing.
            if not any(_keeps(fact, name, item.namespace) for fact in found):
                differ = differing(old.says, new.says) if old and new else whole
                yield Unjudged(name, tuple(dict.fromkeys(differ)), widening=False)
            continue
        if item.kind in WHOLE and not (old and new):
            yield Unjudged(name, whole, why=_CODE)
            continue
        if item.kind.endswith(_MEMBERS) or any(fact.by == name for fact in found if fact.aspect in _WHOLLY):
            continue
        explained = _explained(found, name, item.namespace, both)
        if old and new:
            certified = any(fact.by == name for fact in found if fact.aspect in _CERTIFICATES)
            fields = [
                path
                for path in dict.fromkeys(differing(old.says, new.says, both.partial(old)))
                if not (explained and _judged(item.kind, path)) and not _silent(item.kind, path)
                if not (certified and any(_means(pattern, path) for pattern in _NEVER_JUDGED))
            ]
            if fields:
                yield Unjudged(name, tuple(fields))
        elif not (item.kind in JUDGED and explained) and not _of_team(item, both):
            yield Unjudged(name, whole, bool(new) or not ADDITIVE.match(item.kind))


def _keeps(fact: Fact, name: str, namespace: str) -> bool:
    """Whether a fact is about what a filter of a gateway's namespace keeps."""
    return fact.by == name or (fact.how in KEPT and namespace in fact.target)


def _of_team(item: Item, both: Both) -> bool:
    """Whether it is no more than what a team may put into its namespace anyhow."""
    return item.kind in _OF_TEAMS and item.namespace in both.teams and not _leads_outside(item.says)


_FIREWALL_KINDS = {kind.rsplit(":", 1)[-1].lower() for kind in FIREWALLS}


def _leads_outside(says: Mapping[str, Any]) -> bool:
    spec = part(says, "spec")
    return bool(
        spec.get("externalName")
        or spec.get("externalIPs")
        or spec.get("type") in ("ExternalName", "LoadBalancer")
    )


def _explained(facts: list[Fact], name: str, namespace: str, both: Both) -> bool:
    """Whether some fact is about what an object decides: a team's own, or - of what teams share -
    anything."""
    if namespace in both.teams or name.removeprefix("namespace/") in both.teams:
        team = namespace or name.removeprefix("namespace/")
        if not all(both.there(team)):
            return True  # all that it does was asked, and is a fact
        return any(team in (fact.team, fact.target) or fact.by == name for fact in facts)
    return bool(facts)


def _judged(kind: str, path: str) -> bool:
    return not any(_means(pattern, path) for pattern in _NEVER_JUDGED) and any(
        _means(pattern, path) for pattern in JUDGED.get(kind, ())
    )


def _silent(kind: str, path: str) -> bool:
    if kind == "namespace":
        return path.startswith("metadata") and not SPEAKING.match(path)
    if path.startswith("metadata.annotations"):
        return not TALKING.match(path)
    return any(_means(pattern, path) for pattern in (*SILENT.get(kind, ()), *SILENT_EVERYWHERE))


def _means(pattern: str, path: str) -> bool:
    """Whether a path is a pattern's or lies below it."""
    if pattern.startswith("*."):
        return re.search(rf"(^|\.){re.escape(pattern[2:])}($|[.\[])", path) is not None
    return path == pattern or path.startswith((f"{pattern}.", f"{pattern}["))
