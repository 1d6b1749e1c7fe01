"""What refuses, or leaves in doubt, a connection to another team's pods that is declared for every caller."""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.layers.authorization import Authorization
from egress.judge.layers.mutual_tls import Namespaces
from egress.judge.layers.neighbours import Neighbours
from egress.judge.lookup.service_registry import Registry
from egress.judge.model.flow import Connection, Layer, Node, Outside, Pod, Protocol, Request, Verdict
from tests.judge.asking import mesh, rule, virtual
from tests.judge.objects import snapshot, written

SHOP, BANK = "shop", "bank"
ME, OTHER = "cluster.local/ns/shop/sa/default", "cluster.local/ns/shop/sa/other"
WEB = "web.bank.svc.cluster.local"
Written = dict[str, Any]


def said(
    *objects: Written, source: Any = None, to: Any = None, principal: str | None = ME, callers: Any = ()
) -> list[Verdict]:
    deployed = snapshot(*objects)
    registry = Registry(deployed)
    judge = Neighbours(registry, Authorization(deployed, False, registry.trust_domain), Namespaces(deployed))
    ends = source or Pod(SHOP, {}), to or Pod(BANK, None)
    connection = Connection(*ends, 8080, Protocol.HTTP, principal=principal, inner=Request("web"))
    return list(judge.judge(connection, set(callers)))


def short(verdicts: list[Verdict]) -> list[tuple[str, str]]:
    """Who says it, and `refused` or `not understood`."""
    return [
        (one.decided_by, "refused" if not one.allowed else "not understood" if not one.understood else "?")
        for one in verdicts
    ]


def policy(*rules: Written, namespace: str = BANK, **spec: Any) -> Written:
    return written("AuthorizationPolicy", namespace, "policy", rules=list(rules), **spec)


def mutual(mode: str, namespace: str = BANK) -> Written:
    return written("PeerAuthentication", namespace, "mode", mtls={"mode": mode})


def callers(*principals: str) -> Written:
    return {"from": [{"source": {"principals": list(principals)}}]}


GET = {"to": [{"operation": {"methods": ["GET"]}}]}


def test_nothing_is_said_where_nothing_stands_in_the_way() -> None:
    assert said() == []
    assert said(mutual("STRICT"), policy(callers(ME))) == []


def test_a_policy_that_takes_others_alone_refuses() -> None:
    (found,) = said(policy(callers("cluster.local/ns/other/sa/default")))
    assert (found.layer, found.allowed) == (Layer.AUTHORIZATION, False)


def test_every_caller_that_some_rule_tells_from_others_has_to_pass() -> None:
    only_me = policy(callers(ME))
    assert said(only_me) == []
    assert len(said(only_me, callers=[OTHER])) == 1
    assert said(policy(callers(ME, OTHER)), callers=[OTHER]) == []
    assert len(said(policy(callers(OTHER)), callers=[OTHER])) == 1


def test_every_port_is_declared_so_what_is_no_http_has_to_pass_as_well() -> None:
    assert len(said(policy({**callers(ME), **GET}))) == 1
    named = {**callers(ME), "when": [{"key": "connection.sni", "values": ["other"]}]}
    assert len(said(policy({**callers(ME), **GET}, named))) == 1
    assert (
        said(
            policy(
                {**callers(ME), **GET}, {**named, "when": [{"key": "connection.sni", "notValues": ["other"]}]}
            )
        )
        == []
    )


def test_a_policy_that_is_not_understood_leaves_it_in_doubt() -> None:
    assert short(said(policy(callers(ME), action="CUSTOM"))) == [
        ("bank/authorizationpolicy/policy", "not understood")
    ]


def test_policies_of_another_namespace_do_not_matter() -> None:
    assert said(policy(callers(OTHER), namespace="other")) == []


@pytest.mark.parametrize(
    ("ends", "principal"),
    [
        ({"source": Node("x")}, ME),
        ({"to": Outside("example.com", None)}, ME),
        # Past its proxy a pod shows no certificate: that is asked for as a way of its own.
        ({}, None),
    ],
)
def test_only_what_a_proxy_opens_to_pods_is_asked_about(ends: dict[str, Any], principal: str | None) -> None:
    refusing = (policy(), rule(SHOP, WEB, tls={"mode": "DISABLE"}), mutual("STRICT"), virtual(BANK, WEB))
    assert said(*refusing, principal=principal, **ends) == []
    assert said(*refusing) != []


RULE, ROUTES = "shop/destinationrule/rule", "shop/virtualservice/routes"
STRICT = mutual("STRICT")


@pytest.mark.parametrize("mode", ["DISABLE", "SIMPLE", "MUTUAL"])
@pytest.mark.parametrize(
    "policy_of",
    [
        lambda tls: {"trafficPolicy": {"tls": tls}},
        lambda tls: {
            "trafficPolicy": {
                "portLevelSettings": [{"port": {"number": 1}}, {"port": {"number": 8080}, "tls": tls}]
            }
        },
        lambda tls: {"subsets": [{"name": "a"}, {"name": "v1", "trafficPolicy": {"tls": tls}}]},
        lambda tls: {
            "subsets": [
                {
                    "name": "v1",
                    "trafficPolicy": {"portLevelSettings": [{"port": {"number": 8080}, "tls": tls}]},
                }
            ]
        },
    ],
    ids=["all", "a port", "a subset", "a subset's port"],
)
def test_a_client_without_the_meshs_certificate_is_refused_where_one_is_demanded(
    policy_of: Any, mode: str
) -> None:
    client = rule(SHOP, WEB, **policy_of({"mode": mode}))
    (found,) = said(STRICT, client)
    assert (found.layer, found.allowed, found.decided_by, found.field) == (
        Layer.SIDECAR,
        False,
        RULE,
        "spec.trafficPolicy.tls.mode",
    )
    assert mode in found.reason
    for other in ("PERMISSIVE", "DISABLE"):
        assert said(mutual(other), client) == []
    assert said(client) == []


@pytest.mark.parametrize("tls", [None, {}, {"mode": None}, {"mode": "ISTIO_MUTUAL"}])
def test_a_client_with_the_meshs_certificate_passes(tls: Any) -> None:
    assert said(STRICT, rule(SHOP, WEB, tls=tls)) == []


def test_one_mode_among_several_is_enough() -> None:
    modes = ("ISTIO_MUTUAL", "SIMPLE")
    subsets = [{"name": mode.lower(), "trafficPolicy": {"tls": {"mode": mode}}} for mode in modes]
    (found,) = said(STRICT, rule(SHOP, WEB, subsets=subsets))
    assert "SIMPLE" in found.reason


@pytest.mark.parametrize(
    ("host", "means"),
    [
        (WEB, True),
        ("*.bank.svc.cluster.local", True),
        ("any.name.bank.svc.cluster.local", True),
        ("web.other.svc.cluster.local", False),
        ("web.bank.svc.cluster.local.example.com", False),
        ("bank.svc.cluster.local", False),
        ("example.com", False),
        # Patterns that mean Services of every namespace, and those that mean none.
        ("*", True),
        ("*.local", True),
        ("*.svc.cluster.local", True),
        ("*-bank.svc.cluster.local", True),
        ("*.example.local", False),
        ("*.com", False),
        ("local", False),
        ("*-cluster.local", False),
        ("WEB.bank.svc.cluster.local", True),
        ("web.bank.example.com", False),
    ],
)
def test_a_rule_is_for_the_namespace_that_its_hosts_full_name_says(host: str, means: bool) -> None:
    """A rule for every Service, as `*.local` is, was taken to be about none."""
    assert short(said(STRICT, rule(SHOP, host, tls={"mode": "DISABLE"}))) == (
        [(RULE, "refused")] if means else []
    )
    assert short(said(virtual(SHOP, host))) == ([(ROUTES, "not understood")] if means else [])


def test_a_name_without_a_dot_is_a_service_of_the_rules_own_namespace() -> None:
    """In the other namespace it was taken to be about no Service there."""
    off = {"mode": "DISABLE"}
    assert short(said(STRICT, rule(BANK, "web", tls=off))) == [("bank/destinationrule/rule", "refused")]
    assert said(STRICT, rule(SHOP, "web", tls=off), virtual(SHOP, "web")) == []
    assert short(said(virtual(BANK, "web"))) == [("bank/virtualservice/routes", "not understood")]


@pytest.mark.parametrize(
    ("home", "counts"), [(SHOP, True), (BANK, True), ("istio-system", True), ("other", False)]
)
def test_proxies_take_destination_rules_of_their_own_namespace_the_services_and_the_meshs(
    home: str, counts: bool
) -> None:
    """One of a stranger's for somebody else's Service was held against it."""
    assert len(said(STRICT, rule(home, WEB, tls={"mode": "DISABLE"}))) == counts
    assert len(said(virtual(home, WEB))) == 1


def test_what_is_for_some_pods_is_for_those_of_its_own_namespace() -> None:
    chosen = {"workloadSelector": {"matchLabels": {"app": "x"}}, "tls": {"mode": "DISABLE"}}
    assert said(STRICT, rule(BANK, WEB, **chosen)) == []
    assert len(said(STRICT, rule(SHOP, WEB, **chosen))) == 1


@pytest.mark.parametrize(
    ("where", "export", "default", "seen"),
    [
        (SHOP, None, {}, True),
        (BANK, None, {}, True),
        (SHOP, ["."], {}, True),
        (BANK, ["."], {}, False),
        (BANK, ["shop"], {}, True),
        (BANK, ["other"], {}, False),
        (BANK, ["*"], {}, True),
        (
            BANK,
            None,
            {"defaultDestinationRuleExportTo": ["."], "defaultVirtualServiceExportTo": ["."]},
            False,
        ),
        (
            BANK,
            ["*"],
            {"defaultDestinationRuleExportTo": ["."], "defaultVirtualServiceExportTo": ["."]},
            True,
        ),
    ],
)
def test_only_what_is_exported_to_the_caller_matters(
    where: str, export: Any, default: dict[str, Any], seen: bool
) -> None:
    exported = {"exportTo": export} if export else {}
    objects = (
        STRICT,
        mesh(**default),
        rule(where, WEB, tls={"mode": "DISABLE"}, **exported),
        virtual(where, WEB, **exported),
    )
    assert len(said(*objects)) == (2 if seen else 0)


def test_each_default_of_exports_is_for_its_own_kind() -> None:
    objects = (STRICT, rule(BANK, WEB, tls={"mode": "DISABLE"}), virtual(BANK, WEB))
    for kind, left in (("DestinationRule", "not understood"), ("VirtualService", "refused")):
        found = said(mesh(**{f"default{kind}ExportTo": ["."]}), *objects)
        assert [how for _, how in short(found)] == [left]


@pytest.mark.parametrize(
    ("gateways", "matters"),
    [
        ({}, True),
        ({"gateways": []}, True),
        ({"gateways": ["mesh"]}, True),
        ({"gateways": ["gw/edge", "mesh"]}, True),
        ({"gateways": ["gw/edge"]}, False),
    ],
)
def test_routes_of_sidecars_are_not_read_and_those_of_gateways_do_not_matter(
    gateways: dict[str, Any], matters: bool
) -> None:
    found = said(virtual(SHOP, WEB, **gateways))
    assert short(found) == ([(ROUTES, "not understood")] if matters else [])
    assert all(one.allowed and one.layer is Layer.SIDECAR and one.field == "spec" for one in found)


def test_one_of_several_hosts_is_enough_and_says_it_once() -> None:
    hosts = ["example.com", WEB, "db.bank.svc.cluster.local"]
    routes = written("VirtualService", SHOP, "routes", hosts=hosts)
    assert short(said(routes)) == [(ROUTES, "not understood")]


def test_every_object_that_stands_in_the_way_is_named() -> None:
    first, second = (rule(SHOP, WEB, tls={"mode": mode}, name=mode.lower()) for mode in ("DISABLE", "SIMPLE"))
    found = said(STRICT, virtual(SHOP, WEB), first, second, policy(callers(OTHER)))
    assert [by for by, _ in short(found)] == [
        "shop/destinationrule/disable",
        "shop/destinationrule/simple",
        ROUTES,
        "bank/authorizationpolicy/policy",
    ]
