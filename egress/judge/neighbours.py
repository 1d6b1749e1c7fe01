"""What pods of another namespace say to a caller whom NetworkPolicies let come: authorization, and mutual TLS on both sides.

Asked only of what has to arrive: that a pod's own proxy would refuse is nothing to count on, since a pod may have none.
Understood: AuthorizationPolicies of the pods' namespace and of the root namespace; DestinationRules for the Services there with
`trafficPolicy.tls.mode`, beside what the namespace demands. A VirtualService for such a Service is not understood.
Source: Istio reference, AuthorizationPolicy, PeerAuthentication, DestinationRule; "Understanding TLS Configuration".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from egress.judge.authorization import Authorization
from egress.judge.deployed import Deployed, Manifest, identity, listed, part
from egress.judge.flow import Connection, Layer, Pod, Verdict
from egress.judge.namespaces import Namespaces
from egress.judge.registry import Registry

_SERVICES = ".svc.cluster.local"
_OF_MESH = ("ISTIO_MUTUAL",)
_Rule = tuple[Manifest, frozenset[str]]
"""An object, and the namespaces that it is exported to."""


class Neighbours:
    """Judges connections to pods that are no gateway's."""

    def __init__(self, deployed: Deployed, registry: Registry, authorization: Authorization, namespaces: Namespaces) -> None:
        self._authorization, self._namespaces = authorization, namespaces
        self._ways: dict[str, list[_Rule]] = {}
        self._rules: dict[str, list[_Rule]] = {}
        for kind, found in (("VirtualService", self._ways), ("DestinationRule", self._rules)):
            for manifest in deployed.kind(kind):
                spec = part(manifest, "spec")
                for namespace in {of for host in _hosts(spec) if (of := _namespace(host))}:
                    exported = registry.exported(
                        spec.get("exportTo"), manifest["metadata"]["namespace"], f"default{kind}ExportTo"
                    )
                    found.setdefault(namespace, []).append((manifest, exported))

    def judge(self, connection: Connection, principals: set[str]) -> Iterator[Verdict]:
        """What refuses a connection that is declared for every caller of a namespace, or is not understood about it.

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
            for inner in (connection.inner, ""):
                said = self._authorization.judge(to, replace(connection, principal=principal, inner=inner))
                if not said.allowed or not said.understood:
                    yield said
                    return

    def _routed(self, caller: str, other: str) -> Iterator[Verdict]:
        strict = not self._namespaces.mutual(other).allowed
        for manifest in _seen(self._rules.get(other, ()), caller):
            mode = _tls(part(manifest, "spec"))
            if strict and mode not in (None, *_OF_MESH):
                reason = f"Proxies of {caller} connect with TLS {mode}, and those of {other} demand a certificate of the mesh."
                yield Verdict(Layer.SIDECAR, False, identity(manifest), "spec.trafficPolicy.tls.mode", reason)
        for manifest in _seen(self._ways.get(other, ()), caller):
            if "mesh" in (listed(manifest, "spec", "gateways") or ("mesh",)):
                reason = f"Where it leads what is meant for a Service of {other} is not read here."
                yield Verdict(Layer.SIDECAR, True, identity(manifest), "spec", reason, understood=False)


def _hosts(spec: Mapping[str, Any]) -> Iterator[str]:
    yield from map(str, listed(spec, "hosts"))
    if "host" in spec:
        yield str(spec["host"])


def _namespace(host: str) -> str | None:
    """The namespace of a Service's full name."""
    name, _, namespace = host.removesuffix(_SERVICES).rpartition(".")
    return namespace if host.endswith(_SERVICES) and name else None


def _seen(rules: Iterator[_Rule] | list[_Rule] | tuple[_Rule, ...], caller: str) -> Iterator[Manifest]:
    return (manifest for manifest, exported in rules if caller in exported or "*" in exported)


def _tls(spec: Mapping[str, Any]) -> str | None:
    """The mode that is not the mesh's, of whatever port or subset, or None."""
    policies = [part(spec, "trafficPolicy"), *(part(subset, "trafficPolicy") for subset in listed(spec, "subsets"))]
    levels = [*policies, *(level for policy in policies for level in listed(policy, "portLevelSettings"))]
    modes = [part(level, "tls").get("mode") for level in levels]
    return next((str(mode) for mode in modes if mode not in (None, *_OF_MESH)), None)
