"""Random objects of Istio, each with what it does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

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
        if _serves(stack, gateway)
        else None
    )


def _serves(stack: Stack, gateway: str) -> bool:
    return f"{gateway}/gateway/egress-gateway" in stack.objects


def _somewhere(draw: Draw, stack: Stack) -> str:
    """A namespace of the mesh: a team's, a gateway's, or the root."""
    return draw(st.sampled_from([*stack.teams, *stack.gateways, ROOT]))


# Who may ask a gateway for what.


def _foreign(stack: Stack, gateway: str) -> list[tuple[str, str]]:
    """A team, and a host of plain HTTP that the gateway serves and that is another's."""
    served = stack.objects[f"{gateway}/gateway/egress-gateway"]["spec"] if _serves(stack, gateway) else {}
    if not served:
        return []
    own = {team for team in stack.closed if stack.intent.uses_gateway(team, gateway)}
    every = {(team, host) for team in own for host in stack.of_http(team)}
    return sorted((team, host) for team in own for _, host in every if host not in stack.hosts(team))


def source_of(draw: Draw, team: str, account: str = "any") -> Json:
    """A source that means at least one account of a team."""
    return draw(
        st.sampled_from(
            [
                {"namespaces": [team]},
                {"namespaces": [f"{team[:-1]}*"]},
                {"namespaces": ["elsewhere", team]},
                {"principals": [f"cluster.local/ns/{team}/sa/{account}"]},
                {"principals": [f"*/ns/{team}/sa/{account}"]},
                {"principals": [f"*/sa/{account}"]},
                {"principals": [f"cluster.local/ns/{team}/*"]},
                {"principals": ["*"]},
                {"notPrincipals": ["cluster.local/ns/elsewhere/sa/a"]},
                {"notNamespaces": ["elsewhere"]},
                {"serviceAccounts": [f"{team}/{account}"]},
                {},
            ]
        )
    )


def rule_allowed(draw: Draw, stack: Stack) -> Change | None:
    """Another team's host is allowed to a team."""
    gateway = draw(st.sampled_from(stack.gateways)) if stack.gateways else ""
    foreign = _foreign(stack, gateway)
    if not foreign:
        return None
    team, host = draw(st.sampled_from(foreign))
    source = source_of(draw, team)
    to = draw(
        st.sampled_from(
            [
                None,
                {"hosts": [host]},
                {"hosts": [f"{host}:80"]},
                {"hosts": [host], "notPaths": ["/"]},
                {"hosts": [host], "notMethods": ["GET"]},
                {"hosts": [f"*{host[1:]}"]},
                {"hosts": [f"{host[:-2]}*"]},
                {"hosts": [host], "paths": ["/a/*"]},
                {"hosts": [host], "methods": ["DELETE"]},
                {"notHosts": ["elsewhere.example"]},
                {"ports": ["8080"]},
            ]
        )
    )
    when = draw(
        st.sampled_from(
            [
                None,
                [{"key": "destination.port", "values": ["8080"]}],
                [{"key": "request.headers[x-a]", "values": ["b"]}],
                [{"key": "request.headers[x-a]", "notValues": ["b"]}],
                [{"key": "destination.ip", "values": ["10.0.0.0/8"]}],
                [{"key": "source.namespace", "values": [team]}],
                [{"key": "experimental.a", "values": ["b"]}],
            ]
        )
    )
    rule = {
        **({"from": [{"source": source}]} if source else {}),
        **({"to": [{"operation": to}]} if to else {}),
    }
    rule |= {"when": when} if when else {}
    namespace = draw(st.sampled_from([gateway, gateway, ROOT]))
    selector = {"selector": pods_of(stack, gateway)} if namespace == gateway and draw(st.booleans()) else {}
    return opens(
        f"{team} may ask {gateway} for {host}: {rule}",
        istio("AuthorizationPolicy", namespace, action="ALLOW", rules=[rule], **selector),
    )


def rule_denied(draw: Draw, stack: Stack) -> Change | None:
    """What a team declared is refused, to some of its accounts at least."""
    teams = [team for team in stack.closed if stack.of_http(team)]
    if not teams or not stack.in_cluster:
        return None
    team = draw(st.sampled_from(teams))
    gateway = next(name for name in stack.gateways if stack.intent.uses_gateway(team, name))
    host = draw(st.sampled_from(stack.of_http(team)))
    rules = stack.team(team)["egress"][host]["http"]
    accounts = rules.get("serviceAccounts") or [
        of for one in (rules.get("allow") or {}).values() for of in one.get("serviceAccounts", ())
    ]
    source = source_of(draw, team, accounts[0] if accounts else "any")
    to = draw(
        st.sampled_from(
            [None, {"hosts": [host]}, {"hosts": [f"*{host[2:]}"]}, {"hosts": ["*"]}, {"ports": ["8080"]}]
        )
    )
    rule = {
        **({"from": [{"source": source}]} if source else {}),
        **({"to": [{"operation": to}]} if to else {}),
    }
    action = draw(st.sampled_from(["DENY", "DENY", "CUSTOM"]))
    namespace = draw(st.sampled_from([gateway, gateway, ROOT]))
    provider = {"provider": {"name": "somebodys"}} if action == "CUSTOM" else {}
    policy = istio("AuthorizationPolicy", namespace, action=action, rules=[rule], **provider)
    return breaks(f"{action} for {team} at {host}: {rule}", policy)


def rule_for_neighbours(draw: Draw, stack: Stack) -> Change | None:
    """A team that others reach takes no calls any more."""
    reached = sorted({other for team in stack.closed for other in stack.reaches(team)})
    if not reached or not stack.in_cluster:
        return None
    team = draw(st.sampled_from(reached))
    caller = next(one for one in stack.closed if team in stack.reaches(one))
    spec = draw(
        st.sampled_from(
            [
                {"action": "DENY", "rules": [{}]},
                {"action": "DENY", "rules": [{"from": [{"source": {"namespaces": [caller]}}]}]},
                {"action": "DENY", "rules": [{"to": [{"operation": {"ports": ["8080"]}}]}]},
                {"action": "ALLOW", "rules": [{"from": [{"source": {"namespaces": [team]}}]}]},
                {"action": "ALLOW"},
            ]
        )
    )
    return breaks(f"{team} refuses {caller}: {spec}", istio("AuthorizationPolicy", team, **spec))


def rule_widened(draw: Draw, stack: Stack) -> Change | None:
    """A rendered rule without one of its conditions."""
    found: list[tuple[str, list[Any]]] = []
    for name in stack.kinds("AuthorizationPolicy"):
        gateway = name.split("/")[0]
        for number, rule in enumerate(stack.objects[name]["spec"].get("rules") or ()):
            if gateway not in stack.gateways or "hosts" not in json.dumps(rule):
                continue
            path = ["spec", "rules", number]
            for place, to in enumerate(rule.get("to") or ()):
                found += [
                    (name, [*path, "to", place, "operation", key])
                    for key in ("paths", "methods")
                    if key in to["operation"]
                ]
            found += [
                (name, [*path, "when", place])
                for place, when in enumerate(rule.get("when") or ())
                if when["key"].startswith("request.headers")
            ]
            if _foreign(stack, gateway):
                found.append((name, [*path, "from"]))
    if not found:
        return None
    name, path = draw(st.sampled_from(found))
    if path[-1] == "from" and not any(
        host in json.dumps(stack.objects[name]["spec"]["rules"][path[2]])
        for _, host in _foreign(stack, name.split("/")[0])
    ):
        return None
    rules = stack.objects[name]["spec"]["rules"]
    if path[-1] != "from" and any(
        _passes_all_of(other, rules[path[2]]) for number, other in enumerate(rules) if number != path[2]
    ):
        return nothing(f"{name} without {path}, and another rule passes everything", at(name, path, None))
    return opens(f"{name} without {path}", at(name, path, None))


def _passes_all_of(wide: Json, narrow: Json) -> bool:
    """Whether a rule of the same team passes every request to the hosts of another, from any of its pods."""
    anybody = all(set(one["source"]) == {"namespaces"} for one in wide.get("from") or ())
    everything = [to["operation"] for to in wide.get("to") or ()]
    hosts = [to["operation"].get("hosts") for to in narrow["to"]]
    ports = [when for when in narrow.get("when") or () if when["key"] == "destination.port"]
    return anybody and wide.get("when") == ports and everything == [{"hosts": of} for of in hosts]


def rule_gone(draw: Draw, stack: Stack) -> Change | None:
    names = [name for name in stack.kinds("AuthorizationPolicy") if "/egress-" in name]
    return breaks("a team's rules are gone", take(draw(st.sampled_from(names)))) if names else None


def rules_that_change_nothing(draw: Draw, stack: Stack) -> Change | None:
    names = [
        name
        for name in stack.kinds("AuthorizationPolicy")
        if name.split("/")[0] in stack.gateways and "/egress-" in name
    ]
    if not names or not stack.in_cluster:
        return None
    name = draw(st.sampled_from(names))
    spec = dict(stack.objects[name]["spec"])
    gateway = name.split("/")[0]
    how = draw(st.sampled_from(["again", "one", "audit", "nobody", "elsewhere"]))
    if how == "one":
        spec["rules"] = [draw(st.sampled_from(spec["rules"]))]
    if how == "audit":
        spec = {"action": "AUDIT", "rules": [{}]}
    if how == "nobody":
        spec = {
            "action": "DENY",
            "rules": [{"from": [{"source": {"namespaces": ["nobodys"]}}]}],
            "selector": spec["selector"],
        }
    namespace = "nobodys" if how == "elsewhere" else gateway
    return nothing(f"a rule more, {how}", istio("AuthorizationPolicy", namespace, **spec))


# Mutual TLS.


def callers_without_certificate(draw: Draw, stack: Stack) -> Change | None:
    if not stack.in_cluster:
        return None
    namespace, mode = _somewhere(draw, stack), draw(st.sampled_from(["DISABLE", "PERMISSIVE"]))
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
    if not gateway or not _serves(stack, gateway):
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
        "8080" not in json.dumps(stack.objects.get(f"{gateway}/service/istio-egressgateway", {}))
        or server["port"]["number"] == 9999
    ):
        # What no Service leads to is still a port of the pod; NetworkPolicies hold it.
        return None
    return opens(
        f"a Gateway in {namespace} for {gateway}'s pods: {server}",
        istio("Gateway", namespace, selector=selector, servers=[server]),
    )


def code_in_proxies(draw: Draw, stack: Stack) -> Change | None:
    """Programs, filters and settings of proxies: nobody can tell what they do."""
    namespace = _somewhere(draw, stack)
    value = {"name": "envoy.filters.network.tcp_proxy", "typed_config": {"cluster": "somewhere"}}
    patch = {
        "operation": draw(st.sampled_from(["INSERT_FIRST", "MERGE", "ADD", "REMOVE", "REPLACE"])),
        "value": value,
    }
    applies = draw(
        st.sampled_from(
            ["NETWORK_FILTER", "HTTP_FILTER", "CLUSTER", "LISTENER", "BOOTSTRAP", "ROUTE_CONFIGURATION"]
        )
    )
    selector = draw(st.sampled_from([{}, {"workloadSelector": {"labels": {"app": "a"}}}]))
    kind, spec = draw(
        st.sampled_from(
            [
                ("EnvoyFilter", {"configPatches": [{"applyTo": applies, "patch": patch}], **selector}),
                ("WasmPlugin", {"url": "oci://elsewhere/program"}),
                ("WasmPlugin", {"url": "oci://elsewhere/program", "selector": {"matchLabels": {"app": "a"}}}),
                ("TrafficExtension", {"lua": {"inlineCode": "function envoy_on_request(handle) end"}}),
                ("ProxyConfig", {"environmentVariables": {"ISTIO_META_UNKNOWN": "1"}}),
                ("RequestAuthentication", {"jwtRules": [{"issuer": "a"}]}),
                ("WorkloadEntry", {"address": "198.51.100.66"}),
                ("Telemetry", {"tracing": [{"randomSamplingPercentage": 100}]}),
            ]
        )
    )
    return opens(f"{kind} in {namespace}", istio(kind, namespace, **spec))


def proxies_that_change_nothing(draw: Draw, stack: Stack) -> Change | None:
    namespace = draw(st.sampled_from(stack.teams))
    kind, spec = draw(
        st.sampled_from(
            [
                ("Telemetry", {"accessLogging": [{"providers": [{"name": "a"}]}]}),
                ("ProxyConfig", {"concurrency": 2}),
                (
                    "DestinationRule",
                    {
                        "host": f"own.{namespace}.svc.cluster.local",
                        "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 5}}},
                    },
                ),
                (
                    "VirtualService",
                    {
                        "hosts": [f"own.{namespace}.svc.cluster.local"],
                        "exportTo": ["."],
                        "http": [
                            {
                                "timeout": "5s",
                                "route": [{"destination": {"host": f"own.{namespace}.svc.cluster.local"}}],
                            }
                        ],
                    },
                ),
            ]
        )
    )
    return nothing(f"{kind} that changes nothing", istio(kind, namespace, **spec))


def mesh_settings(draw: Draw, stack: Stack) -> Change | None:
    name = "istio-system/configmap/istio"
    if name not in stack.objects:
        return None
    mesh = json.loads(stack.objects[name]["data"]["mesh"])
    change: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"outboundTrafficPolicy": {"mode": "ALLOW_ANY"}},
                {"outboundTrafficPolicy": None},
                {"pathNormalization": None},
                {"pathNormalization": {"normalization": "NONE"}},
                {"tlsDefaults": {"minProtocolVersion": "TLSV1_0"}},
                {"trustDomainAliases": ["elsewhere"]},
                {"rootNamespace": "elsewhere"},
                {"enableAutoMtls": False},
                {"discoverySelectors": None},
                {"defaultServiceExportTo": ["*"]},
                {"defaultVirtualServiceExportTo": ["*"]},
                {"somethingNew": {"a": True}},
            ]
        )
    )
    if all(mesh.get(key) == value for key, value in change.items()):
        return None
    text = json.dumps({key: value for key, value in {**mesh, **change}.items() if value is not None})
    return opens(f"the mesh is told {change}", at(name, ["data", "mesh"], text))


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
    rule_allowed,
    rule_denied,
    rule_for_neighbours,
    rule_widened,
    rule_gone,
    rules_that_change_nothing,
    callers_without_certificate,
    certificates_that_change_nothing,
    sidecar_more,
    sidecar_knows_a_host,
    second_rule_for_a_host,
    door_of_a_gateway,
    code_in_proxies,
    proxies_that_change_nothing,
    mesh_settings,
    needed_object_gone,
)
