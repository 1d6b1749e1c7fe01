"""One mistake at a time breaks one rule of the policy pack, and is reported in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from egress_policies import Resource

from tests.policies.stacks import (
    CLUSTER,
    DENY,
    FIREWALL,
    GATEWAYS,
    NODES,
    WEB,
    added,
    changed,
    violations,
    without,
)


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
