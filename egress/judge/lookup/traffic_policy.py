"""How proxies connect to a destination, by the DestinationRule in force.

Of several one counts: of the client's namespace, else of the destination's, else of the root namespace; in
each the one for the host's own name, else for the closest pattern above it. Understood: `subsets`,
`trafficPolicy` and its `portLevelSettings` with `tls`, `workloadSelector`; everything else in them changes
how often and how fast, not where.
Source: Istio reference, DestinationRule (networking.istio.io/v1); "DestinationRule cross-namespace".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from egress.judge.lookup.host_names import patterns_above
from egress.judge.lookup.service_registry import ROOT_NAMESPACE, Registry, Rule, visible
from egress.judge.lookup.service_registry_destinations import Destination
from egress.judge.model.flow import Misread
from egress.judge.model.snapshot import listed, part

Tls = Mapping[str, Any]
_OUTWARD = ("SIMPLE", "MUTUAL")
_CONFIG_MAP = "configmap://"


@dataclass(frozen=True)
class Policy:
    """What is said about one port of a destination, or of a subset of it."""

    rule: Rule | None
    tls: Tls | None
    """None: nothing is said, so nothing is opened to hosts outside, and mutual TLS to pods."""
    gateway: bool
    """Whether it is said to a gateway."""
    missing: bool = False
    """Whether there is no such subset."""

    @property
    def mode(self) -> str:
        """Mode of TLS; empty where nothing is said. What is said without a mode is that there is none."""
        if self.tls is None:
            return ""
        assert self.rule
        # A Secret is for gateways; a sidecar opens no TLS that names one, unless the rule is for its pod.
        secret = str(self.tls.get("credentialName") or "")
        of_all = "workloadSelector" not in self.rule.spec
        if (
            secret
            and not secret.startswith(_CONFIG_MAP)
            and not self.gateway
            and of_all
            and self.tls.get("mode") in _OUTWARD
        ):
            return "DISABLE"
        return str(self.tls.get("mode") or "DISABLE")


def policy(
    registry: Registry,
    destination: Destination,
    number: int,
    subset: str | None,
    namespace: str,
    labels: Mapping[str, str] | None,
) -> Policy:
    """What holds for proxies of a namespace, and of these labels if they are known.

    Raises:
        Misread: two rules are about it, or it holds for some pods of the namespace and it is not known for
        which.
    """
    rule = _in_force(registry, destination, namespace, labels)
    tls = _of_port(part(rule.spec, "trafficPolicy"), number)[0] if rule else None
    gateway = labels is not None
    if not subset:
        return Policy(rule, tls, gateway)
    found = (
        next((item for item in listed(rule.spec, "subsets") if item["name"] == subset), None)
        if rule
        else None
    )
    if found is None:
        return Policy(rule, None, gateway, missing=True)
    own, by_port = _of_port(part(found, "trafficPolicy"), number)
    # A subset says more than the whole, and about a port it says everything.
    return Policy(rule, own if by_port or own is not None else tls, gateway)


def _of_port(written: Mapping[str, Any], number: int) -> tuple[Tls | None, bool]:
    """TLS of a policy for a port, and whether the port has settings of its own, which take nothing over from
    the rest."""
    for level in listed(written, "portLevelSettings"):
        if level["port"]["number"] == number:
            return level.get("tls"), True
    return written.get("tls"), False


def _in_force(
    registry: Registry, destination: Destination, namespace: str, labels: Mapping[str, str] | None
) -> Rule | None:
    names = (destination.host, *patterns_above(destination.host), "*")
    for home, counts in _asked(destination, namespace):
        by_host = registry.destination_rules(home)
        for name in names:
            of_host = [rule for rule in by_host.get(name, ()) if counts(rule)]
            if of_host:
                # The closest one hides those behind it, even where it is not for this namespace.
                seen = [rule for rule in of_host if visible(rule, namespace)]
                if seen:
                    return _one(seen, labels)
                break
    return None


def _asked(destination: Destination, namespace: str) -> Iterator[tuple[str, Callable[[Rule], bool]]]:
    """The namespaces that are asked, in order, and which of the rules there count."""
    if namespace != ROOT_NAMESPACE:
        yield namespace, lambda rule: visible(rule, namespace)
    else:
        # The root namespace's own proxies take what it says for itself alone first, and what it says for all
        # last.
        yield namespace, lambda rule: rule.exported == frozenset({ROOT_NAMESPACE})
    for home in (destination.namespace, ROOT_NAMESPACE):
        yield home, lambda rule: rule.exported != frozenset({rule.namespace})


def _one(rules: Sequence[Rule], labels: Mapping[str, str] | None) -> Rule | None:
    """Of the rules for one host in one namespace that for the pod, else that for all pods."""
    narrow = [rule for rule in rules if "workloadSelector" in rule.spec]
    of_some = [rule for rule in narrow if part(rule.spec, "workloadSelector", "matchLabels")]
    if of_some and labels is None:
        raise Misread(
            of_some[0].by,
            "spec.workloadSelector",
            "It holds for some pods of the namespace and not for others.",
        )
    of_pod = [
        rule
        for rule in narrow
        if part(rule.spec, "workloadSelector", "matchLabels").items() <= (labels or {}).items()
    ]
    found = of_pod or [rule for rule in rules if rule not in narrow]
    if len(found) > 1:
        reason = (
            f"{found[1].by} is about the same host: which of the two counts is a matter of their age, "
            "which is not read."
        )
        raise Misread(found[0].by, "spec.host", reason)
    return found[0] if found else None
