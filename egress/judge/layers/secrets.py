"""Whether a gateway gets its Secrets: istiod hands them to a proxy only if the proxy's own ServiceAccount may
list all of its namespace. It asks the API server that and nothing else, so a role for single Secrets by their
names is not enough.

Understood: Roles of the gateway's namespace and ClusterRoles with their `rules`, as RoleBindings and
ClusterRoleBindings give them to a ServiceAccount by its name. Groups are not read. Source: Istio, "Secure
Gateways"; Kubernetes, "Using RBAC Authorization".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from egress.judge.model.flow import Layer, Outcome, Pod, Verdict
from egress.judge.model.snapshot import Snapshot, identity, listed, part


class Secrets:
    """Judges which Secrets gateways may read."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def asked(self, namespace: str) -> list[str]:
        """Secrets by which proxies of a namespace open TLS to others, as its DestinationRules name them."""
        policies: list[Mapping[str, Any]] = []
        for manifest in (
            one
            for one in self._snapshot.kind("DestinationRule")
            if one["metadata"].get("namespace") == namespace
        ):
            of = part(manifest, "spec")
            own = [
                part(of, "trafficPolicy"),
                *(part(subset, "trafficPolicy") for subset in listed(of, "subsets")),
            ]
            policies += [*own, *(port for policy in own for port in listed(policy, "portLevelSettings"))]
        return sorted(
            {str(name) for policy in policies if (name := part(policy, "tls").get("credentialName"))}
        )

    def judge(self, pod: Pod, secret: str) -> Verdict:
        """Whether a gateway's pods are handed a Secret of their namespace; that they are is the allowance."""
        for by, rules in self._given(pod):
            for index, rule in enumerate(rules):
                if _lists(rule):
                    return Verdict(
                        Layer.GATEWAY,
                        Outcome.ALLOWED,
                        by,
                        f"rules[{index}]",
                        f"The gateway may read {secret}.",
                    )
        who = f"{pod.namespace}/{pod.service_account}"
        reason = f"No role lets {who} read the Secret {secret}, so it is not handed over."
        return Verdict(Layer.GATEWAY, Outcome.DENIED, None, "", reason)

    def _given(self, pod: Pod) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
        """Rules of every role that is bound to the pods' ServiceAccount, with the role's name."""
        roles = {
            (role["kind"], role["metadata"].get("namespace"), role["metadata"]["name"]): role
            for kind in ("Role", "ClusterRole")
            for role in self._snapshot.kind(kind)
        }
        for kind in ("RoleBinding", "ClusterRoleBinding"):
            for binding in self._snapshot.kind(kind):
                own = binding["metadata"].get("namespace")
                if kind == "RoleBinding" and own != pod.namespace:
                    continue
                subjects = (
                    (one.get("kind"), one.get("namespace", own), one.get("name"))
                    for one in listed(binding, "subjects")
                )
                if ("ServiceAccount", pod.namespace, pod.service_account) not in subjects:
                    continue
                to = part(binding, "roleRef")
                role = roles.get(
                    (str(to.get("kind")), own if to.get("kind") == "Role" else None, str(to.get("name")))
                )
                if role:
                    yield identity(role), list(listed(role, "rules"))


def _lists(rule: Mapping[str, Any]) -> bool:
    """Whether a rule lets somebody list all Secrets. One for Secrets by name does not: istiod's question
    names none."""
    verbs, groups, resources = ({*map(str, listed(rule, key))} for key in ("verbs", "apiGroups", "resources"))
    return (
        bool(verbs & {"list", "*"})
        and bool(groups & {"", "*"})
        and bool(resources & {"secrets", "*"})
        and not listed(rule, "resourceNames")
    )
