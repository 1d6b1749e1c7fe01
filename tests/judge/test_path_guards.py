"""Which paths a gateway sends on, where encoded slashes are kept. Source: Istio reference, VirtualService
(HTTPDirectResponse) and Gateway."""

from __future__ import annotations

from typing import Any

import pytest

from egress.common.normal_form import AMBIGUOUS
from egress.judge.layers.gateway import Gateways
from egress.judge.layers.path_guards import PathGuards
from egress.judge.lookup.reading import Reading
from egress.judge.lookup.routes import Router
from egress.judge.lookup.service_registry import Registry
from egress.judge.lookup.workloads import Workloads
from egress.judge.model.flow import Verdict
from tests.judge.asking import GATEWAY, GATEWAY_PODS, LABELS, SHOP, Written, bound, gateway, server
from tests.judge.objects import snapshot, written
from tests.judge.test_reading import KEEPS, patch

HOST = "a.example"
REFUSES: Written = {
    "match": [{"uri": {"regex": AMBIGUOUS}}],
    "directResponse": {"status": 403},
}
LEADS: Written = {"route": [{"destination": {"host": HOST, "port": {"number": 80}}}]}
READS = server(HOST, port=80)


def guards(*objects: Written) -> PathGuards:
    deployed = snapshot(GATEWAY_PODS, *objects)
    registry, workloads = Registry(deployed), Workloads(deployed)
    gateways = Gateways(deployed, registry, Router(registry, workloads), workloads)
    return PathGuards(gateways, Reading(deployed))


def judged(*routes: Written, one: Written = READS) -> list[Verdict]:
    return list(guards(gateway(one), bound(http=list(routes))).judge(GATEWAY, HOST))


def refuses(*routes: Written) -> bool:
    (verdict,) = judged(*routes)
    return not verdict.allowed


def test_the_first_route_has_to_refuse_them() -> None:
    assert refuses(REFUSES, LEADS)
    assert not refuses(LEADS)
    (verdict,) = judged(REFUSES, LEADS)
    assert verdict.field == "spec.http[0]"
    assert HOST in verdict.reason


def test_behind_another_route_it_is_late() -> None:
    early = {"match": [{"uri": {"prefix": "/a"}}], **LEADS}
    assert not refuses(early, REFUSES, LEADS)


@pytest.mark.parametrize(
    "route",
    [
        {**REFUSES, "match": [{"uri": {"regex": ".*%2f.*"}}]},
        {**REFUSES, "match": [{"uri": {"prefix": AMBIGUOUS}}]},
        {**REFUSES, "match": [{"uri": {"regex": AMBIGUOUS}, "method": {"exact": "GET"}}]},
        {**REFUSES, "directResponse": {"status": 200}},
        {**REFUSES, "directResponse": {"status": 399}},
        {**REFUSES, "directResponse": {"status": 403, "body": {"string": "no"}}},
        {"match": REFUSES["match"], **LEADS},
        {**REFUSES, **LEADS},
    ],
)
def test_one_that_takes_less_or_refuses_nothing_is_none(route: Written) -> None:
    assert not refuses(route, LEADS)


def test_a_gateway_without_a_route_to_the_host_sends_nothing_on() -> None:
    assert judged(LEADS, one=server("b.example", port=80)) == []
    assert list(guards(gateway(READS), bound(http=[LEADS])).judge(SHOP, HOST)) == []


def test_what_reads_no_requests_refuses_none() -> None:
    assert judged(LEADS, one=server(HOST, port=80, protocol="TLS")) == []


def test_a_gateway_that_may_have_other_servers_is_not_understood() -> None:
    two = [gateway(READS), gateway(READS, name="other")]
    (verdict,) = guards(*two, bound(http=[REFUSES, LEADS])).judge(GATEWAY, HOST)
    assert not verdict.understood


def keeping(**of: Any) -> Written:
    listener, chain = {"portNumber": of.get("port", 80)}, {"sni": of.get("sni", HOST)}
    one = patch(KEEPS, context="GATEWAY", listener=listener, chain=chain)
    return written("EnvoyFilter", GATEWAY, "keeps", workloadSelector={"labels": LABELS}, configPatches=[one])


def test_a_server_for_a_host_alone_keeps_encoded_slashes_where_a_filter_says_so() -> None:
    kept = guards(gateway(READS), keeping()).kept(GATEWAY)
    assert {host: verdict.allowed for host, verdict in kept.items()} == {HOST: True}
    assert guards(gateway(READS), keeping()).kept(SHOP) == {}
    for other in (keeping(port=81), keeping(sni="b.example")):
        assert not guards(gateway(READS), other).kept(GATEWAY)[HOST].allowed
    assert guards(gateway(server(HOST, port=80, protocol="TLS")), keeping()).kept(GATEWAY) == {}
