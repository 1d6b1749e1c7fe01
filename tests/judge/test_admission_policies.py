"""What admission refuses in a namespace, read from policies, bindings and namespaces.

The digests of expressions are recorded. Once tests/apiserver has tried a changed expression, record it:
`python -m pytest tests/judge/test_admission_policies.py --regenerate-golden`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from egress.judge.layers.admission import RECORDED, Admission, expressions, recorded
from egress.judge.model.flow import Verdict
from egress.judge.model.snapshot import Manifest, Snapshot
from egress.layers.admission import policies, writers
from egress.layers.google.resources import google_objects
from egress.plan.model import Plan
from egress.settings.fences import EVERYWHERE, IN_TEAMS, Rule
from tests.judge.admitting import GATEWAY, admission, rendered
from tests.support import config_with, dev_config, plan_of

WORKLOADS = "egress-team-workloads"
GLASS = {"groups": ["on-call@example.com"], "reason": "the pipeline is down"}
PLATFORMS = ("istio-system", "istio-egress")


def forms() -> list[Plan]:
    """Stacks whose rules differ: pods redirected by the node or by themselves, another version of Istio,
    Google's own mesh."""
    relaxed = {"relaxed": {"pod-security": "images that run as root"}}
    return [
        plan_of(dev_config()),
        plan_of(config_with("fences", relaxed)),
        plan_of(config_with("mesh", {"istio": {"version": "1.31.3"}})),
        plan_of(config_with("mesh", {"flavor": "cloud-service-mesh"})),
        plan_of(config_with("fences/writers", {"accounts": ["update@p.iam.gserviceaccount.com"]})),
        plan_of(config_with("fences/writers", {"accounts": ["a@b.c", "d@e.f"], "breakGlass": GLASS})),
    ]


def as_recorded() -> dict[str, list[str]]:
    """Rule to digests, of what this version of the program renders."""
    found: dict[str, set[str]] = {}
    for plan in forms():
        for policy in policies(plan):
            manifest = next(iter(policy.render(plan))).manifest
            for check, one in zip(policy.checks, expressions(manifest), strict=True):
                found.setdefault(check.rule.value, set()).add(one.digest)
        for item in writers.render(plan):
            if item.kind == "ValidatingAdmissionPolicy":
                found.setdefault(writers.RULE, set()).update(one.digest for one in expressions(item.manifest))
    return {rule: sorted(digests) for rule, digests in sorted(found.items())}


def test_the_recorded_expressions_are_the_rendered_ones(regenerate: bool) -> None:
    if regenerate:
        RECORDED.write_text(json.dumps(as_recorded(), indent=2) + "\n", encoding="utf-8")
        recorded.cache_clear()
    assert as_recorded() == recorded(), (
        "let tests/apiserver try them, then record them as this file's first lines say"
    )
    assert set(recorded()) == {*Rule, writers.RULE}


def changed(kind: str, name: str, change: Callable[[Any], object]) -> Admission:
    """The judge of the dev stack with the spec of one object changed."""

    def only(manifest: Manifest) -> None:
        if (manifest["kind"], manifest["metadata"]["name"]) == (kind, name):
            change(manifest["spec"])

    return admission(change=only)


def policy(change: Callable[[Any], object]) -> Verdict:
    return changed("ValidatingAdmissionPolicy", WORKLOADS, change).judge("team-x", "privileged")


def binding(change: Callable[[Any], object]) -> Verdict:
    return changed("ValidatingAdmissionPolicyBinding", WORKLOADS, change).judge("team-x", "privileged")


IN_FORCE = [
    *(("team-x", rule) for rule in sorted(IN_TEAMS)),
    *(
        (namespace, rule)
        for namespace in ("default", "kube-evil", "some-other-namespace")
        for rule in sorted(EVERYWHERE)
    ),
    *(
        (namespace, rule)
        for namespace in PLATFORMS
        for rule in (Rule.PLATFORM_KINDS, Rule.PLATFORM_NAMESPACES)
    ),
]


@pytest.mark.parametrize(("namespace", "rule"), IN_FORCE)
def test_every_rule_is_in_force_where_it_has_to_be(namespace: str, rule: Rule) -> None:
    verdict = admission().judge(namespace, rule)
    assert (verdict.allowed, verdict.understood) == (False, True), verdict
    assert verdict.decided_by.startswith("validatingadmissionpolicy/egress-")
    assert verdict.field.startswith("spec.validations[")


class TestOpenings:
    def test_other_namespaces_than_teams_are_not_selected(self) -> None:
        verdict = admission().judge("istio-system", "privileged")
        assert verdict.allowed
        assert verdict.decided_by == f"validatingadmissionpolicybinding/{WORKLOADS}"

    def test_an_exempted_namespace(self) -> None:
        config = config_with("fences/admission", {"exemptions": {"team-y": {"host-ports": "an appliance"}}})
        judge = admission(config)
        verdict = judge.judge("team-y", "host-ports")
        assert (verdict.allowed, verdict.decided_by) == (True, f"validatingadmissionpolicy/{WORKLOADS}")
        assert verdict.field.endswith(".expression")
        assert not judge.judge("team-y", "privileged").allowed
        assert not judge.judge("team-x", "host-ports").allowed

    def test_a_namespace_of_no_team_is_exempted_in_the_same_way(self) -> None:
        config = config_with("fences/admission", {"namespaces": {"monitoring": {"gateway-nodes": "agents"}}})
        judge = admission(config)
        assert judge.placed("monitoring", GATEWAY).allowed
        assert not judge.placed("default", GATEWAY).allowed
        assert not judge.placed("team-x", GATEWAY).allowed

    def test_an_annotation_by_hand_exempts_nobody(self) -> None:
        def by_hand(manifest: Manifest) -> None:
            if manifest["kind"] == "Namespace":
                manifest["metadata"].setdefault("annotations", {})["gke-mesh-egress/exempt.privileged"] = (
                    "because"
                )

        assert not admission(change=by_hand).judge("team-x", "privileged").allowed

    def test_an_exemption_by_hand_in_the_policys_text_is_seen(self) -> None:
        def by_hand(spec: Any) -> None:
            for validation in spec["validations"]:
                validation["expression"] = (
                    f"request.?namespace.orValue('') in ['team-x'] || ({validation['expression']})"
                )

        verdict = policy(by_hand)
        assert (verdict.allowed, verdict.understood) == (True, True)
        everybody = policy(
            lambda spec: [
                one.update(expression=f"true || ({one['expression']})") for one in spec["validations"]
            ]
        )
        assert (everybody.allowed, everybody.understood) == (True, False)

    def test_a_relaxed_rule_is_in_no_policy(self) -> None:
        judge = admission(config_with("fences/admission", {"relaxed": {"host-ports": "an appliance"}}))
        verdict = judge.judge("team-x", "host-ports")
        assert (verdict.allowed, verdict.decided_by, verdict.understood) == (True, None, True)
        assert not judge.judge("team-x", "privileged").allowed

    def test_a_warning_refuses_nothing(self) -> None:
        verdict = admission(config_with("fences/admission", {"action": "warn"})).judge("team-x", "privileged")
        assert (verdict.allowed, verdict.field) == (True, "spec.validationActions")

    def test_a_policy_that_fails_open(self) -> None:
        verdict = policy(lambda spec: spec.update(failurePolicy="Ignore"))
        assert (verdict.allowed, verdict.understood, verdict.field) == (True, True, "spec.failurePolicy")

    def test_a_policy_without_a_binding(self) -> None:
        verdict = binding(lambda spec: spec.update(policyName="other"))
        assert (verdict.allowed, verdict.decided_by, verdict.field) == (
            True,
            f"validatingadmissionpolicy/{WORKLOADS}",
            "",
        )

    def test_a_policy_that_does_not_say_fails_closed(self) -> None:
        assert not policy(lambda spec: spec.pop("failurePolicy")).allowed

    @pytest.mark.parametrize("actions", [None, [], ["Audit"]])
    def test_a_binding_that_does_not_deny(self, actions: object) -> None:
        assert binding(lambda spec: spec.update(validationActions=actions)).field == "spec.validationActions"

    def test_the_binding_that_does_not_select_is_named_with_its_selector(self) -> None:
        verdict = admission().judge("istio-system", "privileged")
        assert verdict.field == "spec.matchResources.namespaceSelector"
        assert admission().judge("of-nobody", "privileged").allowed

    def test_the_namespaces_that_are_exempted_are_known(self) -> None:
        config = config_with("fences/admission", {"exemptions": {"team-y": {"host-ports": "an appliance"}}})
        assert "team-y" in admission(config).exempted
        assert "team-x" not in admission(config).exempted


def doubled(
    kind: str, change: Callable[[Any], object], *, first: bool = True, under: str = WORKLOADS
) -> Admission:
    """The dev stack with one object twice, one of them changed."""
    plan = plan_of(dev_config())
    objects = copy.deepcopy(rendered(plan))
    of = next(one for one in objects if (one["kind"], one["metadata"]["name"]) == (kind, under))
    other = copy.deepcopy({**of, "metadata": {**of["metadata"], "name": "another"}})
    change(other["spec"])
    return Admission(Snapshot.of([other, *objects] if first else [*objects, other], google_objects(plan)))


class TestSeveral:
    """One policy, binding or pool that refuses is enough; one pool of an account that nothing guards is
    enough, too."""

    @pytest.mark.parametrize("first", [True, False])
    def test_a_policy_that_refuses_nothing_beside_one_that_does(self, first: bool) -> None:
        judge = doubled(
            "ValidatingAdmissionPolicy", lambda spec: spec.update(failurePolicy="Ignore"), first=first
        )
        assert not judge.judge("team-x", "privileged").allowed

    @pytest.mark.parametrize("first", [True, False])
    def test_a_binding_that_refuses_nothing_beside_one_that_does(self, first: bool) -> None:
        judge = doubled(
            "ValidatingAdmissionPolicyBinding",
            lambda spec: spec.update(validationActions=["Warn"]),
            first=first,
        )
        assert not judge.judge("team-x", "privileged").allowed
        assert judge.judge("istio-system", "privileged").field == (
            "spec.validationActions" if first else "spec.matchResources.namespaceSelector"
        )

    def test_of_two_that_refuse_nothing_the_first_is_named(self) -> None:
        ignored = doubled("ValidatingAdmissionPolicy", lambda spec: spec.update(failurePolicy="Ignore"))
        assert ignored.judge("istio-system", "privileged").field == "spec.failurePolicy"

    def test_what_is_not_recorded_hides_no_refusal_and_counts_only_with_a_binding(self) -> None:
        unknown = doubled(
            "ValidatingAdmissionPolicy", lambda spec: spec["validations"][0].update(expression="true")
        )
        refused = unknown.judge("team-x", "privileged")
        assert (refused.allowed, refused.understood) == (False, True)
        assert unknown.judge("istio-system", "privileged").understood

        objects = rendered(plan_of(dev_config()))
        strange: Manifest = {
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": "strange"},
            "spec": {"validations": [{"expression": "x"}, {}]},
        }
        bound = {
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": "b"},
            "spec": {"policyName": "strange"},
        }
        nothing = {"kind": "ValidatingAdmissionPolicy", "metadata": {"name": "nothing"}, "spec": {}}
        verdict = Admission(Snapshot.of([strange, bound, nothing], ())).judge("team-x", "privileged")
        assert (verdict.allowed, verdict.understood) == (True, False)
        assert (verdict.decided_by, verdict.field) == (
            "validatingadmissionpolicy/strange",
            "spec.validations[0]",
        )
        without = Admission(Snapshot.of([*objects, strange, bound], ())).judge("team-x", "privileged")
        assert (without.allowed, without.understood) == (False, True)

    def test_without_any_policy_nothing_is_refused(self) -> None:
        verdict = Admission(Snapshot.of((), ())).judge("team-x", "privileged")
        assert (verdict.allowed, verdict.understood, verdict.decided_by, verdict.field) == (
            True,
            True,
            None,
            "",
        )


class TestNotUnderstood:
    def test_another_expression(self) -> None:
        field = admission().judge("team-x", "privileged").field
        at = int(field.removeprefix("spec.validations[").removesuffix("]"))
        verdict = policy(lambda spec: spec["validations"][at].update(expression="true"))
        assert (verdict.allowed, verdict.understood, verdict.field) == (True, False, field)

    @pytest.mark.parametrize(
        "change",
        [
            lambda spec: spec["matchConditions"].append({"name": "never", "expression": "false"}),
            lambda spec: spec["variables"][1].update(expression="false"),
            lambda spec: spec["matchConstraints"]["resourceRules"].pop(),
            lambda spec: spec["matchConstraints"].update(objectSelector={"matchLabels": {"fenced": "yes"}}),
            lambda spec: spec.update(paramKind={"apiVersion": "v1", "kind": "ConfigMap"}),
        ],
    )
    def test_the_same_expression_under_other_conditions(self, change: Callable[[Any], object]) -> None:
        assert not policy(change).understood

    def test_a_binding_with_more_than_the_namespace(self) -> None:
        assert not binding(
            lambda spec: spec["matchResources"].update(objectSelector={"matchLabels": {"a": "b"}})
        ).understood
        verdict = binding(lambda spec: spec.update(paramRef={"name": "p"}))
        assert (verdict.allowed, verdict.understood, verdict.field) == (True, False, "spec")

    def test_a_binding_with_a_selector_of_another_form(self) -> None:
        verdict = binding(lambda spec: spec["matchResources"].update(namespaceSelector={"matchFields": {}}))
        assert (verdict.allowed, verdict.understood) == (True, False)
        assert verdict.reason == "Not read here: matchFields."

    def test_an_exemption_that_goes_on(self) -> None:
        def by_hand(spec: Any) -> None:
            for one in spec["validations"]:
                one["expression"] = (
                    f"request.?namespace.orValue('') in ['team-z'] || ({one['expression']}) || true"
                )

        assert not policy(by_hand).understood

    def test_endpoints_in_another_range_than_the_pods(self) -> None:
        def wider(spec: Any) -> None:
            for validation in spec["validations"]:
                validation["expression"] = validation["expression"].replace("10.1.0.0/16", "10.0.0.0/8")

        judge = changed("ValidatingAdmissionPolicy", "egress-team-services", wider)
        assert not judge.judge("team-x", "outside-endpoints").understood


def test_what_the_api_server_adds_by_itself_changes_nothing() -> None:
    def as_stored(spec: Any) -> None:
        spec["matchConstraints"] |= {
            "matchPolicy": "Equivalent",
            "namespaceSelector": {},
            "objectSelector": {},
        }
        for rule in spec["matchConstraints"]["resourceRules"]:
            rule["scope"] = "*"

    assert not policy(as_stored).allowed
    assert not binding(
        lambda spec: spec["matchResources"].update(matchPolicy="Equivalent", objectSelector={})
    ).allowed
