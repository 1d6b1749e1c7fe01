"""Verify: the rendered objects do what the config declares, and any hole is found before the first
resource."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from egress.common.objects import Resource
from egress.judge.model.flow import Flow, Protocol
from egress.judge.model.snapshot import Snapshot, identity
from egress.judge.trace import Judges
from egress.layers.render import render
from egress.plan.make import make_plan
from egress.plan.model import Plan
from egress.proof.intent import Intent
from egress.proof.snapshot import deployment
from egress.proof.verify import verify
from egress.proof.violation import NotProven, Violation
from egress.settings import load_file
from tests.random_configs import configs
from tests.support import ROOT, config_with, dev_config, plan_of

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
EXAMPLES = sorted((ROOT / "examples/modes").glob("Pulumi.*.yaml"))


def violations(plan: Plan, deployed: Snapshot | None = None) -> list[Violation]:
    return list(verify(Intent(plan), Judges(deployed or deployment(plan, render(plan)))).violations)


def changed(plan: Plan, name: str, change: Callable[[dict[str, Any]], object]) -> Snapshot:
    """The plan's objects with one of them changed."""
    deployed = deployment(plan, render(plan))
    manifests = [deepcopy(dict(manifest)) for manifest in deployed.kubernetes]
    found = [manifest for manifest in manifests if identity(manifest) == name]
    resources = [Resource(item.type, item.name, deepcopy(dict(item.properties))) for item in deployed.google]
    found += [dict(item.properties) for item in resources if item.identity == name]
    assert len(found) == 1, name
    for item in resources:
        if item.identity == name:
            change(item.properties)  # type: ignore[arg-type]
    for manifest in manifests:
        if identity(manifest) == name:
            change(manifest)
    return Snapshot.of(manifests, resources)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem.removeprefix("Pulumi."))
def test_every_example_is_proven(file: Path) -> None:
    assert violations(make_plan(load_file(file, default_project="sandbox-project"))) == []


def test_the_dev_stack_is_proven() -> None:
    assert violations(plan_of(dev_config())) == []


@settings(max_examples=15, deadline=None, suppress_health_check=SLOW)
@given(config=configs())
def test_whatever_teams_wish_what_is_rendered_does_it_and_nothing_else(config: dict[str, Any]) -> None:
    assert violations(plan_of(config)) == []


def test_a_pattern_holds_below_it_whatever_another_team_says_of_the_very_host() -> None:
    # The other team's TLS to the very host gives it a route of its own, which both teams' sidecars go by.
    one = {"*.deep.example": {"https": "passthrough"}, "one.deep.example": {"http": {"upgrade": "tls"}}}
    teams = {"team-a": {"egress": one}, "team-b": {"egress": {"one.deep.example": {"https": "passthrough"}}}}
    assert violations(plan_of(config_with("teams", teams))) == []


ONE_OF_MANY: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "its own policy lets more out": (
        "team-b/networkpolicy/team-boundary",
        lambda item: item["spec"]["egress"].append({"ports": [{"protocol": "TCP", "port": 443}]}),
    ),
    "a gateway's policy lets it in at one more port": (
        "istio-egress/networkpolicy/gateway-boundary",
        lambda item: item["spec"]["ingress"].append(
            {
                "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "team-b"}}}],
                "ports": [{"protocol": "TCP", "port": 15020}],
            }
        ),
    ),
    "it alone carries a label that another policy asks for": (
        "namespace/team-b",
        lambda item: item["metadata"]["labels"].pop("istio-injection"),
    ),
}


@pytest.mark.parametrize("hole", ONE_OF_MANY)
def test_a_hole_of_one_among_teams_that_look_the_same_is_found(hole: str) -> None:
    # Alike teams are asked about once; this one must not pass for the others. The gateway opens the port in
    # its own policy only, so the team's policy has to open it too for the hole to be one.
    teams = {
        f"team-{letter}": {"egress": {f"{letter}.example.com": {"https": "passthrough"}}} for letter in "abc"
    }
    plan = plan_of(config_with("teams", teams))
    name, change = ONE_OF_MANY[hole]
    deployed = changed(plan, name, change)
    if "gateway" in hole:
        for manifest in deployed.kind("NetworkPolicy"):
            if manifest["metadata"]["namespace"].startswith("team-"):
                manifest["spec"]["egress"][1]["ports"].append({"protocol": "TCP", "port": 15020})
    found = violations(plan, deployed)
    assert found
    assert all(
        "team-b" in violation.flow or violation.steps[0].decided_by == "namespace/team-b"
        for violation in found
    )


LACKING: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "spec.hosts": ("istio-egress/serviceentry/example-com-ext", lambda item: item["spec"].pop("hosts")),
    "spec.servers[].port.number": (
        "istio-egress/gateway/egress-gateway",
        lambda item: item["spec"]["servers"][1]["port"].pop("number"),
    ),
    "spec.rules[].from[].source": (
        "istio-egress/authorizationpolicy/egress-team-x",
        lambda item: item["spec"]["rules"][0].update({"from": [{}]}),
    ),
    "spec": ("istio-egress/service/istio-egressgateway", lambda item: item.pop("spec")),
    "nodeConfig.taints[].key": ("nodepool/gateway", lambda item: item["nodeConfig"]["taints"][0].pop("key")),
    "rrdatas": ("recordset/private.googleapis.com.", lambda item: item.update(rrdatas=[])),
}
"""By the field that is missing: an object and how it comes to lack it."""


@pytest.mark.parametrize("field", LACKING)
def test_nothing_is_proven_beside_an_object_that_lacks_what_it_must_have(field: str) -> None:
    name, change = LACKING[field]
    plan = plan_of(dev_config())
    (found,) = violations(plan, changed(plan, name, change))
    assert "so nothing is proven" in found.says
    (step,) = found.steps
    assert (step.decided_by, step.field, step.understood) == (name, field, False)


def test_a_flow_beside_such_an_object_is_not_understood() -> None:
    plan = plan_of(dev_config())
    judges = Judges(changed(plan, *LACKING["spec.hosts"]))
    trace = judges.trace(Flow("team-x", "undeclared.example", 443, Protocol.TLS))
    assert not trace.understood


def test_a_host_of_raw_tcp_by_name_cannot_name_addresses_inside() -> None:
    """Its owner's DNS decides where the gateway connects to, also on a port that no web host opens."""
    config = dev_config()
    by_name = {"tcp": {"port": 3306, "byName": True, "outsidePort": 443, "serviceAccounts": ["app"]}}
    config["gke-mesh-egress:teams"] = {"team-a": {"egress": {"db.partner.example": by_name}}}
    assert violations(plan_of(config)) == []


HOLES: dict[str, tuple[str, Callable[[dict[str, Any]], object], str]] = {
    "a team's pods that anybody in the cluster reaches": (
        "team-x/networkpolicy/team-boundary",
        lambda item: item["spec"]["ingress"][0].pop("from"),
        "Pods of no team reaching pods of team-x, TCP 8080, must not be possible.",
    ),
    "a team's pods that do not reach each other": (
        "team-x/networkpolicy/team-boundary",
        lambda item: item["spec"]["ingress"].clear(),
        "Pods of team-x reaching pods of team-x, TCP 8080, has to be possible.",
    ),
    "a ServiceEntry exported to everybody": (
        "istio-egress/serviceentry/example-com-ext",
        lambda item: item["spec"].update(exportTo=["*"]),
        "the sidecar lets it through",
    ),
    "an AuthorizationPolicy for every namespace": (
        "istio-egress/authorizationpolicy/egress-team-x",
        lambda item: item["spec"]["rules"][0]["from"][0]["source"].update(namespaces=["*"]),
        "no layer refuses it",
    ),
    "a path that was forgotten": (
        "istio-egress/authorizationpolicy/egress-team-y",
        lambda item: item["spec"]["rules"][0]["to"][0]["operation"].pop("paths"),
        "no layer refuses it",
    ),
    "a server name without its port: it would open plain HTTP to any declared host": (
        "istio-egress/authorizationpolicy/egress-team-x",
        lambda item: item["spec"]["rules"][1].update(when=item["spec"]["rules"][1]["when"][:1]),
        "no layer refuses it",
    ),
    "a NetworkPolicy that lets 443 out": (
        "team-x/networkpolicy/team-boundary",
        lambda item: item["spec"]["egress"].append({"ports": [{"protocol": "TCP", "port": 443}]}),
        "one layer alone refuses it",
    ),
    "a NetworkPolicy that was emptied": (
        "team-y/networkpolicy/team-boundary",
        lambda item: item["spec"].update(egress=[{}]),
        "one layer alone refuses it",
    ),
    "a firewall rule for every node": (
        "firewall/gateway-allow-egress-web",
        lambda item: item.pop("targetServiceAccounts"),
        "one layer alone refuses it",
    ),
    "a gateway that asks nobody for a certificate": (
        "istio-egress/gateway/egress-gateway",
        lambda item: item["spec"]["servers"][0]["tls"].update(mode="SIMPLE"),
        "nothing is proven",
    ),
    "TLS to the outside that checks no certificate": (
        "istio-egress/destinationrule/example-com-originate-tls",
        lambda item: item["spec"]["trafficPolicy"]["portLevelSettings"][0]["tls"].pop("subjectAltNames"),
        "does not check",
    ),
    "plain HTTP where TLS was promised": (
        "istio-egress/destinationrule/example-com-originate-tls",
        lambda item: item["spec"]["trafficPolicy"]["portLevelSettings"][0]["tls"].update(mode="DISABLE"),
        "declared is",
    ),
    "a header that speaks of the mesh": (
        "istio-egress/virtualservice/httpbin-org-through-egress-gateway",
        lambda item: item["spec"]["http"][1]["headers"]["request"]["remove"].remove(
            "x-forwarded-client-cert"
        ),
        "x-forwarded-client-cert",
    ),
    "a declared host that no longer leaves": (
        "istio-egress/virtualservice/example-com-through-egress-gateway",
        lambda item: item["spec"]["http"].pop(1),
        "It is declared, and a layer refuses it",
    ),
    "gateway nodes that are fenced for teams alone": (
        "validatingadmissionpolicybinding/egress-gateway-nodes",
        lambda item: item["spec"].update(
            matchResources={"namespaceSelector": {"matchLabels": {"gke-mesh-egress/team": "x"}}}
        ),
        "Admission's rule gateway-nodes has to hold in default",
    ),
    "a default namespace that is left out": (
        "validatingadmissionpolicybinding/egress-gateway-nodes",
        lambda item: item["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"][0][
            "values"
        ].append("default"),
        "It is not declared, and no layer refuses it.",
    ),
    "a namespace exempted by hand, in the policy's text": (
        "validatingadmissionpolicy/egress-platform-kinds",
        lambda item: item["spec"]["validations"][0].update(
            expression="request.?namespace.orValue('') in ['default'] || "
            f"({item['spec']['validations'][0]['expression']})"
        ),
        "Admission's rule platform-kinds has to hold in default",
    ),
    "Istio's objects that teams alone are kept from": (
        "validatingadmissionpolicybinding/egress-platform-kinds",
        lambda item: item["spec"].update(
            matchResources={"namespaceSelector": {"matchLabels": {"gke-mesh-egress/team": "x"}}}
        ),
        "Nobody but the platform may write Istio's objects and NetworkPolicies in istio-egress.",
    ),
    "a gateway's namespace that lost its label": (
        "namespace/istio-egress",
        lambda item: item["metadata"]["labels"].pop("gke-mesh-egress/platform"),
        "Nobody but the platform may change what is in istio-egress.",
    ),
    "a firewall that lets every node out: pods of no team have nothing else": (
        "firewall/gateway-allow-egress-web",
        lambda item: item.pop("targetServiceAccounts"),
        "It is not declared, and no layer refuses it.",
    ),
    "an object that nobody here can read": (
        "istio-egress/virtualservice/example-com-through-egress-gateway",
        lambda item: item["spec"]["http"][0].update(delegate={"name": "elsewhere"}),
        "nothing is proven",
    ),
}


@pytest.mark.parametrize("hole", HOLES)
def test_a_hole_is_found_with_the_flow_that_goes_through_it(hole: str) -> None:
    plan = plan_of(dev_config())
    name, change, says = HOLES[hole]
    found = violations(plan, changed(plan, name, lambda item: change(item) and None))
    assert found, hole
    assert any(says in violation.says for violation in found), [str(violation) for violation in found[:3]]


NOT_TEAMS = [
    "egress-gateway-nodes",
    "egress-platform-kinds",
    "egress-platform-namespaces",
    "egress-namespaces",
]


@pytest.mark.parametrize("kind", ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"])
@pytest.mark.parametrize("name", NOT_TEAMS)
def test_without_one_of_the_fences_for_everybody_nothing_is_proven(kind: str, name: str) -> None:
    """A pod of `default` on a gateway's node, an object of Istio in a namespace that is no team's."""
    plan = plan_of(dev_config())
    deployed = deployment(plan, render(plan))
    left = [item for item in deployed.kubernetes if (item["kind"], item["metadata"]["name"]) != (kind, name)]
    assert len(left) == len(deployed.kubernetes) - 1
    assert {"default", "istio-egress"} & {
        violation.flow for violation in violations(plan, Snapshot.of(left, deployed.google))
    }


def test_what_the_config_exempts_elsewhere_is_asked_for_as_opened() -> None:
    exempted = {
        "admission": {
            "namespaces": {"default": {"gateway-nodes": "agents"}, "monitoring": {"platform-kinds": "charts"}}
        }
    }
    assert violations(plan_of(config_with("fences", exempted))) == []


def test_the_message_gives_the_flow_the_layers_and_the_objects() -> None:
    plan = plan_of(dev_config())
    name, change, _ = HOLES["a path that was forgotten"]
    text = str(NotProven(violations(plan, changed(plan, name, lambda item: change(item) and None))))
    assert "Nothing was changed." in text
    assert "team-y, as any-other-account: GET http://httpbin.org:80/, by app" in text
    assert "authorization: yes, istio-egress/authorizationpolicy/egress-team-y spec.rules[0]" in text


ALSO_RESOLVED = {"alsoResolved": {"time.example.net": "clocks", "*.clock.example": "clocks of an appliance"}}


@pytest.mark.parametrize("zone", ["egress-time-example-net", "egress-clock-example"])
@pytest.mark.parametrize("field", ["peeringConfig", "all of it"])
def test_a_name_resolved_besides_is_answered_as_the_internet_answers_it(zone: str, field: str) -> None:
    plan = plan_of(config_with("network/dns", ALSO_RESOLVED))
    assert violations(plan) == []
    other = {"targetNetwork": {"networkUrl": "projects/sandbox-project/global/networks/another"}}

    def elsewhere(properties: dict[str, Any]) -> None:
        if field == "peeringConfig":
            properties["peeringConfig"] = other
        else:
            properties["dnsName"] = "gone.test."

    found = violations(plan, changed(plan, f"managedzone/{zone}", elsewhere))
    assert found
    name = zone.removeprefix("egress-").replace("-", ".")
    assert any(name in str(violation) for violation in found)
