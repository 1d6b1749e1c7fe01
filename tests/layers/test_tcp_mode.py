"""Raw TCP: MySQL to a partner, as the seeds' two-cluster example has it - 3306 in, mutual TLS 13306 out."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from egress.common import names
from egress.common.errors import ConfigError
from egress.common.ip_space import virtual
from egress.common.objects import Manifest
from egress.common.ports import INNER_PORT, PROXY_PORTS, TARGET_PORTS
from egress.layers.google import firewall
from egress.layers.render import render
from egress.plan.model import Plan
from tests.support import config_with, plan_of, teams

MEETING = ("h5978.example.com", "h10054.example.com")
"""Hosts whose addresses for pods are the same."""
HOST = "mysql.partner.example.com"
OUTER = names.port_name(3306, HOST)
MYSQL: dict[str, Any] = {
    "port": 3306,
    "outsidePort": 13306,
    "addresses": ["203.0.113.10", "203.0.113.11"],
    "serviceAccounts": ["app"],
    "upgrade": "mtls",
    "credential": "partner-mysql",
}


def partner(**changes: Any) -> Plan:
    return plan_of(teams(team_a={HOST: {"tcp": MYSQL | changes}}))


def found(plan: Plan, kind: str, name: str | None = None) -> Manifest:
    (item,) = [item.manifest for item in render(plan) if item.kind == kind and name in (None, item.name)]
    return item


def test_the_app_is_known_by_the_hosts_addresses_and_never_by_port_alone() -> None:
    entry = found(partner(), "ServiceEntry")["spec"]
    assert entry["addresses"] == ["203.0.113.10", "203.0.113.11"]
    assert entry["ports"] == [{"number": 3306, "name": "tcp-3306", "protocol": "TCP", "targetPort": 13306}]
    assert entry["resolution"] == "STATIC"


def test_it_travels_to_the_gateway_inside_mutual_tls_with_the_name_of_host_and_port() -> None:
    to_gateway, to_host = found(partner(), "VirtualService")["spec"]["tcp"]
    assert to_gateway["match"] == [{"gateways": ["mesh"], "port": 3306}]
    assert to_gateway["route"][0]["destination"]["port"] == {"number": 443}
    assert to_host["route"][0]["destination"] == {"host": OUTER, "port": {"number": 3306}}
    subsets = found(partner(), "DestinationRule", "target-egress-gateway")["spec"]["subsets"]
    assert {"mode": "ISTIO_MUTUAL", "sni": OUTER} in [
        subset["trafficPolicy"]["portLevelSettings"][0]["tls"] for subset in subsets
    ]


def test_the_gateway_takes_named_certificates_only_before_it_connects_to_the_host() -> None:
    (server,) = found(partner(), "Gateway")["spec"]["servers"]
    assert server["tls"] == {
        "mode": "ISTIO_MUTUAL",
        "subjectAltNames": ["spiffe://cluster.local/ns/team-a/sa/app"],
    }
    (patch,) = found(partner(), "EnvoyFilter", "connect-late")["spec"]["configPatches"]
    config = patch["patch"]["value"]["typed_config"]
    assert config["upstream_connect_mode"] == "ON_DOWNSTREAM_TLS_HANDSHAKE"
    assert config["max_early_data_bytes"] == 65536


def test_authorization_names_the_same_accounts_and_the_hosts_port() -> None:
    (rule,) = found(partner(), "AuthorizationPolicy", "egress-team-a")["spec"]["rules"]
    assert rule["from"] == [{"source": {"principals": ["cluster.local/ns/team-a/sa/app"]}}]
    assert {"key": "connection.sni", "values": [OUTER]} in rule["when"]


def test_the_gateway_opens_mutual_tls_with_its_credential() -> None:
    rule = found(partner(), "DestinationRule", names.origination_rule(OUTER))["spec"]
    (setting,) = rule["trafficPolicy"]["portLevelSettings"]
    assert setting["port"] == {"number": 3306}
    assert (setting["tls"]["mode"], setting["tls"]["credentialName"], setting["tls"]["sni"]) == (
        "MUTUAL",
        "partner-mysql",
        HOST,
    )


def test_the_gateway_may_read_secrets_only_where_a_host_needs_one() -> None:
    assert found(partner(), "Role", "istio-egressgateway-secrets")["rules"][0]["resources"] == ["secrets"]
    plain = plan_of(teams(team_a={"example.com": {"https": "passthrough"}}))
    assert [item for item in render(plain) if item.kind == "Role" and item.namespace == "istio-egress"] == []


def test_the_firewall_opens_the_outside_port_to_the_hosts_addresses_only() -> None:
    opened = [rule for rule in firewall.render(partner()) if rule.targets == (firewall.Nodes.GATEWAY,)]
    assert [(rule.name, rule.ports, rule.ranges) for rule in opened] == [
        ("gateway-allow-egress-tcp-13306", (13306,), ("203.0.113.10/32", "203.0.113.11/32"))
    ]


def test_two_teams_may_share_it_each_with_its_accounts() -> None:
    plan = plan_of(
        teams(team_a={HOST: {"tcp": MYSQL}}, team_b={HOST: {"tcp": MYSQL | {"serviceAccounts": ["report"]}}})
    )
    (server,) = found(plan, "Gateway")["spec"]["servers"]
    assert server["tls"]["subjectAltNames"] == [
        "spiffe://cluster.local/ns/team-a/sa/app",
        "spiffe://cluster.local/ns/team-b/sa/report",
    ]


def by_name(**changes: Any) -> dict[str, Any]:
    way = {key: value for key, value in MYSQL.items() if key != "addresses"}
    return {"tcp": way | {"byName": True} | changes}


def test_by_name_the_app_knows_the_host_by_an_address_of_its_own_and_the_gateway_looks_it_up() -> None:
    entry = found(plan_of(teams(team_a={HOST: by_name()})), "ServiceEntry")["spec"]
    assert (entry["addresses"], entry["resolution"]) == ([virtual(HOST)], "DNS")
    assert "endpoints" not in entry
    assert ip_address(virtual(HOST)) in ip_network("241.0.0.0/8")


def test_by_name_two_hosts_on_one_port_have_addresses_that_differ() -> None:
    plan = plan_of(teams(team_a={HOST: by_name(), "other.example.com": by_name()}))
    entries = [item.manifest["spec"]["addresses"] for item in render(plan) if item.kind == "ServiceEntry"]
    assert len(entries) == 2
    assert entries[0] != entries[1]


def test_by_name_only_the_teams_own_pods_ask_their_proxy_for_names() -> None:
    plan = plan_of(teams(team_a={HOST: by_name()}, team_b={"example.com": {"https": "passthrough"}}))
    (config,) = [item for item in render(plan) if item.kind == "ProxyConfig"]
    assert config.namespace == "team-a"
    assert config.manifest["spec"] == {"environmentVariables": {"ISTIO_META_DNS_CAPTURE": "true"}}


def test_by_name_the_firewall_opens_the_port_to_anywhere_and_says_so() -> None:
    plan = plan_of(teams(team_a={HOST: by_name(), "other.example.com": {"tcp": MYSQL | {"port": 3307}}}))
    (opened,) = [rule for rule in firewall.render(plan) if rule.name == "gateway-allow-egress-tcp-13306"]
    assert (opened.ranges, opened.ports) == (("0.0.0.0/0",), (13306,))
    assert "wherever their names lead" in opened.description


def test_by_name_the_gateway_takes_named_certificates_only_as_with_addresses() -> None:
    plan = plan_of(teams(team_a={HOST: by_name()}))
    (server,) = found(plan, "Gateway")["spec"]["servers"]
    assert server["tls"]["subjectAltNames"] == ["spiffe://cluster.local/ns/team-a/sa/app"]
    assert (
        found(plan, "EnvoyFilter", "connect-late")["spec"]["configPatches"][0]["match"]["listener"][
            "filterChain"
        ]["sni"]
        == OUTER
    )


def test_by_name_two_hosts_that_meet_by_chance_on_one_port_are_refused() -> None:
    # These two were searched for.
    one, other = MEETING
    assert virtual(one) == virtual(other)
    with pytest.raises(ConfigError, match="by chance"):
        plan_of(teams(team_a={one: by_name(), other: by_name()}))
    plan_of(teams(team_a={one: by_name(), other: by_name(port=3307)}))


def test_by_name_a_network_among_the_same_addresses_is_refused() -> None:
    config = teams(team_a={HOST: by_name()})
    config["gke-mesh-egress:network"]["subnet"]["pods"] = "241.0.0.0/16"
    with pytest.raises(ConfigError, match="pods could not reach") as refused:
        plan_of(config)
    (problem,) = refused.value.problems
    assert problem.path == "gke-mesh-egress:network.subnet.pods"
    config["gke-mesh-egress:teams"]["team-a"]["egress"] = {}
    plan_of(config)


REFUSED = [
    ("known by nothing", {"addresses": None}, "TCP carries no host name", "byName: true"),
    ("known by both", {"byName": True}, "known by its addresses already", "one of the two"),
    ("without addresses", {"addresses": []}, "Nothing is named", "at least one"),
    ("for nobody", {"serviceAccounts": []}, "Nothing is named", "at least one"),
    (
        "by name on a port of HTTP",
        {"port": 80, "byName": True, "addresses": None},
        "reads the host's name",
        "the host's addresses instead of byName",
    ),
    ("on a port of the mesh", {"port": 15001}, "own proxies", "another port"),
    (
        "to a private address",
        {"addresses": ["10.99.2.3"]},
        "no range of fences.privateAddresses",
        "privateAddresses: {databases: 10.99.2.0/24}",
    ),
    (
        "to the metadata server",
        {"addresses": ["169.254.169.254"]},
        "not an internet address",
        "public ones",
    ),
    ("to Google's own APIs", {"addresses": ["199.36.153.8"]}, "Google's own APIs", "public ones"),
    ("to Google's restricted APIs", {"addresses": ["199.36.153.7"]}, "Google's own APIs", "public ones"),
    ("to a group of machines", {"addresses": ["224.0.0.251"]}, "groups of machines", "public ones"),
    (
        "to an address that only pods have",
        {"addresses": ["241.1.2.3"]},
        "not an internet address",
        "public ones",
    ),
    ("to a range", {"addresses": ["203.0.113.0/24"]}, "not an IPv4 address", "without a prefix"),
    ("with a port out of range", {"port": 70000}, "at most 65535", "at most 65535"),
    ("mutual without a credential", {"credential": None}, "no client certificate to present", "credential"),
    ("a credential without mutual TLS", {"upgrade": "tls"}, "ignored", "mtls"),
    (
        "an authority without TLS",
        {"upgrade": "none", "credential": None, "ca": "x"},
        "ignored",
        "upgrade: tls",
    ),
]


@pytest.mark.parametrize(
    ("changes", "consequence", "fix"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_is_refused(changes: dict[str, Any], consequence: str, fix: str) -> None:
    with pytest.raises(ConfigError) as refused:
        partner(**changes)
    (problem,) = refused.value.problems
    assert problem.path.startswith(f'gke-mesh-egress:teams.team-a.egress["{HOST}"].tcp')
    assert consequence in problem.consequence
    assert fix in problem.fix


@pytest.mark.parametrize(
    "port", [22, 10250, 10255, 15000, 15019, 15020, 15021, 15040, 15043, 15044, 15090, 30021, 32767]
)
def test_by_name_no_port_of_the_gateway_or_its_node_is_left_by_whatever_the_name_answers(port: int) -> None:
    """Whoever answers for the name says where the connection goes: to 127.0.0.1, were it the gateway's admin
    port that it leaves by."""
    for field, way in (
        ("outsidePort", by_name(outsidePort=port)),
        ("port", by_name(port=port, outsidePort=None)),
    ):
        with pytest.raises(ConfigError) as refused:
            plan_of(teams(team_a={HOST: way}))
        found = [problem for problem in refused.value.problems if "listens as well" in problem.consequence]
        assert [problem.path for problem in found] == [
            f'gke-mesh-egress:teams.team-a.egress["{HOST}"].tcp.{field}'
        ]
        assert "instead of byName" in found[0].fix
    partner(outsidePort=port)  # an address outside is no address of the gateway's


@pytest.mark.parametrize("port", [8080, 8443, 9443, 14999, 15091])
def test_other_ports_of_hosts_are_left_by_name(port: int) -> None:
    """8443 most of all: the gateway's own pods listen where nobody serves."""
    for way in (by_name(outsidePort=port), by_name(port=port, outsidePort=None)):
        plan_of(teams(team_a={HOST: way}))


def test_the_gateways_pods_listen_at_ports_of_proxies_that_are_none_of_istios_own() -> None:
    """Istio, "Ports used by Istio", those of istiod among them; 15080 and 15088 are in its tests."""
    own = {15000, 15001, 15002, 15004, 15006, 15008, 15009, 15010, 15012, 15014, 15017, 15020, 15021, 15053}
    listens = {*TARGET_PORTS.values(), INNER_PORT}
    assert len(listens) == 3
    assert listens <= PROXY_PORTS - own - {15080, 15088, 15090}


@pytest.mark.parametrize(
    ("where", "network", "address"),
    [
        ("pods", "34.0.0.0/14", "34.1.2.3"),
        ("nodes", "34.4.0.0/24", "34.4.0.7"),
        ("services", "34.5.0.0/20", "34.5.1.1"),
    ],
)
def test_an_address_that_the_network_uses_for_itself_is_none_of_the_internet(
    where: str, network: str, address: str
) -> None:
    """Public ranges may be a network's own."""
    config = teams(team_a={HOST: {"tcp": MYSQL | {"addresses": [address]}}})
    plan_of(config)
    config["gke-mesh-egress:network"]["subnet"][where] = network
    with pytest.raises(ConfigError, match="This network itself uses the address") as refused:
        plan_of(config)
    assert [problem.path for problem in refused.value.problems] == [
        f'gke-mesh-egress:teams.team-a.egress["{HOST}"].tcp.addresses'
    ]


def test_two_hosts_cannot_claim_one_address_and_port() -> None:
    other = {"tcp": MYSQL | {"addresses": ["203.0.113.11"]}}
    with pytest.raises(ConfigError, match="would arrive at the other") as refused:
        plan_of(teams(team_a={HOST: {"tcp": MYSQL}}, team_b={"other.example.com": other}))
    assert len(refused.value.problems) == 1


@pytest.mark.parametrize(("field", "value"), [("outsidePort", 13307), ("addresses", ["203.0.113.12"])])
def test_two_teams_that_disagree_about_a_port_of_the_host_are_both_named(field: str, value: Any) -> None:
    with pytest.raises(ConfigError) as refused:
        plan_of(teams(team_a={HOST: {"tcp": MYSQL}}, team_b={HOST: {"tcp": MYSQL | {field: value}}}))
    (problem,) = refused.value.problems
    assert problem.path.endswith(f".tcp.{field}")
    assert "team-a" in problem.consequence


def test_the_managed_mesh_cannot_judge_tcp_early_enough() -> None:
    config = config_with("mesh", {"flavor": "cloud-service-mesh"})
    config["gke-mesh-egress:teams"] = {"team-a": {"egress": {HOST: {"tcp": MYSQL}}}}
    with pytest.raises(ConfigError, match="accepts no EnvoyFilter"):
        plan_of(config)


def test_passed_through_tls_connects_late_and_tcp_keeps_its_own_mode() -> None:
    config = teams(team_a={HOST: {"tcp": MYSQL}, "example.com": {"https": "passthrough"}})
    every, mysql = found(plan_of(config), "EnvoyFilter", "connect-late")["spec"]["configPatches"]
    assert "sni" not in every["match"]["listener"]["filterChain"]
    assert every["patch"]["value"]["typed_config"]["upstream_connect_mode"] == "ON_DOWNSTREAM_DATA"
    assert mysql["match"]["listener"]["filterChain"]["sni"] == OUTER
    assert mysql["patch"]["value"]["typed_config"]["upstream_connect_mode"] == "ON_DOWNSTREAM_TLS_HANDSHAKE"


@pytest.mark.parametrize("port", [22, 53, 990, 2020, 4244, 8200, 8231, 9990, 10250, 11253, 31000, 47082])
def test_by_name_no_port_is_left_at_which_a_node_listens(port: int) -> None:
    with pytest.raises(ConfigError, match="the node that the gateway runs on listens as well"):
        plan_of(teams(team_a={HOST: by_name(port=port, outsidePort=port)}))
    fixed = {"port": port, "addresses": ["203.0.113.7"], "serviceAccounts": ["app"]}
    plan_of(teams(team_a={HOST: {"tcp": fixed}}))
