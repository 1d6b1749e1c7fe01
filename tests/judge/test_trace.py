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
    bound,
    entry,
    gateway,
    passing,
    raw,
    server,
    service,
    to,
    virtual,
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

BELOW_A = entry("*.a.example", GATEWAY, resolution="DYNAMIC_DNS")
WITH, WITHOUT = Vantage.GATEWAY_WITH_CERTIFICATE, Vantage.GATEWAY_WITHOUT_CERTIFICATE


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
            ((NOBODY,), "DNS sidecar NetworkPolicy gateway authorization!"),
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


class TestStraightAtGateways:
    def test_with_a_certificate_of_the_account_that_asks(self) -> None:
        who = {"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/till"]}}]}
        only = written("AuthorizationPolicy", GATEWAY, "till", rules=[who])
        assert trace(HTTP.but(vantage=WITH, service_account="till"), only).allowed
        assert trace(HTTP.but(vantage=WITH), only).decision.decided_by == "gw/authorizationpolicy/till"

    def test_without_a_door_for_the_protocol_there_is_no_way(self) -> None:
        for flow, words in ((HTTP, "HTTP"), (SEALED, "TLS")):
            found = trace(flow.but(vantage=WITH), of=BASE)
            assert (line(found), found.decision.decided_by, found.decision.field) == (
                "gateway!",
                None,
                "",
            )
            assert words in found.decision.reason
        assert says(SEALED.but(vantage=WITH)) == "gateway!"
        # Where there is one, it is what refuses first that is named.
        assert says(HTTP.but(vantage=WITH), closed(SHOP, "Egress")) == "NetworkPolicy!"

    def test_through_the_door_that_leads_to_the_host_and_else_through_every_one(self) -> None:
        second = gateway(server("*", port=8443), name="second")
        other = virtual(
            GATEWAY,
            "b.example",
            name="b",
            gateways=[f"{GATEWAY}/second"],
            http=[{"route": [to("b.example", 80)]}],
        )
        of = (*CLUSTER_OF, second, other, entry("b.example", GATEWAY))
        found = trace(HTTP.but(host="b.example", vantage=WITH), of=of)
        assert (line(found).split(" -> ")[1], found.allowed) == ("b.example", True)
        stranger = trace(HTTP.but(host="c.example", vantage=WITH), of=of)
        assert (stranger.allowed, stranger.left) == (False, ())
        assert [step.layer.value for step in stranger.steps] == ["NetworkPolicy", "authorization", "gateway"]

    def test_a_host_that_a_gateway_leads_to_by_another_name_is_asked_for_by_that(self) -> None:
        renamed = (*BASE, entry("c.example", GATEWAY), edge(), WEB, bound("a.example", "c.example"))
        assert says(HTTP.but(host="c.example", vantage=WITH), of=renamed).endswith("-> c.example")
        assert (
            says(HTTP.but(host="c.example", vantage=WITH, authority="c.example"), of=renamed)
            == "NetworkPolicy authorization gateway!"
        )

    def test_by_a_pattern_it_is_asked_for_by_some_name_below(self) -> None:
        wide = (*BASE, entry("c.example", GATEWAY), BELOW_A, edge(), WEB, bound("*.a.example", "c.example"))
        below = written(
            "AuthorizationPolicy",
            GATEWAY,
            "below",
            rules=[{"to": [{"operation": {"hosts": ["any.a.example"]}}]}],
        )
        found = trace(HTTP.but(host="c.example", vantage=WITH), below, of=wide)
        assert (found.allowed, found.understood) == (True, True)
        own = written(
            "AuthorizationPolicy",
            GATEWAY,
            "own",
            rules=[{"to": [{"operation": {"hosts": ["one.a.example"]}}]}],
        )
        one = virtual(
            GATEWAY, "*.a.example", gateways=[f"{GATEWAY}/edge"], http=[{"route": [to("one.a.example", 80)]}]
        )
        of = (*BASE, entry("one.a.example", GATEWAY), BELOW_A, edge(), WEB, one)
        assert trace(HTTP.but(host="one.a.example", vantage=WITH), own, of=of).allowed

    def test_every_server_name_that_a_rule_asks_for_is_tried(self) -> None:
        when = [{"key": "connection.sni", "values": ["secret.example"]}]
        knows = written("AuthorizationPolicy", GATEWAY, "sni", rules=[{"when": when}])
        assert trace(HTTP.but(vantage=WITH), knows).allowed

    def test_tls_says_the_hosts_own_name(self) -> None:
        doors = gateway(server("*", protocol="TLS", mode="PASSTHROUGH"))
        of = (
            SHOPS,
            edge(),
            entry("a.example", GATEWAY, TLS),
            doors,
            passing("a.example", target="a.example"),
        )
        assert (
            says(SEALED.but(vantage=WITHOUT), of=of)
            == "NetworkPolicy authorization gateway NetworkPolicy firewall -> a.example"
        )
        assert (
            says(SEALED.but(vantage=WITHOUT, host="b.example"), of=of)
            == "NetworkPolicy authorization gateway!"
        )
        # A rule that asks for a name leads nobody to another one.
        when = [{"key": "connection.sni", "values": ["a.example"]}]
        knows = written("AuthorizationPolicy", GATEWAY, "sni", rules=[{"when": when}])
        assert not trace(SEALED.but(vantage=WITHOUT, host="b.example"), knows, of=of).allowed

    def test_tls_within_the_meshs_tls_says_it_too(self) -> None:
        inside = {**TLS, "number": 9443}
        back = entry("back.test", GATEWAY, inside, resolution="STATIC", endpoints=[{"address": "127.0.0.1"}])
        doors = gateway(
            server("*", protocol="TLS"),
            server("*", port=9443, protocol="TLS", mode="PASSTHROUGH", bind="127.0.0.1"),
        )
        routes = raw(
            "a.example",
            tcp=[{"route": [to("back.test", 9443)]}],
            tls=[{"match": [{"sniHosts": ["a.example"]}], "route": [to("a.example", 443)]}],
        )
        assert says(SEALED.but(vantage=WITH), back, of=(*BASE, edge(), doors, routes)).endswith(
            "-> a.example"
        )

    def test_tls_within_another_names_tls_says_the_hosts_own(self) -> None:
        inside = {**TLS, "number": 9443}
        back = entry("back.test", GATEWAY, inside, resolution="STATIC", endpoints=[{"address": "127.0.0.1"}])
        inner = server("c.example", port=9443, protocol="TLS", mode="PASSTHROUGH", bind="127.0.0.1")
        doors = gateway(server("a.example", protocol="TLS"), inner)
        outer = raw("a.example", tcp=[{"route": [to("back.test", 9443)]}])
        onward = passing("c.example", target="c.example", name="onward")
        of = (*BASE, edge(), entry("c.example", GATEWAY, TLS), back, doors, outer, onward)
        assert says(SEALED.but(vantage=WITH, host="c.example"), of=of).endswith("-> c.example")

    def test_what_a_proxy_answers_with_400_is_asked_of_no_rule(self) -> None:
        assert says(HTTP.but(vantage=WITH, method="get")) == "NetworkPolicy gateway!"

    def test_pods_that_a_gateway_leads_to_are_asked_no_more(self) -> None:
        web = service("web", "bank", {"port": 80, "name": "http"})
        inside = bound("a.example", "web.bank.svc.cluster.local")
        found = trace(HTTP.but(vantage=WITH), web, of=(*BASE, edge(), WEB, inside))
        assert (line(found), found.left) == ("NetworkPolicy authorization gateway NetworkPolicy", ())


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
