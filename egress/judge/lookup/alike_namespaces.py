"""Which namespaces NetworkPolicies treat alike, so that an answer about the one stands for the other.

What is read of a namespace is: its own policies; every peer that means it by its name, in any policy; and its
labels, as far as some other peer asks for them. All of that is compared as written, so nothing is assumed of
how it was rendered: two that say the same in other words are not alike, which costs a question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

from egress.judge.lookup.network_policy_objects import NAME_LABEL, RULES, Policy
from egress.judge.model.snapshot import Manifest, part


class AlikeNamespaces:
    """Compares namespaces."""

    def __init__(
        self,
        labels: Mapping[str, Mapping[str, str]],
        written: Mapping[str, Sequence[Manifest]],
        policies: Callable[[str], Iterable[Policy]],
    ) -> None:
        """Args:
        labels: of every namespace that was handed over.
        written: NetworkPolicies by namespace.
        policies: the same as they are read.
        """
        self._labels = labels
        self._written = written
        self._policies = policies

    def outward(self, namespace: str) -> object:
        """Equal for two namespaces whose pods get the same word on every connection that they open to an end
        that lies in neither of them: what their own policies say of ingress is not asked then, and a peer
        without namespaceSelector, which means their own pods, is none of it."""
        own = [{**part(item, "spec"), "ingress": None} for item in self._written.get(namespace, ())]
        return repr(own), self._meant("Ingress", namespace)

    def inward(self, namespace: str) -> object:
        """Equal for two namespaces that are alike outward and whose pods get the same word on every
        connection from an end that lies in neither of them, and from themselves."""
        own = [part(item, "spec").get("ingress") for item in self._written.get(namespace, ())]
        return repr(own), self._meant("Egress", namespace)

    def _meant(self, direction: str, namespace: str) -> object:
        """How peers of one direction mean a namespace."""
        keys, named = self._peers[direction]
        labels = self._labels.get(namespace) or {NAME_LABEL: namespace}
        return tuple(named.get(namespace, ())), tuple((key, labels.get(key)) for key in keys)

    @cached_property
    def _peers(self) -> dict[str, tuple[list[str], dict[str, list[tuple[str, str, str]]]]]:
        return {direction: self._asked(direction) for direction in RULES}

    def _asked(self, direction: str) -> tuple[list[str], dict[str, list[tuple[str, str, str]]]]:
        """Labels of namespaces that some peer asks for, and where each namespace is meant by its name."""
        keys: set[str] = set()
        named: dict[str, list[tuple[str, str, str]]] = {}
        for policy in (policy for namespace in self._written for policy in self._policies(namespace)):
            for rule in policy.rules.get(direction, ()):
                for name, positions in rule.named.items():
                    for at in positions:
                        named.setdefault(name, []).append(
                            (policy.name, rule.field, repr(rule.peers[at].pods))
                        )
                for selector in (rule.peers[at].namespaces for at in rule.others):
                    if selector:
                        keys.update(
                            selector.wanted, (requirement.key for requirement in selector.requirements)
                        )
        return sorted(keys), named
