"""Flows, requests, addresses and traces: what each of their words means.

Source: RFC 9110 (Host, header fields that are sent twice); Kubernetes and Google Cloud, names of transports.
"""

from __future__ import annotations

import pytest

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
    is_loopback,
    without_port,
)
from egress.judge.trace import Trace

FLOW = Flow("shop", "Example.com", 80, Protocol.HTTP)


class TestWords:
    """Evidence, tables and commands carry them, so programs read them too."""

    def test_layers_ways_and_protocols(self) -> None:
        assert [layer.value for layer in Layer] == [
            *(
                "admission",
                "DNS",
                "sidecar",
                "NetworkPolicy",
                "gateway",
                "authorization",
                "firewall",
                "load balancer",
            )
        ]
        assert [way.value for way in Vantage] == [
            *(
                "app",
                "proxy",
                "pod-without-sidecar",
                "gateway-with-certificate",
                "gateway-without-certificate",
            ),
            *("gateway-node", "application-node"),
        ]
        assert [protocol.value for protocol in Protocol] == ["http", "tls", "tcp", "udp", "sctp"]

    def test_what_carries_a_protocol_in_the_words_of_policies_and_firewalls(self) -> None:
        assert [protocol.transport for protocol in Protocol] == ["TCP", "TCP", "TCP", "UDP", "SCTP"]

    def test_a_verdict_in_a_word(self) -> None:
        words = {outcome: Verdict(Layer.DNS, outcome, "x", "", "").symbol for outcome in Outcome}
        assert words == {Outcome.ALLOWED: "yes", Outcome.DENIED: "no", Outcome.NOT_UNDERSTOOD: "?"}

    def test_what_cannot_be_read_says_why(self) -> None:
        error = Misread("shop/sidecar/x", "spec", "nobody knows that")
        assert (str(error), error.by, error.field, error.reason) == (
            *("nobody knows that", "shop/sidecar/x", "spec", "nobody knows that"),
        )


class TestWhatIsMeantWithoutSaying:
    def test_a_flow_is_an_apps_request_for_the_root_page(self) -> None:
        assert (FLOW.vantage, FLOW.service_account, FLOW.method, FLOW.path, FLOW.headers) == (
            Vantage.APP,
            "default",
            "GET",
            "/",
            {},
        )
        assert FLOW.request == Request("Example.com") == Request("Example.com", "GET", "/", {})

    def test_a_pod_runs_as_the_namespaces_default_account_on_no_known_pool(self) -> None:
        pod = Pod("shop", {})
        assert (pod.service_account, pod.pool) == ("default", "")

    def test_a_connection_is_tcp_and_its_proxy_opens_no_tls(self) -> None:
        one = Connection(Pod("shop", {}), Outside("example.com", None), 80, Protocol.HTTP)
        assert (one.transport, one.opens, one.verified, one.trusts) == ("TCP", "", (), "")

    def test_a_verdict_is_understood(self) -> None:
        assert Verdict(Layer.DNS, Outcome.ALLOWED, "x", "", "").understood


class TestRequests:
    def test_a_header_that_is_sent_once_more_has_several_values(self) -> None:
        once = Request("a", headers={"x-env": "prod"})
        more = Request(
            "a", headers={"x-env": "prod"}, repeated=(("x-env", "dev"), ("x-other", "1"), ("x-env", "test"))
        )
        assert (once.values("x-env"), once.values("x-other")) == (("prod",), ())
        assert (more.values("x-env"), more.values("x-other"), more.values("x-none")) == (
            ("prod", "dev", "test"),
            ("1",),
            (),
        )

    def test_a_flow_asks_with_what_it_says(self) -> None:
        headers, twice = {"x-env": "prod"}, (("x-env", "dev"),)
        asked = FLOW.but(method="POST", path="/a", headers=headers, repeated=twice)
        assert asked.request == Request("Example.com", "POST", "/a", headers, twice)
        assert asked.but(authority="other.example").request.host == "other.example"

    def test_changing_some_fields_leaves_the_others_and_the_first_flow_alone(self) -> None:
        changed = FLOW.but(port=8080)
        assert changed == Flow("shop", "Example.com", 8080, Protocol.HTTP)
        assert FLOW.port == 80

    @pytest.mark.parametrize(
        ("authority", "addressed"),
        [
            ("", "example.com"),
            ("Other.Example", "other.example"),
            ("other.example:8080", "other.example"),
            ("other.example.", "other.example"),
            ("other.example.:8080", "other.example"),
            (".other.example", ".other.example"),
        ],
    )
    def test_a_proxy_looks_for_a_route_by_the_name_in_small_letters_alone(
        self, authority: str, addressed: str
    ) -> None:
        assert FLOW.but(authority=authority).addressed == addressed


class TestAddresses:
    @pytest.mark.parametrize(
        ("authority", "name"),
        [
            ("example.com", "example.com"),
            ("example.com:80", "example.com"),
            ("example.com:", "example.com:"),
            ("example.com:http", "example.com:http"),
            ("8080", "8080"),
            ("192.0.2.1:80", "192.0.2.1"),
            ("[2001:db8::1]:80", "[2001:db8::1]"),
            ("[2001:db8::1]", "[2001:db8::1]"),
            # Without brackets the last number is a part of the address.
            ("2001:db8::1", "2001:db8::1"),
            ("]:2001:80", "]:2001:80"),
        ],
    )
    def test_a_host_header_without_its_port(self, authority: str, name: str) -> None:
        assert without_port(authority) == name

    @pytest.mark.parametrize(
        ("text", "address", "loopback"),
        [
            ("192.0.2.1", True, False),
            ("127.0.0.1", True, True),
            ("127.8.0.1", True, True),
            ("::1", True, True),
            ("::ffff:127.0.0.1", True, True),
            ("::ffff:192.0.2.1", True, False),
            ("2001:db8::1", True, False),
            ("localhost", False, False),
            ("192.0.2.0/24", False, False),
            ("", False, False),
        ],
    )
    def test_addresses_and_those_of_a_pods_own(self, text: str, address: bool, loopback: bool) -> None:
        assert is_address(text) is address
        assert is_loopback(text) is loopback


class TestWhatATraceSays:
    """`+` lets through, `-` refuses, `d` is a name that does not resolve, `?` is not understood."""

    STEPS = {
        "+": Verdict(Layer.SIDECAR, Outcome.ALLOWED, "lets", "", ""),
        "-": Verdict(Layer.FIREWALL, Outcome.DENIED, "refuses", "", ""),
        "d": Verdict(Layer.DNS, Outcome.DENIED, "unresolved", "", ""),
        "n": Verdict(Layer.DNS, Outcome.ALLOWED, "resolved", "", ""),
        "?": Verdict(Layer.GATEWAY, Outcome.NOT_UNDERSTOOD, "unread", "", ""),
    }

    def trace(self, steps: str) -> Trace:
        return Trace(
            FLOW,
            tuple(self.STEPS[one]._replace(field=str(at)) for at, one in enumerate(steps)),
        )

    @pytest.mark.parametrize(
        ("steps", "allowed", "held", "understood", "decides"),
        [
            ("+", True, False, True, 0),
            ("n++", True, False, True, 2),
            ("++-", False, True, True, 2),
            ("-+", False, True, True, 0),
            ("--", False, True, True, 0),
            # A client that knows the address goes on, so a name that does not resolve holds nobody.
            ("d++", False, False, True, 0),
            ("+d+", False, False, True, 1),
            ("d+-", False, True, True, 2),
            ("+?+", True, False, False, 1),
            ("??+", True, False, False, 0),
            ("?-", False, True, False, 1),
            ("?d", False, False, False, 1),
        ],
    )
    def test_whether_it_passes_and_who_decides(
        self, steps: str, allowed: bool, held: bool, understood: bool, decides: int
    ) -> None:
        trace = self.trace(steps)
        assert (trace.allowed, trace.held, trace.understood) == (allowed, held, understood)
        assert trace.decision.field == str(decides)

    def test_every_refusal_is_listed(self) -> None:
        assert [one.field for one in self.trace("d+-?-").refused_by] == ["0", "2", "4"]
        assert self.trace("+?").refused_by == ()
