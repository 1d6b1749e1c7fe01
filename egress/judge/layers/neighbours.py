"""What pods of another namespace say to a caller whom NetworkPolicies let come: authorization, and mutual TLS
on both sides.

Asked only of what has to arrive: that a pod's own proxy would refuse is nothing to count on, since a pod may
have none.
Understood: AuthorizationPolicies of the pods' namespace and of the root namespace; DestinationRules for the
Services there with `trafficPolicy.tls.mode`, beside what the namespace demands. A VirtualService for such a
Service is not understood.
Source: Istio reference, AuthorizationPolicy, PeerAuthentication, DestinationRule; "Understanding TLS
Configuration".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from egress.judge.layers.authorization import Authorization
from egress.judge.layers.mutual_tls import Namespaces
from egress.judge.lookup.host_names import MESH, SERVICES
from egress.judge.lookup.service_registry import ROOT_NAMESPACE, Registry, Rule, visible
from egress.judge.model.flow import Connection, Layer, Outcome, Pod, Verdict
from egress.judge.model.snapshot import listed, part

_OF_MESH = ("ISTIO_MUTUAL",)
_ANY = "*"
_ByNamespace = dict[str | None, dict[Rule, None]]
"""Rules by the namespace whose Services they are about; `*`: of several, None: of none."""


class Neighbours:
    """Judges connections to pods that are no gateway's."""

    def __init__(self, registry: Registry, authorization: Authorization, namespaces: Namespaces) -> None:
        self._registry, self._authorization, self._namespaces = registry, authorization, namespaces
        self._ways = _by_namespace(registry.virtual_services)
        self._rules: dict[str, _ByNamespace] = {}

    def judge(self, connection: Connection, principals: set[str]) -> Iterator[Verdict]:
        """What refuses a connection that is declared for every caller of a namespace, or is not understood
        about it.

        Args:
            connection: as the caller's sidecar makes it.
            principals: callers that some rule tells from others.
        """
        source, to = connection.source, connection.to
        if not isinstance(source, Pod) or not isinstance(to, Pod) or connection.principal is None:
            return
        yield from self._routed(source.namespace, to.namespace)
        for principal in (connection.principal, *sorted(principals)):
            # Every port is declared, so what is no HTTP has to pass as well.
            for inner in (connection.inner, None):
                said = self._authorization.judge(to, connection._replace(principal=principal, inner=inner))
                if said.outcome is not Outcome.ALLOWED:
                    yield said
                    return

    def _routed(self, caller: str, other: str) -> Iterator[Verdict]:
        strict = not self._namespaces.mutual(other).allowed
        # Proxies take DestinationRules from nowhere else.
        for home in dict.fromkeys((caller, other, ROOT_NAMESPACE)):
            for rule in _seen(self._of(home), caller, other):
                mode = _tls(rule.spec)
                if strict and mode is not None:
                    reason = (
                        f"Proxies of {caller} connect with TLS {mode}; those of {other} demand a "
                        "certificate of the mesh."
                    )
                    yield Verdict(
                        Layer.SIDECAR, Outcome.DENIED, rule.by, "spec.trafficPolicy.tls.mode", reason
                    )
        for rule in _seen(self._ways, caller, other):
            if MESH in rule.gateways:
                reason = f"Where it leads what is meant for a Service of {other} is not read here."
                yield Verdict(Layer.SIDECAR, Outcome.NOT_UNDERSTOOD, rule.by, "spec", reason)

    def _of(self, home: str) -> _ByNamespace:
        found = self._rules.get(home)
        if found is None:
            found = self._rules[home] = _by_namespace(self._registry.destination_rules(home))
        return found


def _by_namespace(rules: Mapping[str, Sequence[Rule]]) -> _ByNamespace:
    found: _ByNamespace = {}
    for host, of in rules.items():
        found.setdefault(_namespace(host), {}).update(dict.fromkeys(of))
    return found


def _seen(rules: _ByNamespace, caller: str, other: str) -> Iterator[Rule]:
    """Those about Services of a namespace that a caller's proxies are given."""
    about = {**rules.get(other, {}), **rules.get(_ANY, {})}
    return (rule for rule in about if visible(rule, caller))


def _namespace(host: str) -> str | None:
    """The namespace of the Services that a host means; `*` for a pattern that means several's, None where it
    means none."""
    name, _, namespace = host.removesuffix(SERVICES).rpartition(".")
    if host.endswith(SERVICES) and name:
        return namespace
    return _ANY if host.startswith("*") and (SERVICES.endswith(host[1:]) or host.endswith(SERVICES)) else None


def _tls(spec: Mapping[str, Any]) -> str | None:
    """The mode that is not the mesh's, of whatever port or subset, or None."""
    policies = [
        part(spec, "trafficPolicy"),
        *(part(subset, "trafficPolicy") for subset in listed(spec, "subsets")),
    ]
    levels = [*policies, *(level for policy in policies for level in listed(policy, "portLevelSettings"))]
    modes = [part(level, "tls").get("mode") for level in levels]
    return next((str(mode) for mode in modes if mode not in (None, *_OF_MESH)), None)
