"""What a sidecar takes a connection for. Source: Istio, "Protocol Selection", "Understanding Traffic
Routing".

Asked of the listeners by themselves; what becomes of it is in test_sidecar.py and test_routes.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.judge.asking import BANK, HTTP, SHOP, TCP, TLS, Written, entry, mesh, service, virtual
from tests.judge.listening import HERE, NOTHING, ONE, http, says, tcp, unread

AUTO = {"number": 9000, "name": "some", "protocol": "SOME"}


def tls(host: str, *names: str, name: str = "rule", namespace: str = SHOP, **spec: Any) -> Written:
    routes = [{"match": [{"sniHosts": list(names or (host,))}], **ONE}]
    return virtual(namespace, host, name=name, **{"tls": routes, **spec})


class TestAtAnAddress:
    def test_a_destination_is_met_on_its_own_ports(self) -> None:
        db = entry("db.test", SHOP, TCP, addresses=[HERE])
        assert says(f"tcp://{HERE}:3306", db) == "tcp to db.test"
        assert says("tcp://x.test:3306", db, address=HERE) == "tcp to db.test"
        assert says(f"tcp://{HERE}:3307", db) == NOTHING

    def test_but_not_on_those_that_are_read_as_http_where_the_host_header_counts(self) -> None:
        assert says(f"tcp://{HERE}:80", entry("a.test", addresses=[HERE])) == NOTHING

    @pytest.mark.parametrize("asked", ["http", "tls", "tcp"])
    def test_of_raw_tcp_whatever_is_sent(self, asked: str) -> None:
        assert (
            says(f"{asked}://x.test:3306", entry("db.test", SHOP, TCP, addresses=[HERE]), address=HERE)
            == "tcp to db.test"
        )

    @pytest.mark.parametrize(("asked", "read"), [("http", "http"), ("tls", "tcp"), ("tcp", "tcp")])
    def test_of_a_port_without_a_protocol_requests_are_read(self, asked: str, read: str) -> None:
        web = service("web", BANK, {"port": 9000, "name": "some"}, clusterIP=HERE)
        assert says(f"{asked}://x.test:9000", web, address=HERE) == f"{read} to web.bank.svc.cluster.local"

    def test_and_led_by_the_rules_for_its_host(self) -> None:
        web = service("web", BANK, {"port": 9000, "name": "some"}, clusterIP=HERE)
        leads = http("web.bank.svc.cluster.local", tcp=[ONE])
        assert says("http://x.test:9000", web, leads, address=HERE) == "http by rule"
        assert (
            says("tcp://x.test:9000", web, tcp("web.bank.svc.cluster.local"), address=HERE) == "tcp by rule"
        )
        assert says("http://x.test:9000", web, tcp("web.bank.svc.cluster.local"), address=HERE).startswith(
            "http to web"
        )

    @pytest.mark.parametrize(("asked", "read"), [("http", "tcp"), ("tls", "tls"), ("tcp", "tcp")])
    def test_of_tls_a_server_name_is_read_where_there_is_one(self, asked: str, read: str) -> None:
        a = entry("a.test", SHOP, TLS, addresses=[HERE])
        assert says(f"{asked}://x.test:443", a, address=HERE) == f"{read} to a.test"

    def test_and_where_rules_have_server_names_these_alone_lead(self) -> None:
        a = entry("a.test", SHOP, TLS, addresses=[HERE])
        leads = tls("a.test", "a.test")
        assert says("tls://a.test:443", a, leads, address=HERE) == "tls by rule"
        assert says("tls://x.test:443", a, leads, address=HERE) == NOTHING
        assert says("tcp://a.test:443", a, leads, address=HERE) == NOTHING

    @pytest.mark.parametrize("host", ["*.test", "*"])
    def test_by_rules_for_wider_hosts_too(self, host: str) -> None:
        a = entry("a.test", SHOP, TLS, addresses=[HERE])
        assert says("tls://a.test:443", a, tls(host), address=HERE) == "tls by rule"
        db = entry("db.test", SHOP, TCP, addresses=[HERE])
        assert says(f"tcp://{HERE}:3306", db, tcp(host)) == "tcp by rule"

    def test_of_a_pattern_by_its_own_rules_and_by_those_for_names_below_it(self) -> None:
        wide = entry("*.w.test", SHOP, TLS, resolution="NONE", addresses=[HERE])
        below = tls("b.w.test", name="below")
        for host in ("*.w.test", "*.test"):
            assert (
                says("tls://b.w.test:443", wide, tls(host, name="own"), below, address=HERE) == "tls by below"
            )
            assert (
                says("tls://c.w.test:443", wide, tls(host, name="own"), below, address=HERE) == "tls by own"
            )

    def test_of_two_which_counts_is_not_understood(self) -> None:
        one, two = (entry(host, SHOP, TCP, addresses=[HERE]) for host in ("a.test", "b.test"))
        said = unread(f"tcp://{HERE}:3306", one, two)
        assert (said.by, said.field) == ("shop/serviceentry/entry-a.test", "spec.addresses")
        assert "shop/serviceentry/entry-b.test" in said.reason

    def test_of_two_hosts_of_one_object_the_first(self) -> None:
        both = entry("a.test", SHOP, TCP, addresses=[HERE], hosts=["a.test", "b.test"])
        assert says(f"tcp://{HERE}:3306", both) == "tcp to a.test"

    def test_one_that_the_sidecar_does_not_ask_for_is_not_met(self) -> None:
        one, two = entry("a.test", SHOP, TCP, addresses=[HERE]), entry("b.test", BANK, TCP, addresses=[HERE])
        assert says(f"tcp://{HERE}:3306", one, two, seen=(("shop", "*"),)) == "tcp to a.test"
        assert says(f"tcp://{HERE}:3306", two, seen=(("shop", "*"),)) == NOTHING
        assert says("tcp://b.test:3306", two, seen=(("shop", "*"),)) == NOTHING

    def test_nor_one_beside_another_that_its_host_is_taken_for(self) -> None:
        own = entry("a.test", SHOP, {**TCP, "number": 3307}, addresses=[HERE])
        others = entry("a.test", BANK, TCP, addresses=["198.51.100.2"])
        assert says("tcp://198.51.100.2:3306", own, others) == NOTHING
        assert says(f"tcp://{HERE}:3307", own, others) == "tcp to a.test"


class TestTheAddressOfAName:
    @pytest.mark.parametrize(
        ("addresses", "led"),
        [
            ([HERE], True),
            (["2001:db8::1"], True),
            (["240.0.0.1"], False),
            (["255.1.1.1"], False),
            (["239.255.255.255"], True),
            (["241.0.0.1/8"], False),
            (["240.0.0.1", HERE], True),
            (["240.0.0.1", "241.0.0.1"], False),
        ],
    )
    def test_is_the_destinations_unless_no_network_has_it(self, addresses: list[str], led: bool) -> None:
        """RFC 1112, section 4: 240.0.0.0/4 is reserved, and in no DNS."""
        db = entry("db.test", SHOP, TCP, addresses=addresses)
        assert says("tcp://db.test:3306", db) == ("tcp to db.test" if led else NOTHING)

    @pytest.mark.parametrize(
        ("addresses", "endpoints", "known"),
        [
            ([HERE], [HERE], True),
            ([HERE, "198.51.100.2"], [HERE], True),
            (["198.51.100.2"], [HERE], False),
            ([HERE], [HERE, "198.51.100.2"], False),
            ([HERE], ["a.test"], True),
        ],
    )
    def test_is_not_known_where_the_destination_is_at_another_than_the_mesh_knows(
        self, addresses: list[str], endpoints: list[str], known: bool
    ) -> None:
        """The mesh knew a database by another address than its own, and was thought to be asked there all the
        same."""
        at = [{"address": endpoint} for endpoint in endpoints]
        db = entry("db.test", SHOP, TCP, addresses=addresses, endpoints=at, resolution="STATIC")
        if known:
            assert says("tcp://db.test:3306", db) == "tcp to db.test"
        else:
            assert unread("tcp://db.test:3306", db).field == "spec.addresses"
        assert says("tcp://db.test:3307", db) == NOTHING

    def test_is_what_the_sidecar_says_whatever_the_destination_is_at(self) -> None:
        captures = mesh(defaultConfig={"proxyMetadata": {"ISTIO_META_DNS_CAPTURE": "true"}})
        at = [{"address": "198.51.100.2"}]
        db = entry("db.test", SHOP, TCP, addresses=[HERE], endpoints=at, resolution="STATIC")
        assert says("tcp://db.test:3306", db, captures) == "tcp to db.test"

    def test_is_any_where_the_sidecar_answers_dns(self) -> None:
        captures = mesh(defaultConfig={"proxyMetadata": {"ISTIO_META_DNS_CAPTURE": "true"}})
        assert (
            says("tcp://db.test:3306", entry("db.test", SHOP, TCP, addresses=["240.0.0.1"]), captures)
            == "tcp to db.test"
        )

    def test_without_one_it_is_not_the_mesh_that_says_where_it_is(self) -> None:
        assert says("tcp://db.test:3307", entry("db.test", SHOP, TCP)) == NOTHING

    @pytest.mark.parametrize("name", ["db", "db.shop", "db.shop.svc", "db.shop.svc.cluster.local"])
    @pytest.mark.parametrize("address", [HERE, "None"])
    def test_of_a_service_is_its_own_by_every_form_of_its_name(self, name: str, address: str) -> None:
        db = service("db", SHOP, {"port": 3306, "name": "tcp"}, clusterIP=address)
        assert says(f"tcp://{name}:3306", db) == "tcp to db.shop.svc.cluster.local"
        assert says(f"tcp://{name}.x:3306", db) == NOTHING

    def test_a_service_without_an_address_is_nowhere_else(self) -> None:
        headless = service(
            "db", SHOP, {"port": 3306, "name": "tcp"}, {"port": 443, "name": "tls"}, clusterIP="None"
        )
        assert says("tcp://192.0.2.9:3306", headless) == NOTHING
        assert says("tls://db.shop.svc.cluster.local:443", headless, address="192.0.2.9") == NOTHING


class TestServerNames:
    a = entry("a.test", SHOP, TLS)

    def test_lead_to_the_destination_of_their_name_or_of_a_pattern_above_it(self) -> None:
        wide = entry("*.test", SHOP, TLS, resolution="NONE")
        assert says("tls://a.test", self.a, wide) == "tls to a.test"
        assert says("tls://b.test", self.a, wide) == "tls to *.test"
        assert says("tls://b.test", self.a) == NOTHING
        assert says("tls://a.test:8443", self.a) == NOTHING
        assert says("tcp://a.test:443", self.a) == says("http://a.test:443", self.a) == NOTHING

    def test_lead_nowhere_on_a_port_that_is_read_as_http(self) -> None:
        plain = entry("a.test", SHOP, {**HTTP, "number": 443})
        assert says("tls://a.test", plain) == NOTHING
        assert says("tls://b.test", plain, tls("*.test", "*.test")) == NOTHING

    def test_that_the_sidecar_does_not_ask_for_are_not_known(self) -> None:
        assert says("tls://a.test", entry("a.test", BANK, TLS), seen=(("shop", "*"),)) == NOTHING

    def test_of_rules_lead_the_closest_first(self) -> None:
        wide = entry("*.test", SHOP, TLS, resolution="NONE")
        two = (tls("*.test", "*.test", name="wide"), tls("*.test", "b.test", name="close", exportTo=["."]))
        for order in (two, two[::-1]):
            assert says("tls://b.test", wide, *order) == "tls by close"
            assert says("tls://c.test", wide, *order) == "tls by wide"

    def test_of_rules_for_names_below_a_destinations_pattern_leave_it_no_way_of_its_own(self) -> None:
        wide = entry("*.test", SHOP, TLS, resolution="NONE")
        assert says("tls://b.test", wide, tls("b.test")) == "tls by rule"
        assert says("tls://c.test", wide, tls("b.test")) == NOTHING
        assert says("tls://c.test", wide, tls("b.example")) == "tls to *.test"

    def test_of_a_rule_for_a_pattern_lead_as_soon_as_one_destination_below_it_is_known(self) -> None:
        wide = tls("*.test", "*.test")
        assert says("tls://b.test", self.a, wide) == "tls by rule"
        assert says("tls://b.test", self.a, entry("c.test"), wide) == "tls by rule"
        assert says("tls://b.test", entry("a.test"), wide) == NOTHING
        assert says("tls://b.test", entry("a.example", SHOP, TLS), wide) == NOTHING
        assert says("tls://b.test", entry("a.test", BANK, TLS), wide, seen=(("shop", "*"),)) == NOTHING
        assert says("tls://b.test", entry("a.test", BANK, TLS, exportTo=["till"]), wide) == NOTHING
        assert says("tls://b.test", self.a, http("*.test")) == NOTHING

    def test_of_a_route_that_has_none_lead_nothing(self) -> None:
        assert (
            says("tls://a.test", self.a, tls("a.test", tls=[{"match": [{"port": 443}], **ONE}]))
            == "tls to a.test"
        )

    def test_for_every_name_lead_every_name(self) -> None:
        assert says("tls://a.test", self.a, tls("*.test", "*")) == "tls by rule"

    def test_of_two_rules_are_a_matter_of_their_age(self) -> None:
        said = unread("tls://a.test", self.a, tls("a.test", name="one"), tls("a.test", name="two"))
        assert (said.by, said.field) == ("shop/virtualservice/one", "spec.hosts")
        kept = tls("a.test", name="kept", exportTo=["."])
        assert says("tls://a.test", self.a, tls("a.test", name="two"), kept) == "tls by kept"


class TestRawTcp:
    db = entry("db.test", SHOP, TCP)

    @pytest.mark.parametrize("asked", ["tcp://192.0.2.9", "tls://x.test", "http://x.test"])
    def test_a_destination_without_an_address_takes_every_connection_to_its_port(self, asked: str) -> None:
        assert says(f"{asked}:3306", self.db) == "tcp to db.test"
        assert says(f"{asked}:3307", self.db) == NOTHING

    def test_of_two_which_counts_is_a_matter_of_their_age(self) -> None:
        said = unread("tcp://192.0.2.9:3306", self.db, entry("b.test", BANK, TCP))
        assert (said.by, said.field) == ("shop/serviceentry/entry-db.test", "spec.ports")
        assert "bank/serviceentry/entry-b.test" in said.reason

    def test_of_those_that_the_sidecar_asks_for_and_takes_their_host_for(self) -> None:
        assert (
            says("tcp://192.0.2.9:3306", self.db, entry("b.test", BANK, TCP), seen=(("shop", "*"),))
            == "tcp to db.test"
        )
        assert says("tcp://192.0.2.9:3306", entry("b.test", BANK, TCP), seen=(("shop", "*"),)) == NOTHING
        assert says("tcp://192.0.2.9:3306", self.db, entry("db.test", BANK, TCP)) == "tcp to db.test"

    def test_a_port_without_a_protocol_is_not_understood(self) -> None:
        said = unread("tcp://192.0.2.9:9000", entry("a.test", SHOP, AUTO))
        assert (said.by, said.field) == ("shop/serviceentry/entry-a.test", "spec.ports.protocol")
        assert says("tcp://192.0.2.9:9001", entry("a.test", SHOP, AUTO)) == NOTHING

    def test_is_led_by_the_rules_for_its_host_those_that_count_first(self) -> None:
        wide, kept = tcp("*.test", name="wide"), tcp("db.test", name="kept", exportTo=["."])
        assert says("tcp://192.0.2.9:3306", self.db, wide) == "tcp by wide"
        assert says("tcp://192.0.2.9:3306", self.db, wide, kept) == "tcp by kept"
        assert says("tcp://192.0.2.9:3306", self.db, http("db.test")) == "tcp to db.test"

    def test_of_a_pattern_by_those_for_names_below_it_too(self) -> None:
        wide = entry("*.test", SHOP, TCP, resolution="NONE")
        assert (
            says("tcp://192.0.2.9:3306", wide, tcp("a.test"), tcp("*", name="every", exportTo=["till"]))
            == "tcp by rule"
        )
        assert says("tcp://192.0.2.9:3306", wide, tcp("*.test")) == "tcp by rule"
        assert (
            says("tcp://192.0.2.9:3306", wide, tcp("*.test", name="own", exportTo=["."]), tcp("a.test"))
            == "tcp by own"
        )
        assert (
            says("tcp://192.0.2.9:3306", wide, tcp("*", name="own", exportTo=["."]), tcp("a.test"))
            == "tcp by own"
        )
        assert says("tcp://192.0.2.9:3306", wide, tcp("a.example")) == "tcp to *.test"
        assert says("tcp://192.0.2.9:3306", self.db, tcp("a.db.test")) == "tcp to db.test"

    def test_of_two_rules_which_counts_is_a_matter_of_their_age(self) -> None:
        said = unread("tcp://192.0.2.9:3306", self.db, tcp("db.test", name="one"), tcp("*.test", name="two"))
        assert (said.by, said.field) == ("shop/virtualservice/one", "spec.hosts")
        assert "shop/virtualservice/two" in said.reason
