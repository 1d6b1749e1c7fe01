"""The way of one flow: which layers are asked, in which order, and where the first that refuses ends it.

Each test puts one object before a layer. Source: Istio, "Egress Gateways with TLS Origination";
docs/model.md, layers.
"""

from __future__ import annotations

import pytest

from egress.judge.model.flow import Connection, Flow, Layer, Outcome, Pod, Protocol, Vantage, Verdict
from egress.judge.trace import LONGEST, Judges
from tests.judge.asking import (
    CLOSED,
    GATEWAY,
    ROOT,
    SHOP,
    TLS,
    Written,
    entry,
    gateway,
    raw,
    server,
    service,
    to,
)
from tests.judge.objects import TAINT, snapshot, written
from tests.judge.tracing import (
    BASE,
    CLUSTER_OF,
    HTTP,
    ONWARD,
    SEALED,
    SHOPS,
    SUBNET,
    WEB,
    WITH,
    WITHOUT,
    closed,
    denial,
    edge,
    judges,
    line,
    pool,
    says,
    trace,
    zone,
)


class TestByWhichWay:
    @pytest.mark.parametrize(
        ("way", "asked"),
        [
            (
                Vantage.APP,
                "DNS sidecar NetworkPolicy authorization gateway NetworkPolicy firewall -> a.example",
            ),
            (Vantage.PROXY, "DNS NetworkPolicy firewall -> a.example"),
            (Vantage.POD_WITHOUT_SIDECAR, "DNS NetworkPolicy firewall -> a.example"),
            (WITH, "NetworkPolicy authorization gateway NetworkPolicy firewall -> a.example"),
            (WITHOUT, "NetworkPolicy gateway!"),
            (Vantage.APPLICATION_NODE, "admission firewall -> a.example"),
            (Vantage.GATEWAY_NODE, "admission!"),
        ],
    )
    def test_who_is_asked(self, way: Vantage, asked: str) -> None:
        assert says(HTTP.but(vantage=way)) == asked

    def test_an_address_or_pods_are_asked_of_no_dns(self) -> None:
        past = HTTP.but(vantage=Vantage.POD_WITHOUT_SIDECAR)
        assert says(past.but(host="192.0.2.1")) == "NetworkPolicy firewall -> 192.0.2.1"
        assert says(past.but(to=Pod("bank", None))) == "NetworkPolicy"
        assert says(HTTP.but(host="192.0.2.1")) == "sidecar!"


class TestWhereItEnds:
    """A layer that refuses is the last to be asked, but for DNS: who knows the address goes on."""

    NOBODY = written("AuthorizationPolicy", GATEWAY, "nobody")

    @pytest.mark.parametrize(
        ("objects", "asked"),
        [
            ((closed(SHOP, "Egress"),), "DNS sidecar NetworkPolicy!"),
            ((closed(GATEWAY, "Ingress"),), "DNS sidecar NetworkPolicy!"),
            ((NOBODY,), "DNS sidecar NetworkPolicy authorization!"),
            (
                (closed(GATEWAY, "Egress"),),
                "DNS sidecar NetworkPolicy authorization gateway NetworkPolicy! firewall -> a.example",
            ),
        ],
        ids=["egress", "ingress", "authorization", "gateway-egress"],
    )
    def test_of_the_app(self, objects: tuple[Written, ...], asked: str) -> None:
        assert says(HTTP, *objects) == asked

    @pytest.mark.parametrize(
        ("of", "asked"),
        [
            ((*BASE, edge(replicas=0), WEB, ONWARD), "DNS sidecar NetworkPolicy gateway!"),
            ((*BASE, edge(), gateway(server("*", port=8443)), ONWARD), "DNS sidecar NetworkPolicy gateway!"),
            ((*BASE, edge(), WEB), "DNS sidecar NetworkPolicy authorization gateway!"),
            ((SHOPS, CLOSED), "DNS sidecar!"),
            (
                (SHOPS, edge(), WEB, ONWARD, entry("a.example", GATEWAY)),
                "DNS sidecar NetworkPolicy firewall -> a.example",
            ),
        ],
        ids=["no-pod", "no-server", "no-route", "unknown-host", "past-the-gateway"],
    )
    def test_where_something_is_missing(self, of: tuple[Written, ...], asked: str) -> None:
        assert says(HTTP, of=of) == asked

    def test_a_name_that_does_not_resolve_ends_nothing(self) -> None:
        refused = trace(HTTP, google=(zone("."),))
        assert (
            line(refused)
            == "DNS! sidecar NetworkPolicy authorization gateway NetworkPolicy firewall -> a.example"
        )
        assert (refused.allowed, refused.held) == (False, False)
        past = HTTP.but(vantage=Vantage.POD_WITHOUT_SIDECAR)
        assert says(past, google=(zone("."),)) == "DNS! NetworkPolicy firewall -> a.example"

    def test_the_firewall_is_asked_about_what_leaves(self) -> None:
        past = HTTP.but(vantage=Vantage.POD_WITHOUT_SIDECAR)
        assert says(past, google=(SUBNET, denial())) == "DNS NetworkPolicy firewall! -> a.example"
        assert (
            says(HTTP.but(vantage=Vantage.APPLICATION_NODE), google=(SUBNET, denial()))
            == "admission firewall! -> a.example"
        )

    def test_a_gateway_that_sends_back_to_itself_for_ever_leads_nowhere(self) -> None:
        inside = {**TLS, "number": 9443}
        back = entry("back.test", GATEWAY, inside, resolution="STATIC", endpoints=[{"address": "127.0.0.1"}])
        doors = gateway(
            server("*", protocol="TLS"), server("*", port=9443, protocol="TLS", mode="PASSTHROUGH")
        )
        again = [{"route": [to("back.test", 9443)]}]
        sealed = [{"match": [{"sniHosts": ["a.example"]}], **again[0]}]
        circle = trace(SEALED, back, raw("a.example", tcp=again, tls=sealed), of=(*BASE, edge(), doors))
        assert circle.left == ()
        assert sum(step.layer.value == "authorization" for step in circle.steps) == LONGEST == 8


class TestWhatIsNotUnderstood:
    """Said first, and before any layer is asked."""

    @staticmethod
    def odd(namespace: str) -> Written:
        return written("ProxyConfig", namespace, "odd", surely="not")

    @pytest.mark.parametrize(
        ("namespace", "said"),
        [(ROOT, True), (SHOP, True), ("bank", False)],
    )
    def test_about_everybodys_proxies_or_those_of_the_flows_namespace(
        self, namespace: str, said: bool
    ) -> None:
        found = trace(HTTP, self.odd(namespace))
        assert found.understood is not said
        assert [step.decided_by for step in found.steps if not step.understood] == [
            f"{namespace}/proxyconfig/odd"
        ] * said
        assert found.steps[0].understood is not said

    def test_about_those_of_the_pods_that_it_leads_to(self) -> None:
        past = HTTP.but(vantage=Vantage.POD_WITHOUT_SIDECAR, to=Pod("bank", None))
        assert line(trace(past, self.odd("bank"))) == "sidecar? NetworkPolicy"
        assert not trace(past, self.odd("bank")).understood
        assert trace(past, self.odd("cafe")).understood
        assert len(trace(past.but(to=Pod(SHOP, None)), self.odd(SHOP)).steps) == 2

    def test_about_the_gateways_it_ends_there(self) -> None:
        found = trace(HTTP, self.odd(GATEWAY))
        assert found.steps[-1].decided_by == f"{GATEWAY}/proxyconfig/odd"
        assert line(found) == "DNS sidecar NetworkPolicy sidecar?"

    def test_an_object_that_lacks_a_field_is_named_first_of_all(self) -> None:
        halved = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "half", "namespace": "bank"},
            "spec": None,
        }
        found = trace(HTTP, halved, self.odd(SHOP))
        assert next(step.decided_by for step in found.steps if not step.understood) == "bank/service/half"

    def test_where_pods_run_if_several_pools_are_anybodys(self) -> None:
        two = (pool("one"), pool("two"))
        assert [one.decided_by for one in judges(google=two).unread] == ["nodepool/two"]
        assert not trace(HTTP, google=two).understood
        assert [one.decided_by for one in judges().not_understood(ROOT, ROOT)] == []
        assert [one.decided_by for one in judges(google=two).not_understood(ROOT, ROOT)] == ["nodepool/two"]

    def test_which_pods_a_service_means_concerns_its_namespace(self) -> None:
        twice = written(
            "Deployment",
            "bank",
            "a",
            template={"metadata": {"labels": {"app": "web"}}, "spec": {"serviceAccountName": "a"}},
        )
        other = {**twice, "metadata": {"name": "b", "namespace": "bank"}}
        asks = service("web", "bank", {"port": 80}, selector={"app": "web"})
        other["spec"] = {
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"nodeSelector": {"cloud.google.com/gke-nodepool": "own"}},
            }
        }
        made = judges(twice, other, asks, google=(pool("own"), pool("free")))
        assert [
            one.decided_by for one in made.not_understood("bank") if one.decided_by == "bank/service/web"
        ] == ["bank/service/web"]
        assert [
            one.decided_by for one in made.not_understood(ROOT) if one.decided_by == "bank/service/web"
        ] == []

    def test_what_a_gateway_cannot_read_is_said_beside_what_its_rules_say(self) -> None:
        mutual = gateway(server("*", mode="MUTUAL", tls={"credentialName": "who"}))
        assert says(HTTP, of=(*BASE, edge(), mutual, ONWARD)) == "DNS sidecar NetworkPolicy gateway?"


class TestFromNodes:
    OWN = pool("gateway", TAINT)

    def test_of_gateways_pools_the_one_that_gets_furthest(self) -> None:
        far = HTTP.but(vantage=Vantage.GATEWAY_NODE)
        assert says(far) == "admission!"
        assert (trace(far).decision.decided_by, trace(far).decision.field) == (None, "")
        assert says(far, google=(self.OWN,)) == "admission firewall -> a.example"
        two = (SUBNET, denial(targetServiceAccounts=["gateway@p"]), self.OWN, pool("second", TAINT))
        assert says(far, google=two) == "admission firewall -> a.example"
        assert says(far, google=two[:3]) == "admission firewall! -> a.example"

    def test_of_application_nodes_by_their_own_rules(self) -> None:
        near = HTTP.but(vantage=Vantage.APPLICATION_NODE)
        google = (SUBNET, self.OWN, pool("free"), denial(targetServiceAccounts=["free@p"]))
        assert says(near, google=google) == "admission firewall! -> a.example"
        assert (
            says(HTTP.but(vantage=Vantage.GATEWAY_NODE), google=google) == "admission firewall -> a.example"
        )

    @pytest.mark.parametrize(
        ("rule", "closed_way"),
        [("host-namespaces", Vantage.APPLICATION_NODE), ("gateway-nodes", Vantage.GATEWAY_NODE)],
    )
    def test_admission_keeps_pods_off_gateways_nodes_by_one_rule_and_out_of_every_nodes_network_by_another(
        self, rule: str, closed_way: Vantage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = judges(google=(self.OWN, pool("free")))

        def judged(namespace: str, name: str) -> Verdict:
            return Verdict(Layer.ADMISSION, Outcome.of((namespace, name) != (SHOP, rule)), "policy", "", "")

        monkeypatch.setattr(asked.admission, "judge", judged)
        monkeypatch.setattr(
            asked.admission, "placed", lambda namespace, _: judged(namespace, "gateway-nodes")
        )
        for way in (Vantage.APPLICATION_NODE, Vantage.GATEWAY_NODE):
            refused = "!" if way is closed_way else ""
            assert line(asked.trace(HTTP.but(vantage=way))) == f"admission{refused} firewall -> a.example"

    def test_to_pods_a_node_is_under_no_policy_and_no_rule_for_what_leaves(self) -> None:
        assert says(HTTP.but(vantage=Vantage.APPLICATION_NODE, to=Pod("bank", {}))) == "admission"

    def test_pods_come_from_application_nodes(self) -> None:
        google = (SUBNET, self.OWN, pool("free"), denial(targetServiceAccounts=["free@p"]))
        for way in (Vantage.PROXY, Vantage.POD_WITHOUT_SIDECAR):
            assert says(HTTP.but(vantage=way), google=google) == "DNS NetworkPolicy firewall! -> a.example"


def test_a_connection_past_the_sidecar_says_the_hosts_name_by_its_own_transport() -> None:
    for protocol, transport in ((Protocol.TLS, "TCP"), (Protocol.UDP, "UDP")):
        flow = Flow(SHOP, "a.example", 443, protocol, Vantage.POD_WITHOUT_SIDECAR)
        (left,) = trace(flow).left
        assert isinstance(left, Connection)
        assert (left.transport, left.sni, left.port) == (transport, "a.example", 443)


def test_nothing_has_to_pass_that_nobody_said_has_to() -> None:
    asked, past = judges(google=(denial("0.0.0.0/1"),)), HTTP.but(vantage=Vantage.POD_WITHOUT_SIDECAR)
    assert asked.trace(past).allowed


def test_a_refusal_names_the_field_that_comes_nearest_where_somebody_reads_it() -> None:
    who = [{"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/till"]}}]}]
    only = snapshot(*CLUSTER_OF, written("AuthorizationPolicy", GATEWAY, "till", rules=who))
    assert Judges(only).trace(HTTP).decision.field.startswith("spec.rules[0]")
    assert Judges(only, explains=False).trace(HTTP).decision.field == "spec.rules"


def test_what_comes_in_is_judged_over_the_same_objects() -> None:
    asked = judges()
    assert asked.inbound is asked.inbound
    assert asked.inbound.edges == {}
