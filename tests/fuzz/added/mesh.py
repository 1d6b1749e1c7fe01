"""Random objects of Istio about mutual TLS, sidecars, hosts and gateways, each with what it does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from egress.common.ports import GATEWAY_HTTP
from tests.fuzz.added.stacks import Change, Json, Stack, at, breaks, nothing, opens, put, take

Draw = st.DrawFn
ROOT = "istio-system"
NETWORKING = "networking.istio.io/v1"
_APIS = {
    **dict.fromkeys(
        ("AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"), "security.istio.io/v1"
    ),
    "EnvoyFilter": "networking.istio.io/v1alpha3",
    "ProxyConfig": "networking.istio.io/v1beta1",
    "WasmPlugin": "extensions.istio.io/v1alpha1",
    "TrafficExtension": "extensions.istio.io/v1alpha1",
    "Telemetry": "telemetry.istio.io/v1",
}
UNKNOWN = "undeclared.example"


def istio(kind: str, namespace: str, **spec: Any) -> Json:
    metadata = {"name": "somebodys", "namespace": namespace}
    return put({"apiVersion": _APIS.get(kind, NETWORKING), "kind": kind, "metadata": metadata, "spec": spec})


def pods_of(stack: Stack, gateway: str) -> Json:
    """How a gateway's pods are selected."""
    return (
        {"matchLabels": stack.objects[f"{gateway}/gateway/egress-gateway"]["spec"]["selector"]}
        if serves(stack, gateway)
        else None
    )


def serves(stack: Stack, gateway: str) -> bool:
    return f"{gateway}/gateway/egress-gateway" in stack.objects


def somewhere(draw: Draw, stack: Stack) -> str:
    """A namespace of the mesh: a team's, a gateway's, or the root."""
    return draw(st.sampled_from([*stack.teams, *stack.gateways, ROOT]))


# Mutual TLS.


def callers_without_certificate(draw: Draw, stack: Stack) -> Change | None:
    if not stack.in_cluster:
        return None
    namespace, mode = somewhere(draw, stack), draw(st.sampled_from(["DISABLE", "PERMISSIVE"]))
    selector = {"selector": {"matchLabels": {"app": "a"}}}
    spec = draw(
        st.sampled_from(
            [
                {"mtls": {"mode": mode}},
                {"mtls": {"mode": mode}, **selector},
                {"mtls": {"mode": "STRICT"}, "portLevelMtls": {"8080": {"mode": mode}}, **selector},
            ]
        )
    )
    if namespace == ROOT and "selector" in spec:
        return None
    if namespace == ROOT:
        return opens(
            f"the mesh takes callers without a certificate: {spec}",
            at("istio-system/peerauthentication/default", ["spec"], spec),
        )
    return opens(
        f"{namespace} takes callers without a certificate: {spec}",
        istio("PeerAuthentication", namespace, **spec),
    )


def certificates_that_change_nothing(draw: Draw, stack: Stack) -> Change | None:
    if not stack.in_cluster:
        return None
    spec = draw(
        st.sampled_from(
            [
                {"mtls": {"mode": "STRICT"}},
                {"selector": {"matchLabels": {"app": "a"}}, "mtls": {"mode": "STRICT"}},
                {"mtls": {"mode": "UNSET"}},
                {},
            ]
        )
    )
    return nothing(
        f"certificates as before: {spec}",
        istio("PeerAuthentication", draw(st.sampled_from([*stack.teams, *stack.gateways])), **spec),
    )


# What sidecars and gateways know.


def sidecar_more(draw: Draw, stack: Stack) -> Change | None:
    """A team's sidecars let out what they do not know."""
    if not stack.in_cluster or not stack.closed:
        return None
    team = draw(st.sampled_from(stack.closed))
    loose = {"egress": [{"hosts": ["*/*"]}], "outboundTrafficPolicy": {"mode": "ALLOW_ANY"}}
    selector = draw(st.sampled_from([{}, {"workloadSelector": {"labels": {"app": "a"}}}]))
    how = draw(st.sampled_from(["more", "changed", "gone"]))
    name = f"{team}/sidecar/default"
    if how == "gone":
        # Without it sidecars know all that is exported to them: Services of every team, if they call any.
        others = {*stack.teams} - {team, *stack.reaches(team)}
        return opens(f"{name} is gone", take(name)) if stack.reaches(team) and others else None
    if how == "changed":
        return opens(
            f"{name} lets out what it does not know",
            at(name, ["spec", "outboundTrafficPolicy"], {"mode": "ALLOW_ANY"}),
        )
    return opens(f"a Sidecar more in {team}: {selector}", istio("Sidecar", team, **loose, **selector))


def sidecar_knows_a_host(draw: Draw, stack: Stack) -> Change | None:
    """A team's sidecars know a host that nobody declared, and open connections to it."""
    if not stack.in_cluster or not stack.closed:
        return None
    team = draw(st.sampled_from(stack.closed))
    namespace = draw(
        st.sampled_from([team, *(name for name in stack.gateways if stack.intent.uses_gateway(team, name))])
    )
    export = draw(st.sampled_from([None, ["*"], [team]] + ([["."]] if namespace == team else [])))
    port = draw(st.sampled_from([(80, "HTTP"), (443, "TLS"), (443, "HTTPS"), (9999, "TCP"), (50051, "GRPC")]))
    spec: dict[str, Any] = {
        "hosts": draw(st.sampled_from([[UNKNOWN], ["*.undeclared.example"], [UNKNOWN, "other.example"]])),
        "ports": [{"number": port[0], "name": "a", "protocol": port[1]}],
        "resolution": draw(st.sampled_from(["DNS", "NONE", "STATIC"])),
        "location": draw(st.sampled_from(["MESH_EXTERNAL", "MESH_INTERNAL"])),
    }
    if spec["hosts"][0].startswith("*"):
        spec["resolution"] = "NONE"
    if spec["resolution"] == "STATIC":
        spec["endpoints"] = [{"address": "198.51.100.66"}]
    if port[1] == "TCP":
        spec["addresses"] = draw(st.sampled_from([["198.51.100.66"], ["0.0.0.0/0"], ["198.51.100.0/24"]]))
    if export or namespace != team:
        spec["exportTo"] = export or ["*"]
    return opens(
        f"sidecars of {team} know {spec['hosts']} by {port}", istio("ServiceEntry", namespace, **spec)
    )


def second_rule_for_a_host(draw: Draw, stack: Stack) -> Change | None:
    """A declared host is led elsewhere, or without the TLS that is declared."""
    teams = [team for team in stack.closed if stack.of_http(team)]
    if not teams or not stack.in_cluster:
        return None
    team = draw(st.sampled_from(teams))
    host = draw(st.sampled_from(stack.of_http(team)))
    gateway = next(name for name in stack.gateways if stack.intent.uses_gateway(team, name))
    namespace = gateway
    elsewhere = [{"route": [{"destination": {"host": "elsewhere.example", "port": {"number": 80}}}]}]
    # Of two rules, one for everybody and one that selects the gateway's pods, Istio takes the latter.
    selector = pods_of(stack, gateway)
    kind, spec = draw(
        st.sampled_from(
            [
                ("VirtualService", {"hosts": [host], "http": elsewhere}),
                ("VirtualService", {"hosts": [host], "http": [{"directResponse": {"status": 200}}]}),
                (
                    "VirtualService",
                    {"hosts": ["*"], "http": elsewhere, "gateways": [f"{gateway}/egress-gateway", "mesh"]},
                ),
                (
                    "DestinationRule",
                    {
                        "host": host,
                        "workloadSelector": selector,
                        "trafficPolicy": {"tls": {"mode": "SIMPLE"}},
                    },
                ),
                (
                    "ServiceEntry",
                    {
                        "hosts": [host],
                        "resolution": "STATIC",
                        "endpoints": [{"address": "198.51.100.66"}],
                        "ports": [{"number": 80, "name": "a", "protocol": "HTTP"}],
                    },
                ),
            ]
        )
    )
    return breaks(f"a second {kind} for {host} in {namespace}", istio(kind, namespace, **spec))


def door_of_a_gateway(draw: Draw, stack: Stack) -> Change | None:
    """A gateway serves one port more, or serves it without asking for a certificate of the mesh."""
    gateway = draw(st.sampled_from(stack.gateways)) if stack.gateways else ""
    if not gateway or not serves(stack, gateway):
        return None
    selector = stack.objects[f"{gateway}/gateway/egress-gateway"]["spec"]["selector"]
    tls = draw(
        st.sampled_from(
            [
                None,
                {"mode": "SIMPLE", "credentialName": "a"},
                {"mode": "PASSTHROUGH"},
                {"mode": "MUTUAL", "credentialName": "a"},
            ]
        )
    )
    protocol = "HTTP" if tls is None else "HTTPS"
    server = {
        "port": {"number": draw(st.sampled_from([80, 9999])), "name": "a", "protocol": protocol},
        "hosts": ["*"],
        **({"tls": tls} if tls else {}),
    }
    if draw(st.booleans()):
        # No route is for what is passed through, so that it leads nowhere; and nobody is let onto a port that
        # no team is to use.
        how = breaks if tls == {"mode": "PASSTHROUGH"} or server["port"]["number"] == 9999 else opens
        return how(
            f"{gateway}: a server is {tls}",
            at(f"{gateway}/gateway/egress-gateway", ["spec", "servers", 0], server),
        )
    namespace = draw(st.sampled_from([gateway, *stack.teams, ROOT]))
    if (
        str(GATEWAY_HTTP) not in json.dumps(stack.objects.get(f"{gateway}/service/istio-egressgateway", {}))
        or server["port"]["number"] == 9999
    ):
        # What no Service leads to is still a port of the pod; NetworkPolicies hold it.
        return None
    return opens(
        f"a Gateway in {namespace} for {gateway}'s pods: {server}",
        istio("Gateway", namespace, selector=selector, servers=[server]),
    )


def needed_object_gone(draw: Draw, stack: Stack) -> Change | None:
    """An object that declared flows of the strict model need."""
    if not stack.in_cluster or not any(stack.of_http(team) or stack.passed(team) for team in stack.closed):
        return None
    ends = (
        "/service/istio-egressgateway",
        "/deployment/istio-egressgateway",
        "/gateway/egress-gateway",
        "-through-egress-gateway",
        "/destinationrule/target-egress-gateway",
    )
    hosts = {host for team in stack.closed for host in stack.hosts(team)}
    names = [
        name
        for name in stack.objects
        if name.endswith(ends) or (name.endswith("-ext") and name.split("/")[0] in stack.gateways)
    ]
    kept = [
        name
        for name in names
        if "serviceentry" not in name or set(stack.objects[name]["spec"]["hosts"]) <= hosts
    ]
    return breaks("what is needed is gone", take(draw(st.sampled_from(kept)))) if kept else None


GENERATORS: tuple[Callable[[Draw, Stack], Change | None], ...] = (
    callers_without_certificate,
    certificates_that_change_nothing,
    sidecar_more,
    sidecar_knows_a_host,
    second_rule_for_a_host,
    door_of_a_gateway,
    needed_object_gone,
)
