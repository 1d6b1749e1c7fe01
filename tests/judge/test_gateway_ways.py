"""Ways into a gateway: its doors, the listeners of its ports, and the addresses of its servers. Source: Istio
reference, Gateway."""

from __future__ import annotations

import pytest

from egress.judge.layers.gateway import Gateways
from egress.judge.lookup.routes import Router
from egress.judge.lookup.service_registry import Registry
from egress.judge.lookup.workloads import Workloads
from egress.judge.model.flow import Misread, Request
from egress.judge.model.snapshot import Snapshot
from tests.judge.asking import (
    GATEWAY,
    GATEWAY_PODS,
    LABELS,
    PLAIN,
    REFUSED,
    SEALED,
    SHOP,
    UNREAD,
    Written,
    bound,
    gateway,
    gateway_says,
    gateways_of,
    passing,
    raw,
    server,
)
from tests.judge.gateway_servers import INSIDE, SECRETLY, WEB
from tests.judge.objects import written

EDGE_OBJECT = "gw/gateway/edge"


class TestDoors:
    objects = (*PLAIN, gateway(WEB, SECRETLY, INSIDE))

    def test_are_the_ports_that_others_reach_with_what_is_read_there(self) -> None:
        gateways, pod = gateways_of(*self.objects)
        assert list(gateways.doors()) == [(pod, 443, True), (pod, 8443, False)]

    def test_of_a_port_what_its_first_server_reads(self) -> None:
        mixed = gateway(server("a.example", protocol="TLS"), server("c.example"))
        gateways, pod = gateways_of(*PLAIN, mixed)
        assert list(gateways.doors()) == [(pod, 443, False)]

    def test_the_servers_of_each_of_them(self) -> None:
        gateways, pod = gateways_of(*self.objects)
        found = {port: [one.hosts for one in servers] for port, servers in gateways.listening(pod).items()}
        assert found == {443: [("a.example",)], 8443: [("c.example",)]}

    def test_what_listens_at_the_pods_own_address_is_said_with_it(self) -> None:
        gateways, pod = gateways_of(*self.objects)
        at = gateways.listens(pod)
        assert at == {(443, None): EDGE_OBJECT, (8443, None): EDGE_OBJECT, (9443, "127.0.0.1"): EDGE_OBJECT}
        second = gateway(server("d.example"), name="second")
        gateways, pod = gateways_of(*self.objects, second)
        assert gateways.listens(pod)[443, None] == EDGE_OBJECT

    def test_that_read_no_http_are_asked_for_by_namespace(self) -> None:
        gateways, pod = gateways_of(*self.objects)
        assert [(at is pod, port, one.hosts) for at, port, one in gateways.opaque_servers(GATEWAY)] == [
            (True, 8443, ("c.example",))
        ]
        assert list(gateways.opaque_servers(SHOP)) == []

    def test_pods_of_two_gateways_are_counted_once(self) -> None:
        gateways, pod = gateways_of(gateway(WEB), gateway(server("d.example"), name="second"))
        assert gateways.pods == [pod]

    def test_names_for_which_rules_are_bound_to_a_server(self) -> None:
        gateways, pod = gateways_of(
            *self.objects, bound(), bound("c.example", name="two", gateways=["gw/other"])
        )
        (one,) = gateways.listening(pod)[443]
        assert gateways.routed(one) == ["a.example"]


class TestTheListenerOfAPort:
    def test_is_there_where_others_reach_a_server(self) -> None:
        gateways, pod = gateways_of(gateway(WEB, INSIDE))
        found = gateways.listener(pod, 443)
        assert found
        assert [one.hosts for one in found.servers] == [("a.example",)]
        assert gateways.listener(pod, 9443) is None
        assert gateways.listener(pod, 80) is None

    def test_is_not_understood_where_two_gateways_have_one_host(self) -> None:
        gateways, pod = gateways_of(gateway(WEB), gateway(WEB, name="second"))
        with pytest.raises(Misread) as said:
            gateways.listener(pod, 443)
        assert (said.value.by, said.value.field) == ("gw/gateway/second", "spec.servers[0]")

    def test_is_its_own_beside_a_gateway_for_other_pods(self) -> None:
        gateways, pod = gateways_of(
            gateway(WEB), gateway(server("d.example"), name="theirs", selector={"istio": "other"})
        )
        assert gateways.listener(pod, 443)

    def test_is_not_understood_where_another_gateway_may_be_for_the_pods_too(self) -> None:
        every = written("Gateway", GATEWAY, "every", servers=[server("d.example")])
        gateways, pod = gateways_of(gateway(WEB), every)
        with pytest.raises(Misread) as said:
            gateways.listener(pod, 443)
        assert (said.value.by, said.value.field) == ("gw/gateway/every", "spec.selector")

    @pytest.mark.parametrize(
        ("name", "hosts"), [("A.example", "a.example"), ("b.test", "*.test"), ("c.example", None)]
    )
    def test_a_server_is_found_by_name_in_whatever_case(self, name: str, hosts: str | None) -> None:
        gateways, pod = gateways_of(*PLAIN, gateway(WEB, server("*.test")))
        listener = gateways.listener(pod, 443)
        assert listener
        found = gateways.server(listener, pod, name)
        assert (found.hosts[0] if found else None) == hosts

    def test_a_way_is_that_of_a_request_or_of_a_server_name(self) -> None:
        gateways, pod = gateways_of(
            *SEALED, *PLAIN, gateway(WEB, SECRETLY), bound(), raw("c.example", name="raw")
        )
        servers = gateways.listening(pod)
        way = gateways.way(servers[443][0], pod, "a.example", Request("a.example"))
        assert way
        assert (way[0].by, way[1].field) == ("gw/virtualservice/routes", "spec.http[0]")
        way = gateways.way(servers[8443][0], pod, "c.example", None)
        assert way
        assert (way[0].by, way[1].field) == ("gw/virtualservice/raw", "spec.tcp[0]")
        assert gateways.way(servers[443][0], pod, "b.example", Request("b.example")) is None

    def test_a_way_that_does_more_than_lead_somewhere_is_not_understood(self) -> None:
        answers = bound(http=[{"directResponse": {"status": 200}}])
        gateways, pod = gateways_of(*PLAIN, gateway(WEB), answers)
        with pytest.raises(Misread) as said:
            gateways.way(gateways.listening(pod)[443][0], pod, "a.example", Request("a.example"))
        assert said.value.field == "spec.http[0].directResponse"


class TestAddressesOfServers:
    def says(self, *servers: Written, to_address: str | None = None, principal: str | None = None) -> str:
        rules = (passing("a.example"), passing("c.example", target="c.example", name="second"))
        asked = {"port": 9443, "to_address": to_address, "principal": principal}
        return gateway_says("tls://a.example", *SEALED, gateway(*servers), *rules, **asked)

    @staticmethod
    def at(bind: str, *hosts: str) -> Written:
        return server(
            *(hosts or ("*.example",)),
            protocol="TLS",
            port=9443,
            mode="PASSTHROUGH",
            name=f"at{bind}",
            bind=bind,
        )

    @pytest.mark.parametrize("own", ["127.0.0.1", "127.0.0.7", "::1"])
    def test_at_an_address_of_the_loopback_the_pod_alone_comes(self, own: str) -> None:
        assert self.says(self.at(own), to_address=own) == "b.example:443"
        assert self.says(self.at(own)) == REFUSED
        assert self.says(self.at(own), to_address="127.0.0.9") == REFUSED

    @pytest.mark.parametrize("every", ["", "0.0.0.0", "::"])
    def test_at_every_address_whoever_comes(self, every: str) -> None:
        assert self.says(self.at(every)) == "b.example:443"
        assert self.says(self.at(every), to_address="127.0.0.1") == "b.example:443"

    def test_that_of_the_very_address_comes_first(self) -> None:
        """The one for every address is for another name."""
        assert (
            self.says(self.at("127.0.0.1"), self.at("", "c.example"), to_address="127.0.0.1")
            == "b.example:443"
        )
        assert self.says(self.at("127.0.0.1", "c.example"), self.at(""), to_address="127.0.0.1") == REFUSED

    def test_whether_any_other_is_the_pods_is_not_known(self) -> None:
        assert self.says(self.at("10.1.2.3")) == UNREAD
        gateways, pod = gateways_of(gateway(self.at("10.1.2.3")))
        with pytest.raises(Misread) as said:
            gateways.listener(pod, 9443)
        assert (said.value.by, said.value.field) == (EDGE_OBJECT, "spec.servers[0].bind")

    def test_at_a_socket_of_the_file_system_nobody_comes(self) -> None:
        assert self.says(self.at("unix:///run/gateway")) == REFUSED


def test_a_gateway_for_some_of_the_labels_may_be_for_the_same_pods_of_its_own_namespace() -> None:
    """Selectors choose by some labels, so that one without any is for every pod of the namespace."""
    objects = (
        GATEWAY_PODS,
        *PLAIN,
        gateway(WEB),
        written("Gateway", GATEWAY, "every", servers=[server("d.example")]),
        bound(),
    )
    deployed = Snapshot(objects, (), planned=True)
    registry, workloads = Registry(deployed), Workloads(deployed)
    gateways = Gateways(deployed, registry, Router(registry, workloads), workloads)
    with pytest.raises(Misread):
        gateways.listener(workloads.behind(GATEWAY, LABELS), 443)
