"""What no judge reads is said, and nothing is proven beside it: fields that somebody adds, kinds that change
what proxies do.

Each case is one change of one object, or one object more, that opens or breaks something.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
import yaml

from egress.judge.model.flow import Flow, Protocol
from egress.judge.model.snapshot import Snapshot, identity
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.model import Plan
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import Violation, verify
from tests.support import PROJECT, ROOT, dev_config, plan_of

MODES = sorted(path.name.split(".")[1] for path in (ROOT / "examples/modes").glob("Pulumi.*.yaml"))


@cache
def plan(mode: str) -> Plan:
    """The plan of an example, or of the tutorial (`dev`)."""
    if mode == "dev":
        return plan_of(dev_config())
    config = yaml.safe_load((ROOT / f"examples/modes/Pulumi.{mode}.yaml").read_text(encoding="utf-8"))[
        "config"
    ]
    return plan_of(config | {"gcp:project": PROJECT})


@cache
def rendered(mode: str) -> Snapshot:
    return deployment(plan(mode), render(plan(mode)))


def with_change(mode: str, name: str, change: Callable[[Any], object]) -> Snapshot:
    deployed = rendered(mode)
    objects = [deepcopy(dict(item)) for item in deployed.kubernetes]
    (found,) = [item for item in objects if identity(item) == name]
    change(found)
    assert found != next(item for item in deployed.kubernetes if identity(item) == name), (
        "nothing was changed"
    )
    return Snapshot.of(objects, deployed.google)


def with_object(mode: str, written: dict[str, Any]) -> Snapshot:
    deployed = rendered(mode)
    return Snapshot.of([*deployed.kubernetes, written], deployed.google)


def violations(mode: str, deployed: Snapshot) -> list[Violation]:
    return verify(Intent(plan(mode)), Judges(deployed))


@pytest.mark.parametrize("mode", ["dev", *MODES])
def test_everything_that_the_program_renders_is_read(mode: str) -> None:
    assert list(Judges(rendered(mode)).unread) == []


def istio(kind: str, namespace: str, api: str = "networking.istio.io/v1", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": api,
        "kind": kind,
        "metadata": {"name": "somebodys", "namespace": namespace},
        "spec": spec,
    }


ELSEWHERE = {"name": "envoy.filters.network.tcp_proxy", "typed_config": {"cluster": "somewhere-else"}}
ADDED: dict[str, dict[str, Any]] = {
    **{
        f"a filter in {namespace}": istio(
            "EnvoyFilter",
            namespace,
            "networking.istio.io/v1alpha3",
            configPatches=[
                {"applyTo": "NETWORK_FILTER", "patch": {"operation": "INSERT_FIRST", "value": ELSEWHERE}}
            ],
        )
        for namespace in ("team-x", "istio-egress", "istio-system")
    },
    **{
        f"{kind} in {namespace}": istio(kind, namespace, url="oci://elsewhere/program")
        for kind in ("WasmPlugin", "TrafficExtension")
        for namespace in ("team-x", "istio-egress", "istio-system")
    },
    "a program that reads bodies, and more": istio(
        "TrafficExtension",
        "istio-egress",
        lua={"inlineCode": "local HOSTS = {\n}\nfunction envoy_on_request(handle) end"},
    ),
    "routes of the Gateway API": istio(
        "HTTPRoute", "istio-egress", "gateway.networking.k8s.io/v1", parentRefs=[{"name": "a"}]
    ),
    "an address that stands for a Service": istio("WorkloadEntry", "team-x", address="198.51.100.9"),
    "an environment of proxies": istio(
        "ProxyConfig", "team-x", environmentVariables={"ISTIO_META_UNKNOWN": "true"}
    ),
    "a Service that leads outside": istio(
        "Service", "team-x", "v1", type="ExternalName", externalName="elsewhere.example"
    ),
    "a Service without pods": istio("Service", "team-x", "v1", ports=[{"port": 443, "name": "tls"}]),
    "a Service at an address outside": istio(
        "Service", "team-x", "v1", selector={"app": "a"}, externalIPs=["198.51.100.9"]
    ),
    "addresses by hand": {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "by-hand", "namespace": "team-x"},
        "endpoints": [{"addresses": ["198.51.100.9"]}],
    },
    "a second way for one host": istio(
        "VirtualService",
        "istio-egress",
        hosts=["example.com"],
        http=[{"route": [{"destination": {"host": "elsewhere.example", "port": {"number": 80}}}]}],
    ),
    "TLS that is taken away from every host": istio(
        "DestinationRule", "team-x", host="*", trafficPolicy={"tls": {"mode": "DISABLE"}}
    ),
    "TLS that is taken away from a host by its short name": istio(
        "DestinationRule",
        "istio-egress",
        host="istio-egressgateway",
        trafficPolicy={"tls": {"mode": "DISABLE"}},
    ),
    "a way for every host of a domain": istio(
        "VirtualService",
        "team-x",
        hosts=["*.com"],
        http=[{"route": [{"destination": {"host": "elsewhere.example", "port": {"number": 80}}}]}],
    ),
    "a destination for every address": istio(
        "ServiceEntry",
        "team-x",
        hosts=["elsewhere.example"],
        addresses=["0.0.0.0/0"],
        resolution="NONE",
        ports=[{"number": 9999, "name": "tcp", "protocol": "TCP"}],
    ),
    "a second destination for one host": istio(
        "ServiceEntry",
        "istio-egress",
        hosts=["example.com"],
        exportTo=["team-x"],
        resolution="DNS",
        endpoints=[{"address": "elsewhere.example"}],
        ports=[{"number": 80, "name": "http", "protocol": "HTTP"}],
    ),
}
"""What somebody adds."""


@pytest.mark.parametrize("what", ADDED)
def test_nothing_is_proven_beside_what_nobody_reads(what: str) -> None:
    written = ADDED[what]
    found = violations("dev", with_object("dev", written))
    assert any(
        step.decided_by == identity(written) and not step.understood
        for violation in found
        for step in violation.steps
    )


def _patch(patch: dict[str, Any], **of: Any) -> None:
    patch["patch"]["value"]["typed_config"].update(of)


CHANGED: dict[str, tuple[str, str, Callable[[Any], object]]] = {
    "a look-up of names that is another filter by its type": (
        "wildcard",
        "istio-egress/envoyfilter/wildcard-look-up",
        lambda item: _patch(
            item["spec"]["configPatches"][0], **{"@type": "type.googleapis.com/elsewhere", "cluster": "a"}
        ),
    ),
    "a look-up of names on every listener": (
        "wildcard",
        "istio-egress/envoyfilter/wildcard-look-up",
        lambda item: item["spec"]["configPatches"][0].pop("match"),
    ),
    "a look-up of names for another port": (
        "wildcard",
        "istio-egress/envoyfilter/wildcard-look-up",
        lambda item: _patch(item["spec"]["configPatches"][0], port_value=22),
    ),
    "a filter for copies that does more": (
        "mirror",
        "istio-egress/envoyfilter/clean-copies",
        lambda item: next(
            iter(
                item["spec"]["configPatches"][0]["patch"]["value"][
                    "typed_extension_protocol_options"
                ].values()
            )
        )["http_filters"].insert(0, {"name": "envoy.filters.http.wasm"}),
    ),
    "a filter of bodies that lets everything through": (
        "inspection",
        "istio-egress/trafficextension/body-inspection",
        lambda item: item["spec"]["lua"].update(
            inlineCode=item["spec"]["lua"]["inlineCode"] + "envoy_on_request = nil"
        ),
    ),
    "a table of bodies that calls something": (
        "inspection",
        "istio-egress/trafficextension/body-inspection",
        lambda item: item["spec"]["lua"].update(
            inlineCode=item["spec"]["lua"]["inlineCode"].replace(
                "local HOSTS = {", "local HOSTS = {\n  [os.exit()] = {},", 1
            )
        ),
    ),
    "an entry without a resolution of its own, by the labels of pods": (
        "dev",
        "istio-egress/serviceentry/example-com-ext",
        lambda item: item["spec"].update(workloadSelector={"labels": {"app": "a"}}),
    ),
    "an entry that is inside the mesh": (
        "dev",
        "istio-egress/serviceentry/example-com-ext",
        lambda item: item["spec"].update(location="MESH_INTERNAL"),
    ),
    "a route that fails by itself": (
        "dev",
        "istio-egress/virtualservice/example-com-through-egress-gateway",
        lambda item: item["spec"]["http"][0].update(fault={"abort": {"httpStatus": 503}}),
    ),
    "a server that redirects": (
        "dev",
        "istio-egress/gateway/egress-gateway",
        lambda item: item["spec"]["servers"][0]["tls"].update(httpsRedirect=True),
    ),
    "a gateway's Service that leads to pods of the caller's node": (
        "dev",
        "istio-egress/service/istio-egressgateway",
        lambda item: item["spec"].update(internalTrafficPolicy="Local"),
    ),
    "a tunnel": (
        "dev",
        "istio-egress/destinationrule/example-com-originate-tls",
        lambda item: item["spec"]["trafficPolicy"].update(
            tunnel={"targetHost": "elsewhere.example", "targetPort": 443}
        ),
    ),
}
"""What somebody changes: an example, an object, and how."""


@pytest.mark.parametrize("what", CHANGED)
def test_nothing_is_proven_beside_a_field_that_nobody_reads(what: str) -> None:
    mode, name, change = CHANGED[what]
    found = violations(mode, with_change(mode, name, change))
    assert any(
        step.decided_by == name and not step.understood for violation in found for step in violation.steps
    )


def test_a_flow_is_not_understood_where_its_own_namespace_or_the_mesh_holds_such_an_object() -> None:
    for namespace, understood in (("team-x", False), ("istio-system", False), ("team-y", True)):
        judges = Judges(with_object("dev", istio("WasmPlugin", namespace, url="oci://elsewhere/program")))
        trace = judges.trace(Flow("team-x", "undeclared.example", 443, Protocol.TLS))
        assert trace.understood is understood, namespace


def test_what_a_cluster_writes_itself_is_no_surprise() -> None:
    """Slices of a Service's pods, and a Service as the API server completes it."""
    slices = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "test-abc",
            "namespace": "team-x",
            "labels": {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"},
        },
    }
    assert violations("dev", with_object("dev", slices)) == []
    defaults = {
        "sessionAffinity": "None",
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "clusterIP": "10.2.0.9",
    }
    name = "istio-egress/service/istio-egressgateway"
    assert violations("dev", with_change("dev", name, lambda item: item["spec"].update(defaults))) == []


def _http(at: int, **headers: Any) -> Callable[[Any], object]:
    """A change of what a route of HTTP does to a request's headers."""
    return lambda item: (
        item["spec"]["http"][at].setdefault("headers", {}).setdefault("request", {}).update(headers)
    )


def _tls(**fields: Any) -> Callable[[Any], object]:
    return lambda item: item["spec"]["trafficPolicy"]["portLevelSettings"][0]["tls"].update(fields)


ORIGINATION = "istio-egress/destinationrule/example-com-originate-tls"
ROUTE = "istio-egress/virtualservice/example-com-through-egress-gateway"
WRONG: dict[str, tuple[str, str, Callable[[Any], object], str]] = {
    "a host's certificate that nobody checks": (
        "dev",
        ORIGINATION,
        _tls(insecureSkipVerify=True),
        "does not check",
    ),
    "another name in the certificate": (
        "dev",
        ORIGINATION,
        _tls(subjectAltNames=["example.com", "elsewhere.example"]),
        "does not check",
    ),
    "another name that is asked for": ("dev", ORIGINATION, _tls(sni="elsewhere.example"), "does not check"),
    "another authority": (
        "dev",
        ORIGINATION,
        _tls(caCertificates=None, credentialName="somebodys"),
        "declared is system",
    ),
    "public authorities instead of the private one": (
        "private-ca",
        "istio-egress/destinationrule/plc-factory-example-originate-tls",
        lambda item: item["spec"]["trafficPolicy"]["portLevelSettings"][0].update(
            tls={
                **item["spec"]["trafficPolicy"]["portLevelSettings"][0]["tls"],
                "credentialName": None,
                "caCertificates": "system",
            }
        ),
        "certificates that system knows",
    ),
    "another client certificate": (
        "http-mtls",
        "istio-egress/destinationrule/clearing-bank-example-originate-tls",
        _tls(credentialName="somebodys"),
        "somebodys",
    ),
    "a header that a rule asks for, written by the sidecar": (
        "dev",
        ROUTE,
        _http(0, set={"x-tenant": "shop"}),
        "cannot read",
    ),
    "a header that a rule asks for, added by the sidecar": (
        "dev",
        ROUTE,
        _http(0, add={"x-tenant": "shop"}),
        "cannot read",
    ),
    "a header that a rule asks for, taken out before": (
        "dev",
        ROUTE,
        _http(0, remove=["x-tenant"]),
        "cannot read",
    ),
    "another host's name": ("dev", ROUTE, _http(1, set={"host": "elsewhere.example"}), "cannot read"),
    "a gateway that takes another authority's certificates": (
        "dev",
        "istio-egress/gateway/egress-gateway",
        lambda item: item["spec"]["servers"][0].update(tls={"mode": "MUTUAL", "credentialName": "somebodys"}),
        "cannot read",
    ),
    "addresses of raw TCP, the second of which is another": (
        "tcp",
        "istio-egress/serviceentry/postgres-partner-example-ext",
        lambda item: (
            item["spec"]["endpoints"].append({"address": "198.51.100.66"}),
            item["spec"]["addresses"].append("198.51.100.66"),
        ),
        "a layer refuses it",
    ),
    "an address of raw TCP by which the mesh does not know it": (
        "tcp",
        "istio-egress/serviceentry/postgres-partner-example-ext",
        lambda item: item["spec"].update(addresses=["198.51.100.66"]),
        "cannot read",
    ),
    "raw TCP without an address": (
        "tcp",
        "istio-egress/serviceentry/postgres-partner-example-ext",
        lambda item: item["spec"].pop("endpoints"),
        "a layer refuses it",
    ),
}
"""What is read and found wrong: an example, an object, how, and what is said."""


@pytest.mark.parametrize("what", WRONG)
def test_what_is_read_and_wrong_is_said(what: str) -> None:
    mode, name, change, says = WRONG[what]
    found = violations(mode, with_change(mode, name, change))
    assert any(says in violation.says for violation in found), [str(violation) for violation in found[:3]]


def allow(rule: dict[str, Any], action: str = "ALLOW") -> dict[str, Any]:
    return istio("AuthorizationPolicy", "istio-egress", "security.istio.io/v1", action=action, rules=[rule])


def of(*principals: str) -> list[dict[str, Any]]:
    return [{"source": {"principals": list(principals)}}]


TEAM_Y = [{"source": {"namespaces": ["team-y"]}}]


def to(**operation: Any) -> list[dict[str, Any]]:
    return [{"operation": {"hosts": ["httpbin.org", "httpbin.org:80"], **operation}}]


POLICIES: dict[str, tuple[dict[str, Any], str]] = {
    "an account of any trust domain": (allow({"from": of("*/ns/team-y/sa/special")}), "no layer refuses it"),
    "accounts that begin alike": (
        allow({"from": of("cluster.local/ns/team-y/sa/spec*")}),
        "no layer refuses it",
    ),
    "accounts that end alike, of any namespace": (allow({"from": of("*special")}), "no layer refuses it"),
    "an account of any namespace": (allow({"from": of("*/sa/special")}), "no layer refuses it"),
    "everybody but one": (
        allow({"from": [{"source": {"notPrincipals": ["cluster.local/ns/team-y/sa/test"]}}]}),
        "no layer refuses it",
    ),
    "one account, or everybody of other namespaces": (
        allow({"from": [*of("cluster.local/ns/team-y/sa/test"), {"source": {"notNamespaces": ["team-x"]}}]}),
        "no layer refuses it",
    ),
    "whoever comes to the gateway's own address": (
        allow({"from": TEAM_Y, "when": [{"key": "destination.ip", "values": ["10.1.0.0/16"]}]}),
        "cannot read",
    ),
    "whoever comes to the gateway's own address, or to the loopback network": (
        allow({"from": TEAM_Y, "when": [{"key": "destination.ip", "values": ["127.0.0.1", "10.1.0.0/16"]}]}),
        "cannot read",
    ),
    "an address that is none": (
        allow({"from": TEAM_Y, "when": [{"key": "destination.ip", "values": ["somewhere"]}]}),
        "cannot read",
    ),
    "nobody who comes to the gateway's own address": (
        allow({"when": [{"key": "destination.ip", "values": ["10.1.0.0/16"]}]}, "DENY"),
        "cannot read",
    ),
    "every path but one": (allow({"from": TEAM_Y, "to": to(notPaths=["/"])}), "no layer refuses it"),
    "every method but one": (allow({"from": TEAM_Y, "to": to(notMethods=["GET"])}), "no layer refuses it"),
    "every value of a header but one": (
        allow({"from": TEAM_Y, "to": to(), "when": [{"key": "request.headers[x-a]", "notValues": [""]}]}),
        "no layer refuses it",
    ),
    "every path where the Host header has a port": (
        allow({"from": TEAM_Y, "to": [{"operation": {"hosts": ["httpbin.org:80"]}}]}),
        "no layer refuses it",
    ),
    "another port in the Host header": (
        allow({"from": TEAM_Y, "to": [{"operation": {"hosts": ["httpbin.org:8443"]}}]}),
        "no layer refuses it",
    ),
    "every host of a domain": (
        allow({"from": TEAM_Y, "to": [{"operation": {"hosts": ["*.org"]}}]}),
        "no layer refuses it",
    ),
    "hosts that begin alike": (
        allow({"from": TEAM_Y, "to": [{"operation": {"hosts": ["httpbin*"]}}]}),
        "no layer refuses it",
    ),
    "an account that is refused what its team declared": (
        allow({"from": of("*/ns/team-x/sa/special")}, "DENY"),
        "a layer refuses it",
    ),
    "a condition that nobody reads": (
        allow({"from": TEAM_Y, "when": [{"key": "source.ip", "values": ["10.0.0.0/8"]}]}),
        "cannot read",
    ),
}
"""Policies that somebody adds, and what is said."""


@pytest.mark.parametrize("what", POLICIES)
def test_a_policy_that_lets_more_through_is_found(what: str) -> None:
    written, says = POLICIES[what]
    found = violations("dev", with_object("dev", written))
    assert any(says in violation.says for violation in found), [str(violation) for violation in found[:3]]


def peers(name: str = "somebodys", namespace: str = "team-y", **spec: Any) -> dict[str, Any]:
    return istio("PeerAuthentication", namespace, "security.istio.io/v1", **spec)


PEERS = {
    "some pods without certificates": peers(selector={"matchLabels": {"app": "a"}}, mtls={"mode": "DISABLE"}),
    "one port without certificates": peers(
        selector={"matchLabels": {"app": "a"}},
        mtls={"mode": "STRICT"},
        portLevelMtls={"8080": {"mode": "PERMISSIVE"}},
    ),
    "a second one for the whole mesh": peers(namespace="istio-system", mtls={"mode": "PERMISSIVE"}),
}


@pytest.mark.parametrize("what", PEERS)
def test_pods_that_take_callers_without_a_certificate_are_found(what: str) -> None:
    found = violations("dev", with_object("dev", PEERS[what]))
    assert any("have to demand mutual TLS" in violation.says for violation in found)


def test_one_that_demands_as_much_is_none() -> None:
    as_much = peers(
        selector={"matchLabels": {"app": "a"}},
        mtls={"mode": "STRICT"},
        portLevelMtls={"8080": {"mode": "UNSET"}},
    )
    assert violations("dev", with_object("dev", as_much)) == []


MESH = "istio-system/configmap/istio"


def mesh(**fields: Any) -> Callable[[Any], object]:
    """A change of the mesh's settings; None takes one out."""

    def change(item: dict[str, Any]) -> None:
        config = {**json.loads(item["data"]["mesh"]), **fields}
        item["data"] = {
            "mesh": json.dumps({key: value for key, value in config.items() if value is not None})
        }

    return change


NOT_READ = "cannot read"
SETTINGS: dict[str, tuple[Callable[[Any], object], str]] = {
    "paths as they are written": (
        mesh(pathNormalization={"normalization": "NONE"}),
        "has to mean to the rules",
    ),
    "paths as Istio reads them by default": (mesh(pathNormalization=None), "has to mean to the rules"),
    "paths without merged slashes": (
        mesh(pathNormalization={"normalization": "BASE"}),
        "has to mean to the rules",
    ),
    "old TLS": (mesh(tlsDefaults={"minProtocolVersion": "TLSV1_0"}), NOT_READ),
    "headers that speak of proxies": (mesh(defaultConfig=None), "must not add headers"),
    "everybody's namespaces": (mesh(discoverySelectors=None), "must not read what is in"),
    "namespaces by a label of anybody's": (
        mesh(
            discoverySelectors=[
                {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "Exists"}]}
            ]
        ),
        "must not read what is in",
    ),
    "teams that Istio does not read": (
        mesh(discoverySelectors=[{"matchLabels": {"kubernetes.io/metadata.name": "istio-system"}}]),
        "has to read what is in team-x",
    ),
    **{
        f"everybody's {kind}": (mesh(**{f"default{kind}ExportTo": None}), "has to stay in its namespace")
        for kind in ("Service", "VirtualService", "DestinationRule")
    },
    "mutual TLS by hand": (mesh(enableAutoMtls=False), NOT_READ),
    "other authorities": (mesh(caCertificates=[{"pem": "somebodys"}]), NOT_READ),
    "another trust domain that is believed": (mesh(trustDomainAliases=["elsewhere"]), NOT_READ),
    "another root namespace": (mesh(rootNamespace="team-x"), NOT_READ),
    "another control plane": (mesh(defaultConfig={"discoveryAddress": "istiod.team-x.svc:15012"}), NOT_READ),
    "an environment of all proxies": (
        mesh(defaultConfig={"proxyMetadata": {"ISTIO_META_UNKNOWN": "1"}}),
        NOT_READ,
    ),
    "a setting that is new": (mesh(somethingNew={"enabled": True}), NOT_READ),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_a_mesh_that_is_told_something_else_is_found(what: str) -> None:
    change, says = SETTINGS[what]
    found = violations("dev", with_change("dev", MESH, change))
    assert any(says in violation.says for violation in found), [str(violation) for violation in found[:3]]


def test_what_the_chart_says_by_default_is_read() -> None:
    """Settings that Istio's chart writes beside the program's own."""
    config = json.loads(
        next(item for item in rendered("dev").kubernetes if identity(item) == MESH)["data"]["mesh"]
    )
    by_default = mesh(
        trustDomain="cluster.local",
        rootNamespace="istio-system",
        enablePrometheusMerge=True,
        defaultProviders={"metrics": ["prometheus"]},
        defaultConfig={**config["defaultConfig"], "discoveryAddress": "istiod.istio-system.svc:15012"},
    )
    assert violations("dev", with_change("dev", MESH, by_default)) == []


def _pods(**fields: Any) -> Callable[[Any], object]:
    return lambda item: item["spec"]["template"]["spec"].update(fields)


def _labelled(value: str) -> Callable[[Any], object]:
    return lambda item: item["spec"]["template"]["metadata"]["labels"].update(
        {"sidecar.istio.io/inject": value}
    )


FALLEN: dict[str, Callable[[Any], object]] = {
    "spec.replicas": lambda item: item["spec"].update(replicas=0),
    "spec.template.metadata.labels[sidecar.istio.io/inject]": _labelled("false"),
    "spec.template.metadata.annotations[inject.istio.io/templates]": lambda item: item["spec"]["template"][
        "metadata"
    ].pop("annotations"),
    "spec.template.spec.containers": _pods(containers=[{"name": "a"}]),
    "spec.template.spec.hostNetwork": _pods(hostNetwork=True),
    "spec.template.spec.hostAliases": _pods(
        hostAliases=[{"ip": "198.51.100.9", "hostnames": ["example.com"]}]
    ),
    "spec.template.spec.tolerations": _pods(
        tolerations=[{"key": "dedicated", "operator": "Equal", "value": "others"}]
    ),
}
"""By the field that decides: what keeps a gateway from standing."""


@pytest.mark.parametrize("field", FALLEN)
def test_a_gateway_that_cannot_stand_breaks_what_is_declared(field: str) -> None:
    name = "istio-egress/deployment/istio-egressgateway"
    found = violations("dev", with_change("dev", name, FALLEN[field]))
    assert (name, field) in {(step.decided_by, step.field) for violation in found for step in violation.steps}


def test_a_rule_for_some_pods_of_a_team_is_not_understood() -> None:
    """With the weaker models a sidecar itself opens TLS; a rule for some pods can take that away from these
    alone."""
    entries = [item for item in rendered("registry-only").kubernetes if item["kind"] == "ServiceEntry"]
    declared = next(item for item in entries if item["metadata"]["namespace"] == "media")["spec"]["hosts"][0]
    rule = istio(
        "DestinationRule",
        "media",
        host=declared,
        workloadSelector={"matchLabels": {"app": "a"}},
        trafficPolicy={"tls": {"mode": "DISABLE"}},
        exportTo=["."],
    )
    found = violations("registry-only", with_object("registry-only", rule))
    assert any(step.decided_by == identity(rule) for violation in found for step in violation.steps)


def test_without_a_route_nothing_takes_internal_headers_out() -> None:
    deployed = rendered("registry-only")
    left = [
        item
        for item in deployed.kubernetes
        if (item["kind"], item["metadata"].get("namespace")) != ("VirtualService", "media")
    ]
    assert len(left) < len(deployed.kubernetes)
    found = violations("registry-only", Snapshot.of(left, deployed.google))
    assert any("tells the outside of the mesh" in violation.says for violation in found)
