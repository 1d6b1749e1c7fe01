"""What objects are called, and which of them judges get to see."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.objects import Resource
from egress.judge.model.flow import (
    Connection,
    Flow,
    Layer,
    Misread,
    Outcome,
    Outside,
    Pod,
    Protocol,
    Request,
    Vantage,
    Verdict,
    is_address,
    without_port,
)
from egress.judge.model.snapshot import Snapshot, identity, listed, part
from tests.judge.objects import namespace, snapshot, written


def test_an_object_is_called_by_namespace_kind_and_name() -> None:
    assert identity(written("Sidecar", "shop", "it")) == "shop/sidecar/it"
    assert identity(namespace("shop")) == "namespace/shop"


def test_another_apis_kind_of_the_same_name_is_called_by_its_group() -> None:
    foreign = {
        "apiVersion": "networking.gke.io/v1",
        "kind": "Sidecar",
        "metadata": {"name": "it", "namespace": "shop"},
    }
    assert identity(foreign) == "shop/sidecar.networking.gke.io/it"
    assert identity({**foreign, "apiVersion": "v1"}) == "shop/sidecar.core/it"


def test_a_resource_is_called_by_the_last_part_of_its_type() -> None:
    assert Resource("gcp:dns/managedZone:ManagedZone", "Refuse", {}).identity == "managedzone/Refuse"
    assert Resource("Bare", "x", {}).identity == "bare/x"


class TestKinds:
    def test_objects_of_a_kind_come_in_their_order(self) -> None:
        objects = [
            written("Sidecar", "b", "2"),
            written("Gateway", "a", "g", servers=[]),
            written("Sidecar", "a", "1"),
        ]
        deployed = snapshot(*objects)
        assert [one["metadata"]["name"] for one in deployed.kind("Sidecar")] == ["2", "1"]
        assert deployed.kind("ServiceEntry") == []
        assert deployed.resources("gcp:x") == []

    def test_what_lacks_a_field_that_it_must_have_is_kept_apart_and_named(self) -> None:
        whole, lacking = (
            written("ServiceEntry", "shop", hosts=["a.example"]),
            written("ServiceEntry", "shop", "lacking"),
        )
        zone = Resource("gcp:dns/managedZone:ManagedZone", "zone", {})
        deployed = snapshot(whole, lacking, google=(zone, Resource(zone.type, "other", {"dnsName": "."})))
        assert deployed.kind("ServiceEntry") == [whole]
        assert [one.name for one in deployed.resources(zone.type)] == ["other"]
        said = [(one.decided_by, one.field, one.understood) for one in deployed.broken.values()]
        assert said == [
            ("shop/serviceentry/lacking", "spec.hosts", False),
            ("managedzone/zone", "dnsName", False),
        ]

    def test_another_apis_kind_is_not_handed_out_and_is_not_called_broken(self) -> None:
        foreign = {"apiVersion": "networking.gke.io/v1", "kind": "Sidecar", "metadata": {"name": "it"}}
        deployed = snapshot(foreign)
        assert deployed.kind("Sidecar") == []
        assert not deployed.broken

    def test_what_somebody_handed_over_is_no_plan_of_the_programs(self) -> None:
        assert not snapshot().planned


class TestNetworks:
    SUBNET = Resource(
        "gcp:compute/subnetwork:Subnetwork", "s", {"network": "projects/p/global/networks/ours"}
    )

    def test_a_network_is_known_by_the_last_part_of_its_path(self) -> None:
        deployed = snapshot(google=(self.SUBNET,))
        assert deployed.networks == {"ours"}
        assert deployed.in_our_network(
            "https://www.googleapis.com/compute/v1/projects/p/global/networks/ours"
        )
        assert deployed.in_our_network("ours")
        assert not deployed.in_our_network("projects/p/global/networks/theirs")

    def test_where_nobody_said_which_it_is_any_may_be(self) -> None:
        nothing = Resource(self.SUBNET.type, "s", {})
        assert snapshot(google=(nothing,)).networks == frozenset()
        assert snapshot(google=(nothing,)).in_our_network("theirs")

    def test_a_cluster_names_it_as_well(self) -> None:
        assert snapshot(
            google=(Resource("gcp:container/cluster:Cluster", "c", {"network": "ours"}),)
        ).networks == {"ours"}


def test_every_namespace_has_the_label_of_its_name_whatever_it_says() -> None:
    bare: dict[str, Any] = {"kind": "Namespace", "metadata": {"name": "bare"}}
    own = {
        "kind": "Namespace",
        "metadata": {"name": "own", "labels": {"kubernetes.io/metadata.name": "x", "a": "b"}},
    }
    assert Snapshot.of((bare, own), ()).namespace_labels == {
        "bare": {"kubernetes.io/metadata.name": "bare"},
        "own": {"kubernetes.io/metadata.name": "own", "a": "b"},
    }


def test_a_path_that_ends_early_holds_nothing() -> None:
    held = {"spec": {"rules": [1], "none": None}}
    assert part(held, "spec") == held["spec"]
    assert part(held, "spec", "other", "deeper") == {}
    assert part(held, "spec", "none") == {}
    assert listed(held, "spec", "rules") == [1]
    assert listed(held, "spec", "none") == ()
    assert listed(held, "other", "rules") == ()
    assert listed({"a": [1]}, "a") == [1]
    assert listed({"a": {"b": {"c": [1]}}}, "a", "b", "c") == [1]


class TestFlows:
    def test_a_request_goes_to_the_host_unless_it_says_another(self) -> None:
        flow = Flow(
            "shop",
            "Example.com",
            80,
            Protocol.HTTP,
            path="/a",
            method="PUT",
            headers={"x": "1"},
            repeated=(("x", "2"),),
        )
        assert flow.request == Request("Example.com", "PUT", "/a", {"x": "1"}, (("x", "2"),))
        assert flow.addressed == "example.com"
        other = Flow("shop", "example.com", 80, Protocol.HTTP, authority="Other.example.:80")
        assert other.request.host == "Other.example.:80"
        assert other.addressed == "other.example"

    def test_what_is_not_said_of_a_flow(self) -> None:
        flow = Flow("shop", "example.com", 80, Protocol.HTTP)
        assert (flow.vantage, flow.service_account, flow.to, flow.address) == (
            Vantage.APP,
            "default",
            None,
            None,
        )
        assert flow.request == Request("example.com", "GET", "/", {}, ())
        assert (Pod("shop", {}).service_account, Pod("shop", {}).pool) == ("default", "")
        assert Request("a") == Request("a", "GET", "/", {}, ())
        connection = Connection(Pod("shop", {}), Outside("a.example", None), 443, Protocol.TLS)
        assert (connection.transport, connection.opens, connection.verified, connection.trusts) == (
            "TCP",
            "",
            (),
            "",
        )

    def test_what_layers_ways_and_protocols_are_called(self) -> None:
        layers = [
            "admission",
            "DNS",
            "sidecar",
            "NetworkPolicy",
            "gateway",
            "authorization",
            "firewall",
            "load balancer",
        ]
        assert [str(layer) for layer in Layer] == layers, "in the order in which a packet meets them"
        assert [str(protocol) for protocol in Protocol] == ["http", "tls", "tcp", "udp", "sctp"]
        assert [protocol.transport for protocol in Protocol] == ["TCP", "TCP", "TCP", "UDP", "SCTP"]
        assert [str(way) for way in Vantage] == [
            *(
                "app",
                "proxy",
                "pod-without-sidecar",
                "gateway-with-certificate",
                "gateway-without-certificate",
            ),
            *("gateway-node", "application-node"),
        ]

    def test_what_cannot_be_read_says_why(self) -> None:
        misread = Misread("shop/sidecar/it", "spec.x", "it is not read")
        assert (str(misread), misread.by, misread.field) == ("it is not read", "shop/sidecar/it", "spec.x")

    @pytest.mark.parametrize(
        ("text", "address"),
        [("10.0.0.1", True), ("2001:db8::1", True), ("10.0.0", False), ("a.example", False)],
    )
    def test_what_is_an_address(self, text: str, address: bool) -> None:
        assert is_address(text) is address

    def test_a_header_has_each_of_its_values_in_their_order(self) -> None:
        request = Request("a", headers={"x": "1", "y": "3"}, repeated=(("x", "2"), ("z", "4")))
        assert request.values("x") == ("1", "2")
        assert request.values("y") == ("3",)
        assert request.values("z") == ("4",)
        assert request.values("other") == ()
        assert Request("a", headers={"x": "1"}).values("x") == ("1",)

    @pytest.mark.parametrize(
        ("authority", "name"),
        [
            ("example.com:80", "example.com"),
            ("example.com", "example.com"),
            ("example.com:", "example.com:"),
            ("example.com:x", "example.com:x"),
            (":80", ""),
            ("[2001:db8::1]:80", "[2001:db8::1]"),
            ("[2001:db8::1]", "[2001:db8::1]"),
            ("2001:db8::1", "2001:db8::1"),
            ("80", "80"),
        ],
    )
    def test_a_port_is_what_follows_the_last_colon_of_a_name(self, authority: str, name: str) -> None:
        assert without_port(authority) == name

    def test_a_verdict_is_understood_unless_it_says_not(self) -> None:
        yes = Verdict(Layer.DNS, Outcome.ALLOWED, None, "", "words")
        assert yes.understood
        assert (yes.symbol, Verdict(Layer.DNS, Outcome.DENIED, None, "", "words").symbol) == (
            "yes",
            "no",
        )
