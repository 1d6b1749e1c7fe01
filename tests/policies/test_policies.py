"""The policy pack over what the program registers, which breaks no rule, and the settings of the pack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from egress_policies import RULES, UNKNOWN, Resource

from tests.policies.stacks import CLUSTER, DENY, FIREWALL, WEB, added, changed, stack, violations
from tests.support import PROJECT, ROOT


@pytest.mark.parametrize("name", ["dev", "receive", "wildcard", "managed-mesh", "perimeter"])
def test_what_the_program_registers_breaks_no_rule(name: str) -> None:
    assert violations(stack(name)) == {}


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
    assert violations(stack("open"), openAccounts=["*-application-nodes"], openNamespaces=["lab"]) == {}


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
    """At the first preview the names of networks and accounts are not known yet."""
    resources = changed(DENY, "network", UNKNOWN)
    resources += added(FIREWALL, **WEB, targetServiceAccounts=UNKNOWN)[-1:]
    assert violations(resources) == {}


def test_every_rule_is_on_the_page() -> None:
    page = Path(ROOT / "docs/policies.md").read_text(encoding="utf-8")
    assert [rule.name for rule in RULES if f"`{rule.name}`" not in page] == []
    settings = {name: setting for rule in RULES for name, setting in rule.settings.items()}
    assert [name for name, setting in settings.items() if f"`{name}`" not in page] == []
