"""Rules for the service mesh and for namespaces: nothing is made known to everybody, and every fence is
there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from egress_policies.rule import UNKNOWN, Resource, Rule, Setting, Settings, at, known, mapping, matches

EXPORTED = frozenset(
    f"networking.istio.io/{kind}" for kind in ("ServiceEntry", "VirtualService", "DestinationRule")
)
"""Kinds that every namespace of the mesh sees unless they say otherwise."""
TEAM_LABEL = "gke-mesh-egress/team"
RELEASE = "kubernetes:helm.sh/v3:Release"


def _named_exports(resource: Resource, _settings: Settings) -> Iterator[str]:
    if resource.kind not in EXPORTED:
        return
    exported = at(resource.props, "spec.exportTo")
    if exported is UNKNOWN:
        return
    if not exported or "*" in exported:
        said = "is exported to all (*)" if exported else "has no exportTo, so it is exported to all"
        yield (
            f"This object {said}: every team's proxies would know the host. Name the namespaces that need "
            "it in spec.exportTo."
        )


def _registry_only(resource: Resource, settings: Settings) -> Iterator[str]:
    if resource.kind == "networking.istio.io/Sidecar":
        mode, team = at(resource.props, "spec.outboundTrafficPolicy.mode"), resource.namespace
        if mode == "ALLOW_ANY" and not matches(team, settings["openNamespaces"]):
            yield (
                "Proxies would pass on what is sent to hosts that nobody declared. Set the mode to "
                "REGISTRY_ONLY."
            )
        hosts = [
            host for part in known(at(resource.props, "spec.egress")) for host in known(at(part, "hosts"))
        ]
        if any(str(host).partition("/")[0] == "*" for host in hosts):
            yield "Proxies would know the hosts of every namespace. Name the namespaces in spec.egress.hosts."
    for config in _mesh_configs(resource):
        if at(config, "outboundTrafficPolicy.mode") != "REGISTRY_ONLY":
            yield (
                "Proxies that no Sidecar object speaks of would pass on what is sent to hosts that nobody "
                "declared. Set "
                "meshConfig.outboundTrafficPolicy.mode to REGISTRY_ONLY."
            )


def _mesh_configs(resource: Resource) -> Iterator[Any]:
    """The mesh's own config: values of the chart istiod, or the ConfigMap of managed Cloud Service Mesh."""
    if resource.type == RELEASE and resource.props.get("chart") == "istiod":
        yield at(resource.props, "values.meshConfig") or {}
    text = at(resource.props, "data.mesh")
    if resource.kind == "v1/ConfigMap" and isinstance(text, str):
        try:
            config = json.loads(text)
        except ValueError:
            return  # Not as this program writes it; nothing is known of it.
        yield config


def _named_callers(resource: Resource, _settings: Settings) -> Iterator[str]:
    if resource.kind != "security.istio.io/AuthorizationPolicy" or at(resource.props, "spec.action") not in (
        None,
        "ALLOW",
    ):
        return
    for index, rule in enumerate(known(at(resource.props, "spec.rules"))):
        sources = [mapping(at(source, "source")) for source in known(at(rule, "from"))]
        named = [[*known(at(source, "principals")), *known(at(source, "namespaces"))] for source in sources]
        if any(not names or "*" in names for names in named):
            yield (
                f"spec.rules[{index}] lets every caller do it. Name principals or namespaces in each "
                "source of `from`."
            )
        elif not sources and not _by_server_name(rule):
            yield (
                f"spec.rules[{index}] lets every caller do it: it has no `from`, and no `when` that names "
                "what TLS asks for "
                "(connection.sni). Name principals or namespaces."
            )


def _by_server_name(rule: Any) -> bool:
    """Whether the rule is for connections that ask for certain names: who may was decided when they were
    opened."""
    return any(
        at(condition, "key") == "connection.sni"
        and known(at(condition, "values"))
        and "*" not in at(condition, "values")
        for condition in known(at(rule, "when"))
    )


def _strict(resource: Resource, _settings: Settings) -> Iterator[str]:
    if resource.kind != "security.istio.io/PeerAuthentication":
        return
    ports = at(resource.props, "spec.portLevelMtls")
    modes = [at(resource.props, "spec.mtls.mode"), *(at(value, "mode") for value in mapping(ports).values())]
    if any(mode in ("PERMISSIVE", "DISABLE") for mode in modes):
        yield (
            "Callers without a certificate of the mesh would be heard, and whoever they are could not be "
            "told. Use STRICT."
        )


def _fences(resources: Sequence[Resource], _settings: Settings) -> Iterator[tuple[Resource | None, str]]:
    selecting_all = {
        resource.namespace
        for resource in resources
        if resource.kind == "networking.k8s.io/NetworkPolicy"
        and not at(resource.props, "spec.podSelector")
        and "Egress" in known(at(resource.props, "spec.policyTypes"))
    }
    narrowed = {
        resource.namespace
        for resource in resources
        if resource.kind == "networking.istio.io/Sidecar" and not at(resource.props, "spec.workloadSelector")
    }
    denying = [resource for resource in resources if _allows_nothing(resource)]
    for resource in resources:
        name = at(resource.props, "metadata.name")
        if (
            resource.kind == "v1/Namespace"
            and at(resource.props, "metadata.labels")
            and TEAM_LABEL in at(resource.props, "metadata.labels")
        ):
            if name not in selecting_all:
                yield (
                    resource,
                    f"No NetworkPolicy denies what pods of {name} may not reach: one for all pods, of type "
                    "Egress.",
                )
            if name not in narrowed:
                yield resource, f"No Sidecar object says which hosts proxies of {name} know."
        if resource.kind == "networking.istio.io/Gateway" and not any(
            _covers(policy, resource) for policy in denying
        ):
            yield (
                resource,
                "Nothing denies what no AuthorizationPolicy allows at this gateway: an ALLOW policy without "
                "rules does, in "
                f"{resource.namespace}, with the gateway's selector or none.",
            )


def _allows_nothing(resource: Resource) -> bool:
    if resource.kind != "security.istio.io/AuthorizationPolicy" or at(resource.props, "spec.action") not in (
        None,
        "ALLOW",
    ):
        return False
    return not at(resource.props, "spec.rules")


def _covers(policy: Resource, gateway: Resource) -> bool:
    wanted = mapping(at(policy.props, "spec.selector.matchLabels")).items()
    return (
        policy.namespace == gateway.namespace
        and wanted <= mapping(at(gateway.props, "spec.selector")).items()
    )


RULES = (
    Rule("named-exports", "No object of the mesh is exported to all namespaces.", of_one=_named_exports),
    Rule(
        "declared-hosts-only",
        "Proxies pass on nothing to hosts that nobody declared.",
        of_one=_registry_only,
        settings={"openNamespaces": Setting((), "Namespaces of teams whose security model is open.")},
    ),
    Rule("named-callers", "What is allowed is allowed to somebody.", of_one=_named_callers),
    Rule("strict-mutual-tls", "Nobody is heard without a certificate of the mesh.", of_one=_strict),
    Rule(
        "fences-are-there",
        "Every team's namespace and every gateway has its denying objects.",
        of_all=_fences,
    ),
)
