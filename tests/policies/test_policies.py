"""The policy pack's rules over what the program registers: it satisfies them, and each mistake is told."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from egress_policies import RULES, UNKNOWN, Resource

from tests.program_runner import run_program
from tests.support import PROJECT, ROOT, dev_config

STACKS = {path.name.split(".")[1]: path for path in (ROOT / "examples/modes").glob("Pulumi.*.yaml")}


@cache
def _registered(stack: str) -> tuple[Resource, ...]:
    config = (
        dev_config()
        if stack == "dev"
        else {"gcp:project": PROJECT} | yaml.safe_load(STACKS[stack].read_text(encoding="utf-8"))["config"]
    )
    run = run_program(config)
    assert run.error is None
    return tuple(
        Resource(item["type"], item["name"], item["urn"], item["inputs"], item["protect"] or False)
        for item in run.registered
    )


def stack(name: str = "dev") -> list[Resource]:
    """What the program registers for a stack, to change at will."""
    return copy.deepcopy(list(_registered(name)))


def violations(resources: list[Resource], **settings: Any) -> dict[str, list[str]]:
    """By rule: `resource: what is wrong`."""
    found: dict[str, list[str]] = {}
    for rule in RULES:
        given = rule.configured(settings)
        if rule.of_one:
            said = [f"{item.name}: {text}" for item in resources for text in rule.of_one(item, given)]
        else:
            assert rule.of_all
            said = [
                f"{item.name if item else 'stack'}: {text}" for item, text in rule.of_all(resources, given)
            ]
        if said:
            found[rule.name] = said
    return found


@pytest.mark.parametrize("name", ["dev", "receive", "wildcard", "managed-mesh", "perimeter"])
def test_what_the_program_registers_breaks_no_rule(name: str) -> None:
    assert violations(stack(name)) == {}


# Every mistake, one at a time


def changed(name: str, path: str, value: Any, of: str = "dev") -> list[Resource]:
    """The stack with one value of one resource set; the resource is named by the end of its URN, None takes
    the value away."""
    resources = stack(of)
    (wanted,) = [
        item
        for item in resources
        if item.urn.endswith(f"::{name}") and not item.type.startswith("gke-mesh-egress:")
    ]
    *parents, last = path.split("/")
    node: Any = wanted.props
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node.setdefault(part, {})
    if value is None:
        del node[last]
    else:
        node[int(last) if isinstance(node, list) else last] = value
    return resources


def without(name: str) -> list[Resource]:
    resources = stack()
    kept = [item for item in resources if not item.urn.endswith(f"::{name}")]
    assert len(kept) == len(resources) - 1
    return kept


def added(type: str, **props: Any) -> list[Resource]:
    return [*stack(), Resource(type, "added", f"urn:pulumi:dev::gke-mesh-egress::{type}::added", props)]


DENY = "firewall-global-deny-egress-all"
FIREWALL = "gcp:compute/firewall:Firewall"
WEB = {"allows": [{"protocol": "tcp", "ports": ["443"]}], "direction": "EGRESS"}
NODES = ["sa-application-nodes@p.iam.gserviceaccount.com"]
GATEWAYS = ["sa-gateway-nodes@p.iam.gserviceaccount.com"]
CLUSTER = "cluster"


@pytest.mark.parametrize(
    ("rule", "resources", "said"),
    [
        (
            "private-nodes",
            lambda: changed(CLUSTER, "privateClusterConfig/enablePrivateNodes", False),
            "addresses of the internet",
        ),
        (
            "private-nodes",
            lambda: changed(CLUSTER, "privateClusterConfig", None),
            "addresses of the internet",
        ),
        (
            "private-nodes",
            lambda: changed(f"{CLUSTER}-gateway", "networkConfig/enablePrivateNodes", False),
            "This pool's nodes",
        ),
        (
            "private-endpoint",
            lambda: changed(CLUSTER, "privateClusterConfig/enablePrivateEndpoint", False),
            "DNS-based endpoint",
        ),
        (
            "private-endpoint",
            lambda: changed(
                CLUSTER, "masterAuthorizedNetworksConfig", {"cidrBlocks": [{"cidrBlock": "0.0.0.0/0"}]}
            ),
            "lets everybody connect",
        ),
        (
            "own-service-account",
            lambda: changed(f"{CLUSTER}-default-pool", "nodeConfig/serviceAccount", None),
            "default service",
        ),
        (
            "own-service-account",
            lambda: changed(f"{CLUSTER}-gateway", "nodeConfig/serviceAccount", "default"),
            "default service",
        ),
        (
            "own-service-account",
            lambda: changed(
                CLUSTER, "nodeConfig/serviceAccount", "123-compute@developer.gserviceaccount.com"
            ),
            "default service",
        ),
        ("only-gateways-leave", lambda: added(FIREWALL, **WEB), "every machine of the network could connect"),
        (
            "only-gateways-leave",
            lambda: added(FIREWALL, **WEB, destinationRanges=["0.0.0.0/0"], targetServiceAccounts=NODES),
            "sa-application-nodes@p.iam.gserviceaccount.com could connect",
        ),
        (
            "only-gateways-leave",
            lambda: added(FIREWALL, **WEB, destinationRanges=["::/0"], targetTags=["gateway"]),
            "every machine",
        ),
        (
            "only-gateways-leave",
            lambda: added(FIREWALL, **WEB, destinationRanges=["0.0.0.0/1", "128.0.0.0/1"]),
            "every machine",
        ),
        (
            "only-gateways-leave",
            lambda: added(FIREWALL, **WEB, targetServiceAccounts=[*GATEWAYS, *NODES]),
            "sa-application-nodes",
        ),
        (
            "nobody-lets-all-in",
            lambda: added(FIREWALL, allows=WEB["allows"], sourceRanges=["0.0.0.0/0"]),
            "Anybody could connect",
        ),
        ("nobody-lets-all-in", lambda: added(FIREWALL, allows=WEB["allows"]), "Anybody could connect"),
        ("network-denies-the-rest", lambda: without(DENY), "Nothing denies"),
        ("network-denies-the-rest", lambda: changed(DENY, "disabled", True), "Nothing denies"),
        ("network-denies-the-rest", lambda: changed(DENY, "targetServiceAccounts", NODES), "Nothing denies"),
        (
            "network-denies-the-rest",
            lambda: changed(DENY, "network", "projects/p/global/networks/other"),
            "Nothing denies",
        ),
        ("network-denies-the-rest", lambda: changed(DENY, "denies", [{"protocol": "tcp"}]), "Nothing denies"),
        (
            "gateway-nodes-alone",
            lambda: changed(f"{CLUSTER}-gateway", "nodeConfig/taints", []),
            "keeps applications off them",
        ),
        (
            "gateway-nodes-alone",
            lambda: changed(f"{CLUSTER}-default-pool", "nodeConfig/serviceAccount", GATEWAYS[0]),
            "keeps",
        ),
        (
            "named-exports",
            lambda: changed("istio-egress/serviceentry/example-com-ext", "spec/exportTo", ["*"]),
            "exported to all (*)",
        ),
        (
            "named-exports",
            lambda: changed("team-x/destinationrule/target-egress-gateway", "spec/exportTo", None),
            "has no exportTo",
        ),
        (
            "named-exports",
            lambda: changed(
                "istio-egress/virtualservice/httpbin-org-through-egress-gateway",
                "spec/exportTo",
                ["team-x", "*"],
            ),
            "Name the namespaces",
        ),
        (
            "declared-hosts-only",
            lambda: changed("team-x/sidecar/default", "spec/outboundTrafficPolicy/mode", "ALLOW_ANY"),
            "nobody",
        ),
        (
            "declared-hosts-only",
            lambda: changed("team-x/sidecar/default", "spec/egress/0/hosts", ["*/*"]),
            "every namespace",
        ),
        (
            "declared-hosts-only",
            lambda: changed("istio-istiod", "values/meshConfig/outboundTrafficPolicy/mode", "ALLOW_ANY"),
            "no Sidecar object",
        ),
        (
            "declared-hosts-only",
            lambda: changed("istio-system/configmap/istio-asm-managed", "data/mesh", "{}", of="managed-mesh"),
            "no Sidecar object",
        ),
        (
            "named-callers",
            lambda: changed("istio-egress/authorizationpolicy/egress-team-y", "spec/rules", [{}]),
            "every caller",
        ),
        (
            "named-callers",
            lambda: changed(
                "istio-egress/authorizationpolicy/egress-team-y",
                "spec/rules/0/from/0/source",
                {"namespaces": ["*"]},
            ),
            "spec.rules[0] lets every caller",
        ),
        (
            "named-callers",
            lambda: changed(
                "istio-egress/authorizationpolicy/wildcard-inner-names",
                "spec/rules/0/when",
                [],
                of="wildcard",
            ),
            "names what TLS asks for",
        ),
        (
            "strict-mutual-tls",
            lambda: changed("istio-system/peerauthentication/default", "spec/mtls/mode", "PERMISSIVE"),
            "STRICT",
        ),
        ("fences-are-there", lambda: without("team-y/networkpolicy/team-boundary"), "No NetworkPolicy"),
        (
            "fences-are-there",
            lambda: changed("team-y/networkpolicy/team-boundary", "spec/policyTypes", ["Ingress"]),
            "No NetworkPol",
        ),
        (
            "fences-are-there",
            lambda: changed(
                "team-y/networkpolicy/team-boundary", "spec/podSelector", {"matchLabels": {"app": "a"}}
            ),
            "No NetworkPolicy",
        ),
        ("fences-are-there", lambda: without("team-x/sidecar/default"), "No Sidecar object"),
        (
            "fences-are-there",
            lambda: without("istio-egress/authorizationpolicy/allow-nothing"),
            "Nothing denies",
        ),
        (
            "fences-are-there",
            lambda: changed(
                "istio-egress/authorizationpolicy/allow-nothing",
                "spec/selector/matchLabels",
                {"app": "other"},
            ),
            "Nothing denies",
        ),
    ],
)
def test_one_mistake_breaks_one_rule(rule: str, resources: Callable[[], list[Resource]], said: str) -> None:
    found = violations(resources())
    assert rule in found
    assert any(said in text for text in found[rule]), found


@pytest.mark.parametrize(
    "resources",
    [
        lambda: added(FIREWALL, **WEB, targetServiceAccounts=GATEWAYS),
        lambda: added(FIREWALL, **WEB, destinationRanges=["203.0.113.7/32"], targetServiceAccounts=NODES),
        lambda: added(FIREWALL, direction="EGRESS", denies=[{"protocol": "all"}]),
        lambda: added(FIREWALL, allows=WEB["allows"], sourceServiceAccounts=NODES),
        lambda: changed(
            CLUSTER, "masterAuthorizedNetworksConfig", {"cidrBlocks": [{"cidrBlock": "198.51.100.0/24"}]}
        ),
    ],
    ids=["gateways leave", "to one address", "denied", "from one another", "authorized networks"],
)
def test_what_is_no_mistake_breaks_none(resources: Callable[[], list[Resource]]) -> None:
    assert violations(resources()) == {}


# Settings of the pack


@pytest.mark.parametrize(
    ("path", "setting"),
    [
        ("privateClusterConfig/enablePrivateNodes", {"publicNodes": ["cluster1"]}),
        ("privateClusterConfig/enablePrivateEndpoint", {"publicEndpoints": ["cluster*"]}),
    ],
)
def test_public_nodes_and_endpoints_are_let_pass_where_the_pack_s_config_says_so(
    path: str, setting: dict[str, Any]
) -> None:
    assert violations(changed(CLUSTER, path, False)) != {}
    assert violations(changed(CLUSTER, path, False), **setting) == {}


def test_gateways_with_accounts_of_other_names_can_be_named() -> None:
    rule = added(FIREWALL, **WEB, targetServiceAccounts=["egress-a@p.iam.gserviceaccount.com"])
    assert list(violations(rule)) == ["only-gateways-leave"]
    assert violations(rule, gatewayAccounts=["sa-gateway-*", "egress-*"]) == {}


def test_a_team_with_an_open_security_model_is_let_pass_only_by_the_pack_s_config() -> None:
    assert set(violations(stack("open"))) == {"only-gateways-leave", "declared-hosts-only"}
    assert violations(stack("open"), openAccounts=["sa-application-nodes"], openNamespaces=["lab"]) == {}


def in_stack(name: str, *, protect: bool) -> list[Resource]:
    return [
        replace(item, urn=item.urn.replace("urn:pulumi:dev::", f"urn:pulumi:{name}::"), protect=protect)
        for item in stack()
    ]


@pytest.mark.parametrize("name", ["prod", "production", "prod-eu"])
def test_production_is_protected(name: str) -> None:
    found = violations(in_stack(name, protect=False))
    assert list(found) == ["deletion-protection"]
    about = {text.partition(":")[0] for text in found["deletion-protection"]}
    assert about == {
        CLUSTER,
        "network-vpc",
        "dns-resolving-network",
        "network-subnet",
        f"bucket-{PROJECT}-bucket",
    }
    only_google = violations(in_stack(name, protect=True))["deletion-protection"]
    assert len(only_google) == 1
    assert "Google would let anybody delete the cluster" in only_google[0]


def test_other_stacks_come_and_go() -> None:
    assert violations(in_stack("test", protect=False)) == {}
    assert list(violations(in_stack("test", protect=False), production=["test"])) == ["deletion-protection"]


def test_labels_that_the_organisation_asks_for_are_missed_until_the_provider_gives_them() -> None:
    found = violations(stack(), requiredLabels=["cost-centre"])["labels"]
    assert any(text.startswith(CLUSTER) and "Label cost-centre is missing" in text for text in found)
    given = [replace(item, provider={"defaultLabels": '{"cost-centre": "42"}'}) for item in stack()]
    assert violations(given, requiredLabels=["cost-centre"]) == {}


def test_what_is_not_known_before_the_update_is_no_mistake() -> None:
    """At the first preview Google Cloud has not said yet what networks and accounts are called."""
    resources = changed(DENY, "network", UNKNOWN)
    resources += added(FIREWALL, **WEB, targetServiceAccounts=UNKNOWN)[-1:]
    assert violations(resources) == {}


def test_every_rule_is_on_the_page() -> None:
    page = Path(ROOT / "docs/policies.md").read_text(encoding="utf-8")
    assert [rule.name for rule in RULES if f"`{rule.name}`" not in page] == []
    settings = {name: setting for rule in RULES for name, setting in rule.settings.items()}
    assert [name for name, setting in settings.items() if f"`{name}`" not in page] == []
