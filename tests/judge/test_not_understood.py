"""What no judge reads is said, and nothing is proven beside it: fields that somebody adds, kinds that change
what proxies do.

Each case is one change of one object, or one object more, that opens or breaks something. What is read and
found wrong is in test_not_understood_routes.py, _policies.py, _settings.py and _gateway_pods.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from egress.judge.model.flow import Flow, Protocol
from egress.judge.model.snapshot import identity
from egress.judge.trace import Judges
from tests.judge.deployments import MODES, istio, rendered, violations, with_change, with_object


@pytest.mark.parametrize("mode", ["dev", *MODES])
def test_everything_that_the_program_renders_is_read(mode: str) -> None:
    assert list(Judges(rendered(mode)).unread) == []


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
