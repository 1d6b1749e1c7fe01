"""Which layer stopped what, as the pod's own words and the proxies' lines say it; and what a row makes of
that."""

from __future__ import annotations

import json
from typing import Any

import pytest

from egress.judge.model.flow import Layer, Protocol
from egress.probe.asked import Expected
from egress.probe.layer import UNKNOWN, Logs, came
from egress.probe.row import State, of_flow
from tests.probe.flows import BY_SIDECAR, PASSES, an_asked

LOCAL = "10.1.0.9:40000"
ONWARD = {"upstream_cluster": "outbound|80||gateway", "upstream_local_address": "10.1.0.9:50000"}
OUTSIDE = {"upstream_host": "203.0.113.1:443", "response_code_details": "via_upstream"}
BY_RULE = Expected(False, Layer.AUTHORIZATION, "authorization (istio-egress/authorizationpolicy/egress-shop)")


def line(**fields: Any) -> str:
    return json.dumps({"start_time": "2026-01-01T00:00:00Z", **fields})


def logs(sidecar: dict[str, Any] | None = None, gateway: dict[str, Any] | None = None) -> Logs:
    of_sidecar = line(downstream_remote_address=LOCAL, **sidecar) if sidecar is not None else ""
    of_gateway = line(downstream_remote_address="10.1.0.9:50000", **gateway) if gateway is not None else ""
    noise = (
        f'info\twarming up\nnot {{"json"\n{line(downstream_remote_address="10.1.0.9:1", response_code=502)}\n'
    )
    return Logs(noise + of_sidecar, [noise, of_gateway])


SAID = {"id": "1", "local": LOCAL}
ANSWERED = {**SAID, "status": 200, "body": "hello"}


@pytest.mark.parametrize(
    ("said", "found", "by"),
    [
        ({"status": 502, "body": ""}, logs({"upstream_cluster": "BlackHoleCluster"}), "sidecar"),
        ({"status": 502, "body": ""}, logs({"response_code_details": "direct_response"}), "sidecar"),
        ({"failure": "reset"}, logs({"upstream_cluster": "BlackHoleCluster"}), "sidecar"),
        ({"status": 400}, logs({"response_code": 400, "response_code_details": "bad"}), "sidecar"),
        (
            {"status": 403, "body": "RBAC: access denied"},
            logs(ONWARD, {"response_code_details": "rbac_access_denied_matched_policy[none]"}),
            "gateway: authorization",
        ),
        ({"status": 403, "body": "RBAC: access denied"}, logs(), "gateway: authorization"),
        (
            {"status": 404},
            logs(ONWARD, {"response_code_details": "route_not_found"}),
            "gateway: no such host",
        ),
        (
            {"status": 503},
            logs(ONWARD, {"upstream_transport_failure_reason": "TLS_error:|268435581"}),
            "gateway: the site's certificate",
        ),
        ({"status": 403}, logs(ONWARD, {"response_code_details": "lua_response"}), "gateway: inspection"),
        ({"failure": "timed out"}, logs(), UNKNOWN),
        ({"status": 502, "body": ""}, logs(), UNKNOWN),
        ({"status": 503, "body": "upstream connect error or"}, logs(ONWARD), UNKNOWN),
    ],
)
def test_who_stopped_it(said: dict[str, Any], found: Logs, by: str) -> None:
    seen = came(an_asked(expected=BY_SIDECAR), {**SAID, **said}, found)
    assert (seen.arrived, seen.by) == (False, by)


def test_where_it_arrived_is_what_the_gateway_wrote() -> None:
    seen = came(an_asked(), ANSWERED, logs({**ONWARD, "upstream_host": "10.1.1.1:15040"}, OUTSIDE))
    assert (seen.arrived, seen.word, seen.at) == (True, "200", "203.0.113.1:443")


def test_lines_of_two_requests_are_joined_by_the_requests_id() -> None:
    sidecar = {"request_id": "a", "upstream_local_address": "10.1.0.9:2"}
    seen = came(an_asked(), ANSWERED, logs(sidecar, {"request_id": "a", **OUTSIDE}))
    assert seen.at == "203.0.113.1:443"
    # Raw connections have none, and are not joined by that.
    seen = came(an_asked(), ANSWERED, logs({"request_id": ""}, {"request_id": "", **OUTSIDE}))
    assert seen.at == "-"


def test_a_gateway_that_reads_the_inner_name_leads_to_itself_first() -> None:
    own, inner = "127.0.0.1:50001", {"upstream_host": "203.0.113.9:443"}
    sidecar = line(downstream_remote_address=LOCAL, **ONWARD)
    outer = line(
        downstream_remote_address="10.1.0.9:50000",
        upstream_host="127.1.2.3:15044",
        upstream_local_address=own,
    )
    found = Logs(sidecar, [outer, line(downstream_remote_address=own, **inner)])
    said = {**SAID, "tls": "verified"}
    assert came(an_asked(Protocol.TLS), said, found).at == "203.0.113.9:443"
    # Of the inner one there is no line yet.
    assert came(an_asked(Protocol.TLS), said, Logs(sidecar, [outer])).at == "127.1.2.3:15044"


class TestRows:
    def row(self, said: dict[str, Any], found: Logs | None = None, **asked: Any) -> tuple[State, str]:
        row = of_flow(an_asked(**asked), {**SAID, **said}, found or logs())
        return row.state, row.says

    def test_what_got_through_is_a_leak_and_names_what_should_have_refused_it(self) -> None:
        state, says = self.row(ANSWERED, expected=BY_SIDECAR)
        assert state is State.LEAK
        assert says == (
            "declared by nobody; sidecar (shop/sidecar/default spec) has to refuse it, and it got through"
        )

    @pytest.mark.parametrize("protocol", [Protocol.TLS, Protocol.TCP, Protocol.UDP])
    def test_also_without_http(self, protocol: Protocol) -> None:
        answers = {
            Protocol.TLS: {"tls": "unverified", "certificate": "self-signed certificate"},
            Protocol.TCP: {"open": True},
            Protocol.UDP: {"heard": 40},
        }
        assert self.row(answers[protocol], protocol=protocol, expected=BY_SIDECAR)[0] is State.LEAK
        assert self.row({"failure": "timed out"}, protocol=protocol, expected=BY_SIDECAR)[0] is State.OK

    def test_what_is_declared_and_stopped_is_wrong(self) -> None:
        state, says = self.row({"failure": "timed out"})
        assert (state, says) == (State.WRONG, "it is declared, and stopped (layer unknown: timed out)")

    def test_a_proxys_own_answer_is_none_of_the_host(self) -> None:
        assert self.row({"status": 503, "body": "no healthy upstream"})[0] is State.WRONG
        failed = {**ONWARD, "response_code_details": "upstream_reset_before_response_started"}
        assert self.row({"status": 503, "body": "?"}, logs(failed))[0] is State.WRONG

    def test_a_connection_that_a_sidecar_took_and_led_nowhere_is_none(self) -> None:
        dead = logs({**ONWARD, "response_flags": "UF,URX"})
        assert self.row({"open": True}, dead, protocol=Protocol.TCP)[0] is State.WRONG
        assert self.row({"open": True}, protocol=Protocol.TCP)[0] is State.OK

    def test_another_layer_than_the_one_that_has_to_is_wrong(self) -> None:
        black_hole = logs({"upstream_cluster": "BlackHoleCluster"})
        dns = Expected(False, Layer.DNS, "DNS (managedzone/refuse-undeclared-names)")
        state, says = self.row({"failure": "reset"}, black_hole, expected=dns)
        assert state is State.WRONG
        assert "a layer that stands before did not refuse it" in says
        state, says = self.row({"failure": "reset"}, black_hole, expected=BY_RULE)
        assert state is State.WRONG
        assert "it did not come as far as it should" in says

    def test_a_sidecar_that_let_it_on_is_wrong_although_nothing_got_out(self) -> None:
        on = logs({"upstream_cluster": "PassthroughCluster", "response_flags": "UF"})
        state, says = self.row({"failure": "timed out"}, on, expected=BY_SIDECAR)
        assert (state, "it let it on" in says) == (State.WRONG, True)

    def test_a_layer_that_cannot_be_known_is_no_difference(self) -> None:
        dropped = Expected(False, Layer.NETWORK_POLICY, "NetworkPolicy (shop/networkpolicy/team-boundary)")
        assert self.row({"failure": "timed out"}, protocol=Protocol.UDP, expected=dropped)[0] is State.OK

    def test_another_identity_than_the_teams_is_wrong(self) -> None:
        assert self.row({"status": 200, "body": "sa@p.iam"}, says="sa@p.iam")[0] is State.OK
        state, says = self.row({"status": 200, "body": "node@p.iam"}, says="sa@p.iam")
        assert state is State.WRONG
        assert "answered 'node@p.iam', not 'sa@p.iam'" in says

    def test_a_certificate_of_somebody_else_is_wrong_and_one_of_a_private_authority_is_said(self) -> None:
        other = {"tls": "unverified", "certificate": "Hostname mismatch"}
        assert self.row(other, protocol=Protocol.TLS)[0] is State.WRONG
        private = {"tls": "unverified", "certificate": "unable to get local issuer certificate"}
        state, says = self.row(private, protocol=Protocol.TLS)
        assert state is State.OK
        assert "an authority that the image does not know" in says

    def test_a_name_that_nobody_made_says_nothing_of_the_layers_behind(self) -> None:
        gone = {"addresses": []}
        assert self.row(gone, address=None, expected=BY_SIDECAR)[0] is State.NOT_ASKED
        assert self.row(gone, address=None, guessed=True)[0] is State.NOT_ASKED
        assert self.row(gone, address=None)[0] is State.WRONG

    def test_what_the_metadata_server_hides_may_be_reached_and_not_told(self) -> None:
        hidden = Expected(False, None, "GKE's metadata server")
        assert self.row({"status": 404, "body": ""}, expected=hidden, hidden=True)[0] is State.OK
        assert self.row({"status": 200, "body": "x"}, expected=hidden, hidden=True)[0] is State.LEAK

    def test_a_pod_that_ended_before_is_wrong(self) -> None:
        assert of_flow(an_asked(expected=PASSES), None, logs()).state is State.WRONG
