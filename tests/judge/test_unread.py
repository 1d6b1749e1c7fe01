"""What no judge reads of an object is said, by the field and for the namespace that it may concern."""

from __future__ import annotations

from typing import Any

import kubernetes.client as models
import pytest

from egress.common.objects import Resource
from egress.judge.fields import object_fields
from egress.judge.layers.admission import Admission
from egress.judge.model.flow import Layer
from egress.judge.model.snapshot import identity
from egress.judge.pods import Present
from egress.judge.unread import unread
from tests.judge.deployments import rendered
from tests.judge.objects import snapshot
from tests.judge.unread_asking import EDGE, Written, fields, found, thing

# Whom it concerns.


def test_what_is_in_a_namespace_concerns_that_and_what_is_in_none_everybody() -> None:
    policy = thing("Tunnel", None, "cluster-wide")
    assert found(thing("Tunnel", "shop"), policy, thing("Tunnel", "bank")) == [
        ("shop", "shop/tunnel/it", "spec"),
        ("istio-system", "tunnel/cluster-wide", "spec"),
        ("bank", "bank/tunnel/it", "spec"),
    ]


def test_a_namespace_concerns_itself() -> None:
    it = thing("Namespace", None, "shop", {"istio.io/use-waypoint": "a"})
    assert {namespace for namespace, *_ in found(it)} == {"shop"}


def test_what_google_has_concerns_everybody() -> None:
    route = Resource("gcp:compute/route:Route", "a", {})
    assert found(google=(route,)) == [("istio-system", "route/a", "")]
    assert found(google=(Resource("gcp:storage/bucket:Bucket", "a", {}),)) == []


def test_what_lacks_a_field_is_said_to_lack_it_and_nothing_else() -> None:
    """Its own judge says so."""
    assert found(thing("DestinationRule", spec={"whatever": 1})) == []
    assert found(google=(Resource("gcp:dns/recordSet:RecordSet", "a", {"whatever": 1}),)) == []
    assert found(thing("DestinationRule", spec={"whatever": 1}), thing("Tunnel")) == [
        ("shop", "shop/tunnel/it", "spec")
    ]
    record = Resource("gcp:dns/recordSet:RecordSet", "a", {"whatever": 1})
    route = Resource("gcp:compute/route:Route", "a", {})
    assert found(google=(record, route)) == [("istio-system", "route/a", "")]


@pytest.mark.parametrize(
    ("kind", "layer"),
    [
        ("RequestAuthentication", Layer.AUTHORIZATION),
        ("PeerAuthentication", Layer.AUTHORIZATION),
        ("AuthorizationPolicy", Layer.AUTHORIZATION),
        ("Gateway", Layer.GATEWAY),
        ("EnvoyFilter", Layer.GATEWAY),
        ("TrafficExtension", Layer.GATEWAY),
        ("APIService", Layer.ADMISSION),
        ("CustomResourceDefinition", Layer.ADMISSION),
        ("MutatingWebhookConfiguration", Layer.ADMISSION),
        ("MutatingAdmissionPolicy", Layer.ADMISSION),
        ("MutatingAdmissionPolicyBinding", Layer.ADMISSION),
        ("Tunnel", Layer.SIDECAR),
        ("VirtualService", Layer.SIDECAR),
    ],
)
def test_each_kind_is_said_with_its_layer(kind: str, layer: Layer) -> None:
    """An object of another API is not read, whatever its kind is called."""
    it = {**thing(kind, "shop", spec={}), "apiVersion": "things.example.com/v1"}
    deployed = snapshot(it)
    (verdict,) = unread(deployed, Present(deployed, Admission(deployed)))["shop"]
    assert (verdict.layer, verdict.decided_by, verdict.field) == (layer, identity(it), "spec")


def test_pods_that_admission_refuses_and_that_are_there_are_said() -> None:
    pods = {"template": {"metadata": {}, "spec": {"hostNetwork": True, "containers": [{"name": "a"}]}}}
    stack = rendered("dev")

    def said(it: Written) -> list[str]:
        deployed = snapshot(*stack.kubernetes, it, google=stack.google)
        of = unread(deployed, Present(deployed, Admission(deployed)))
        return [one.field for one in of.get("team-x", ()) if one.decided_by == identity(it)]

    assert said(thing("DaemonSet", "team-x", spec=pods)) == ["spec.template.spec.hostNetwork"]
    assert said({**thing("DaemonSet", "team-x", spec=pods), "apiVersion": "things.example.com/v1"}) == [
        "spec"
    ]
    assert fields(thing("DaemonSet", "team-x", spec=pods)) == []


# Fields.

HTTP = [{"route": [{"destination": {"host": "a.example"}}]}]
ENTRY = {"hosts": ["a.example"], "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}]}


@pytest.mark.parametrize(
    ("kind", "good"),
    [
        ("DestinationRule", {"host": "a.example"}),
        ("Gateway", EDGE["spec"]),
        ("PeerAuthentication", {"mtls": {"mode": "STRICT"}}),
        ("ServiceEntry", ENTRY),
        ("Sidecar", {"egress": [{"hosts": ["./*"]}]}),
        (
            "Telemetry",
            {
                "metrics": [{"providers": [{"name": "a"}]}],
                "accessLogging": [{"disabled": True}],
                "selector": {"a": "b"},
            },
        ),
        ("VirtualService", {"hosts": ["a.example"], "http": HTTP}),
    ],
)
def test_a_field_that_is_new_is_named(kind: str, good: Written) -> None:
    assert fields(thing(kind, spec=good)) == []
    assert fields(thing(kind, spec={**good, "somethingNew": {"a": 1}})) == ["spec.somethingNew"]


POLICY = "trafficPolicy"
HARMLESS: list[tuple[str, Written]] = [
    *(
        ("DestinationRule", {"host": "a.example", **place})
        for policy in (
            {"connectionPool": {"tcp": {"maxConnections": 1}, "http": {"http1MaxPendingRequests": 1}}},
            {"outlierDetection": {"consecutive5xxErrors": 1}},
            {
                "loadBalancer": {
                    "consistentHash": {"useSourceIp": True},
                    "localityLbSetting": {"enabled": True},
                }
            },
            {"loadBalancer": {"warmup": {"duration": "1s"}, "warmupDurationSecs": "1s"}},
            *(
                {"loadBalancer": {"simple": how}}
                for how in ("LEAST_CONN", "LEAST_REQUEST", "RANDOM", "ROUND_ROBIN")
            ),
            {"loadBalancer": {"simple": "UNSPECIFIED"}},
        )
        for place in (
            {POLICY: policy},
            {POLICY: {"portLevelSettings": [{"port": {"number": 1}, **policy}]}},
            {"subsets": [{"name": "a", POLICY: policy}]},
            {"subsets": [{"name": "a", POLICY: {"portLevelSettings": [{"port": {"number": 1}, **policy}]}}]},
        )
    ),
    *(
        ("VirtualService", {"hosts": ["a.example"], "http": [{**HTTP[0], **more}]})
        for more in (
            {
                "retries": {"attempts": 2},
                "timeout": "1s",
                "name": "a",
                "headers": {"response": {"set": {"a": "b"}}},
            },
            {"match": [{"name": "a", "port": 80}]},
            {"route": [{**HTTP[0]["route"][0], "headers": {"response": {"remove": ["a"]}}}]},
        )
    ),
    (
        "ServiceEntry",
        {**ENTRY, "location": "MESH_EXTERNAL", "endpoints": [{"address": "a", "weight": 1, "locality": "b"}]},
    ),
    ("Gateway", {**EDGE["spec"], "servers": [{**EDGE["spec"]["servers"][0], "name": "a"}]}),
    *(
        (
            "Gateway",
            {
                **EDGE["spec"],
                "servers": [
                    {
                        "port": {"number": 443, "protocol": "TLS", "name": "a"},
                        "hosts": ["a.example"],
                        "tls": {"maxProtocolVersion": version},
                    }
                ],
            },
        )
        for version in ("TLS_AUTO", "TLSV1_2", "TLSV1_3")
    ),
]
"""What decides nothing about who reaches what: kind and spec."""


@pytest.mark.parametrize(("kind", "spec"), HARMLESS)
def test_what_decides_nothing_is_no_surprise(kind: str, spec: Written) -> None:
    assert fields(thing(kind, spec=spec)) == []


WRONG = [
    ("DestinationRule", {"host": "a.example", POLICY: {"loadBalancer": {"simple": "PASSTHROUGH"}}}),
    ("DestinationRule", {"host": "a.example", POLICY: {"loadBalancer": {"somethingNew": 1}}}),
    ("DestinationRule", {"host": "a.example", POLICY: {"connectionPool": {"somethingNew": 1}}}),
    (
        "DestinationRule",
        {
            "host": "a.example",
            "subsets": [{"name": "a", POLICY: {"loadBalancer": {"simple": "PASSTHROUGH"}}}],
        },
    ),
    (
        "VirtualService",
        {"hosts": ["a.example"], "http": [{**HTTP[0], "fault": {"abort": {"httpStatus": 1}}}]},
    ),
    ("ServiceEntry", {**ENTRY, "location": "MESH_INTERNAL"}),
    (
        "Gateway",
        {
            **EDGE["spec"],
            "servers": [{**EDGE["spec"]["servers"][0], "tls": {"maxProtocolVersion": "TLSV1_1"}}],
        },
    ),
    ("Telemetry", {"tracing": [{"a": 1}]}),
]


@pytest.mark.parametrize(("kind", "spec"), WRONG)
def test_what_leads_elsewhere_is_no_balancing(kind: str, spec: Written) -> None:
    assert len(fields(thing(kind, spec=spec))) == 1


def test_a_proxy_is_told_to_answer_dns_and_nothing_more() -> None:
    assert (
        fields(thing("ProxyConfig", spec={"environmentVariables": {"ISTIO_META_DNS_CAPTURE": "true"}})) == []
    )
    assert fields(thing("ProxyConfig", spec={})) == []
    # How many threads it has is nothing to a flow.
    assert fields(thing("ProxyConfig", spec={"concurrency": 2})) == []
    more = {
        "environmentVariables": {"ISTIO_META_DNS_CAPTURE": "true", "B": "1", "A": "1"},
        "image": {"a": "b"},
        "concurrency": 0,
    }
    wanted = ["spec.image", "spec.environmentVariables.A", "spec.environmentVariables.B"]
    assert fields(thing("ProxyConfig", spec={**more, "selector": {"a": "b"}})) == [
        wanted[0],
        "spec.selector",
        *wanted[1:],
    ]


def test_a_server_of_the_meshs_own_tls_has_no_other_certificates() -> None:
    def server(mode: str, **tls: Any) -> Written:
        port = {"number": 443, "protocol": "HTTPS"}
        return {"port": port, "hosts": ["a.example"], "tls": {"mode": mode, **tls}}

    servers = [
        server("ISTIO_MUTUAL"),
        server("ISTIO_MUTUAL", credentialName="a"),
        server("ISTIO_MUTUAL", caCertificates="a", credentialName=""),
        server("MUTUAL", credentialName="a", caCertificates="a"),
    ]
    it = thing("Gateway", "gw", spec={"selector": {"istio": "gw"}, "servers": servers})
    assert fields(it) == ["spec.servers[1].tls.credentialName", "spec.servers[2].tls.caCertificates"]


# Labels, and objects of other kinds.


def test_labels_of_istios_are_read_on_its_own_objects() -> None:
    rule = thing("DestinationRule", "shop", labels={"istio.io/rev": "canary"}, spec={"host": "a.example"})
    assert fields(rule) == ["metadata.labels[istio.io/rev]"]
    assert fields(thing("Secret", labels={"istio.io/rev": "canary"})) == []
    assert fields(thing("Tunnel", labels={"istio.io/rev": "canary"})) == ["spec"]


def test_a_gateways_own_pods_are_asked_more() -> None:
    def pods(labels: Any) -> Written:
        template = {
            "metadata": {"labels": labels},
            "spec": {"initContainers": [{"name": "a"}], "containers": [{"name": "b"}]},
        }
        return thing("Deployment", "gw", "edge", spec={"template": template})

    assert fields(pods({"istio": "gw"}), EDGE) == ["spec.template.spec.initContainers"]
    assert fields(pods({"istio": "other"}), EDGE) == []


def test_what_whoever_is_refused_is_told_and_what_the_audit_log_holds_are_all_that_decides_nothing() -> None:
    of = models.V1Validation.attribute_map.values()
    told = {f"validations.{name}" for name in of if name != "expression"}
    assert set(object_fields.HARMLESS["ValidatingAdmissionPolicy"]) == told | {"auditAnnotations"}
