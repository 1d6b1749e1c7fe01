"""What has to pass, and what must not: of several addresses, of nodes between pods, of callers that rules
tell from others.

Source: Cloud DNS, records with several addresses; Envoy, DNS service discovery; Kubernetes, "DNS for Services
and Pods".
"""

from __future__ import annotations

import pytest

from egress.common.objects import Resource
from egress.judge.lookup.subnets import CLUSTER
from egress.judge.model.flow import Flow, Outside, Pod, Protocol, Vantage
from tests.judge.asking import (
    CLOSED,
    GATEWAY,
    SHOP,
    TLS,
    bound,
    entry,
    service,
    to,
    virtual,
)
from tests.judge.asking import HTTP as PLAIN
from tests.judge.objects import team, written
from tests.judge.tracing import (
    BASE,
    HTTP,
    IN_FRONT,
    LED,
    ONWARD,
    SHOPS,
    SHOWS,
    SUBNET,
    WEB,
    closed,
    denial,
    edge,
    judges,
    line,
    record,
    says,
    trace,
    zone,
)

GKE = Resource(CLUSTER, "cluster", {})
"""With it GKE lets pods and nodes in by rules of its own."""


class TestRequestsThatAreShared:
    """Some requests of one flow go here and some there; those that arrive arrive, whatever becomes of the
    others."""

    ENTRY = entry(
        "a.example", GATEWAY, PLAIN, TLS, resolution="STATIC", endpoints=[{"address": "203.0.113.1"}]
    )
    OTHER = entry("b.example", GATEWAY, PLAIN, resolution="STATIC", endpoints=[{"address": "203.0.113.2"}])
    BOTH = entry(
        "a.example",
        GATEWAY,
        PLAIN,
        TLS,
        resolution="STATIC",
        endpoints=[{"address": f"203.0.113.{n}"} for n in (1, 2)],
    )
    SHARES = bound(
        "a.example", http=[{"route": [to(f"{name}.example", 80, weight=50) for name in ("a", "b")]}]
    )
    COPIES = bound("a.example", http=[{"route": [to("a.example", 80)], "mirrors": [to("b.example", 80)]}])
    SHARED = {
        "addresses in turn": (BOTH, ONWARD),
        "shares": (ENTRY, OTHER, SHARES),
        "copies": (ENTRY, OTHER, COPIES),
    }

    @pytest.mark.parametrize("how", SHARED)
    @pytest.mark.parametrize(("denied", "arrives"), [(1, "203.0.113.2"), (2, "203.0.113.1")])
    def test_behind_the_gateway_one_that_arrives_is_enough_and_of_what_must_pass_each_has_to(
        self, how: str, denied: int, arrives: str
    ) -> None:
        of = (SHOPS, IN_FRONT, LED, SHOWS, CLOSED, edge(), WEB, *self.SHARED[how])
        google = (SUBNET, GKE, denial(f"203.0.113.{denied}/32"))
        found = trace(HTTP, of=of, google=google)
        assert found.allowed
        assert [one.to.address for one in found.left if isinstance(one.to, Outside)] == [arrives]
        assert not trace(HTTP, of=of, google=google, must_pass=True).allowed
        assert not trace(HTTP, of=of, google=(SUBNET, GKE, denial("203.0.113.0/24"))).allowed
        assert trace(HTTP, of=of, google=(SUBNET, GKE), must_pass=True).allowed

    @pytest.mark.parametrize("names", [("open", "shut"), ("shut", "open")])
    def test_from_the_app_too(self, names: tuple[str, str]) -> None:
        services = [service(name, name, {"port": 80, "name": "http"}) for name in names]
        hosts = [f"{name}.{name}.svc.cluster.local" for name in names]
        shares = virtual(SHOP, hosts[0], http=[{"route": [to(host, 80, weight=50) for host in hosts]}])
        asked = HTTP.but(host=hosts[0])
        assert trace(asked, *services, shares, closed("shut", "Ingress")).allowed
        assert not trace(asked, *services, shares, closed("shut", "Ingress"), must_pass=True).allowed
        assert not trace(
            asked, *services, shares, closed("shut", "Ingress"), closed("open", "Ingress")
        ).allowed


class TestAddressesOfANetworksOwnNames:
    """A private zone answers with addresses, and rules are asked about those."""

    PAST = HTTP.but(vantage=Vantage.POD_WITHOUT_SIDECAR)
    DNS = (zone("a.example."), record("a.example.", "A", "10.9.0.1", "10.9.0.2"))

    @pytest.mark.parametrize("denied", ["10.9.0.1/32", "10.9.0.2/32"])
    def test_what_must_not_pass_passes_if_one_is_let_through_and_what_must_needs_each(
        self, denied: str
    ) -> None:
        google = (*self.DNS, denial(denied))
        assert trace(self.PAST, google=google).allowed
        assert not trace(self.PAST, google=google, must_pass=True).allowed
        assert not trace(HTTP, google=google, must_pass=True).allowed
        assert trace(HTTP, google=google).allowed

    def test_which_is_let_through_is_named(self) -> None:
        assert says(self.PAST, google=(*self.DNS, denial("10.9.0.1/32"))).endswith("firewall -> 10.9.0.2")
        assert says(self.PAST, google=(*self.DNS, denial("10.9.0.0/24"))).endswith("firewall! -> 10.9.0.1")
        assert says(self.PAST.but(address="10.9.0.2"), google=self.DNS).endswith("firewall -> 10.9.0.2")

    def test_fewer_refusals_let_more_through(self) -> None:
        only = written("NetworkPolicy", SHOP, "only", podSelector={}, policyTypes=["Egress"], egress=[
            {"to": [{"ipBlock": {"cidr": "10.9.0.2/32"}}]}
        ])  # fmt: skip
        assert (
            says(self.PAST, only, google=(*self.DNS, denial("10.9.0.0/24")))
            == "DNS NetworkPolicy firewall! -> 10.9.0.2"
        )

    def test_what_is_understood_is_said_before_what_is_not(self) -> None:
        unread = denial("10.9.0.1/32", targetTags=["web"])
        google = (*self.DNS, unread)
        assert says(self.PAST, google=google).endswith("firewall -> 10.9.0.2")
        assert says(self.PAST, google=google, must_pass=True).endswith("firewall? -> 10.9.0.1")

    def test_what_must_pass_is_asked_for_by_ipv4_as_proxies_ask(self) -> None:
        both = (
            zone("a.example."),
            record("a.example.", "A", "10.9.0.1"),
            record("a.example.", "AAAA", "2001:db8::1"),
            SUBNET,
        )
        assert trace(self.PAST, google=both, must_pass=True).allowed
        six = (zone("a.example."), record("a.example.", "AAAA", "2001:db8::1"), SUBNET)
        assert not trace(self.PAST, google=six, must_pass=True).allowed
        assert says(self.PAST, google=(*both[:3], denial())).endswith("-> 2001:db8::1")


class TestWhatMustPass:
    def test_every_address_of_the_internet_has_to_be_let_through(self) -> None:
        past, half = HTTP.but(vantage=Vantage.POD_WITHOUT_SIDECAR), denial("0.0.0.0/1")
        assert trace(past, google=(half,)).allowed
        assert not trace(past, google=(half,), must_pass=True).allowed
        some = written("NetworkPolicy", SHOP, "some", podSelector={}, policyTypes=["Egress"], egress=[
            {"to": [{"ipBlock": {"cidr": "8.8.8.8/32"}}]}
        ])  # fmt: skip
        assert trace(past, some).allowed
        assert not trace(past, some, must_pass=True).allowed

    def test_to_pods_it_counts_on_no_block(self) -> None:
        past = HTTP.but(vantage=Vantage.POD_WITHOUT_SIDECAR, to=Pod("bank", {}))
        block = written("NetworkPolicy", SHOP, "block", podSelector={}, policyTypes=["Egress"], egress=[
            {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}
        ])  # fmt: skip
        assert trace(past, block).understood
        assert not trace(past, block, must_pass=True).understood

    def test_between_nodes_the_firewall_has_to_let_it_through_too(self) -> None:
        inside = denial("10.0.0.0/8")
        assert trace(HTTP, google=(inside,)).allowed
        stopped = trace(HTTP, google=(inside,), must_pass=True)
        assert line(stopped).startswith("DNS sidecar NetworkPolicy firewall! authorization")
        assert says(HTTP, google=(denial("10.0.0.0/8", targetTags=["x"]),), must_pass=True).startswith(
            "DNS sidecar NetworkPolicy firewall? authorization"
        )
        assert " NetworkPolicy firewall! authorization" in says(
            HTTP, google=(denial("10.0.0.0/9"), GKE), must_pass=True
        )
        assert says(HTTP, google=(GKE,), must_pass=True) == says(HTTP, google=(GKE,))
        # Without Google's resources nothing is known of nodes, and nobody is asked.
        assert says(HTTP, must_pass=True) == says(HTTP)

    def test_a_gateway_without_pods_is_said_beside_the_firewall(self) -> None:
        of = (*BASE, edge(replicas=0), WEB, ONWARD)
        google = (denial("10.0.0.0/8"),)
        assert (
            says(HTTP, of=of, google=google, must_pass=True) == "DNS sidecar NetworkPolicy firewall! gateway!"
        )

    BANK = (
        team("bank", **{"istio-injection": "enabled"}),
        service("web", "bank", {"port": 80, "name": "http"}, selector={"app": "web"}),
    )
    WEB = Flow(SHOP, "web.bank.svc.cluster.local", 80, Protocol.HTTP)

    def test_another_teams_pods_have_to_take_every_caller_that_a_rule_names(self) -> None:
        asked = judges(*self.BANK)
        flow = asked.resolved(self.WEB)
        assert line(asked.trace(flow, must_pass=True)) == "DNS sidecar NetworkPolicy"
        names = [{"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/till"]}}]}]
        deny = written("AuthorizationPolicy", "bank", "deny", action="DENY", rules=names)
        assert line(trace(flow, *self.BANK, deny)) == "DNS sidecar NetworkPolicy"
        assert (
            line(trace(flow, *self.BANK, deny, must_pass=True)) == "DNS sidecar NetworkPolicy authorization!"
        )
        nobody = written("AuthorizationPolicy", "bank", "nobody")
        assert (
            line(trace(flow, *self.BANK, nobody, must_pass=True))
            == "DNS sidecar NetworkPolicy authorization!"
        )

    def test_a_short_name_is_the_service_that_a_pod_finds_by_it(self) -> None:
        assert judges(*self.BANK).resolved(self.WEB.but(host="web.bank")).host == self.WEB.host
        assert (
            judges().resolved(self.WEB.but(host="any.bank", vantage=Vantage.POD_WITHOUT_SIDECAR)).to is None
        )
        written_by_them = judges(*self.BANK).resolved(self.WEB.but(host="other.bank"))
        assert written_by_them.to is not None
        assert written_by_them.to.namespace == "bank"
        nobodys = judges(written("Namespace", None, "cafe")).resolved(self.WEB.but(host="other.cafe"))
        assert nobodys.to is None
