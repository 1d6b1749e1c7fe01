"""What admission lets onto the nodes of gateways."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from egress.common.objects import Resource
from egress.judge.layers.admission import GATEWAY_NODES, Admission, recorded
from egress.judge.model.flow import Outcome, Verdict
from egress.judge.model.snapshot import Snapshot
from egress.layers.google.resources import google_objects
from egress.settings import load
from tests.judge.admitting import APPLICATION, GATEWAY, admission, rendered
from tests.support import PROJECT, ROOT, dev_config, plan_of


class TestGatewayNodes:
    def test_a_teams_pod_is_kept_off_them_and_may_be_on_the_others(self) -> None:
        assert not admission().placed("team-x", GATEWAY).allowed
        verdict = admission().placed("team-x", APPLICATION)
        assert (verdict.allowed, verdict.decided_by, verdict.field) == (
            True,
            "nodepool/default-pool",
            "nodeConfig.taints",
        )

    def test_neither_is_a_pod_of_a_namespace_that_is_no_teams(self) -> None:
        for namespace in ("default", "kube-evil", "istio-system"):
            assert not admission().placed(namespace, GATEWAY).allowed

    def test_the_gateways_and_the_systems_own_are_not_kept_off(self) -> None:
        for namespace in ("istio-egress", "kube-system", "gmp-system"):
            assert admission().placed(namespace, GATEWAY).allowed

    def test_every_pool_of_a_gateway_is_guarded_by_one_rule(self) -> None:
        config = yaml.safe_load((ROOT / "examples/modes/Pulumi.receive.yaml").read_text(encoding="utf-8"))[
            "config"
        ] | {"gcp:project": PROJECT}
        plan, names = plan_of(config), load(config).google_names
        judge = Admission(Snapshot.of(rendered(plan), google_objects(plan)))
        team = plan.teams[0].name
        for kind in ("gateway", "ingress"):
            nodes = f"{names.node_account(kind)}@{PROJECT}.iam.gserviceaccount.com"
            verdict = judge.placed(team, nodes)
            assert verdict.outcome is Outcome.DENIED, verdict.reason

    def test_without_the_taint_or_with_another_pools_name_nothing_keeps_them_off(self) -> None:
        plan = plan_of(dev_config())
        for change in (
            {"taints": []},
            {"taints": [{"key": "dedicated", "value": "other", "effect": "NO_SCHEDULE"}]},
        ):
            google = google_objects(plan)
            for resource in google:
                if resource.name == "gateway":
                    resource.properties["nodeConfig"].update(change)
            assert Admission(Snapshot.of(rendered(plan), google)).placed("team-x", GATEWAY).allowed

    def test_an_unknown_pool_is_not_understood(self) -> None:
        verdict = admission().placed("team-x", "somebody@else")
        assert (verdict.allowed, verdict.understood, verdict.decided_by, verdict.field) == (
            True,
            False,
            None,
            "",
        )

    @staticmethod
    def placed(*pools: dict[str, Any], account: str = GATEWAY) -> Verdict:
        """With the gateway's pool and such others; each with the name `gateway` unless it says another."""
        plan = plan_of(dev_config())
        google = [one for one in google_objects(plan) if one.name != "gateway"]
        of = next(one for one in google_objects(plan) if one.name == "gateway")
        for properties in pools:
            config = {**of.properties["nodeConfig"], **properties}
            google.append(
                Resource(of.type, properties.get("name", "gateway"), {**of.properties, "nodeConfig": config})
            )
        return Admission(Snapshot.of(rendered(plan), google)).placed("team-x", account)

    TAINT = {"key": "dedicated", "value": "gateway", "effect": "NO_SCHEDULE"}

    @pytest.mark.parametrize(
        ("taints", "kept_off"),
        [
            ([TAINT], True),
            ([{**TAINT, "effect": "NO_EXECUTE"}], True),
            ([{**TAINT, "effect": "PREFER_NO_SCHEDULE"}], False),
            ([{**TAINT, "key": "other"}], False),
            ([{"key": "other", "value": "x", "effect": "NO_SCHEDULE"}, TAINT], True),
            ([TAINT, {**TAINT, "effect": "PREFER_NO_SCHEDULE", "value": "x"}], True),
            ([TAINT, {**TAINT, "effect": "NO_EXECUTE", "value": "x"}], False),
            (None, False),
        ],
    )
    def test_which_taints_keep_pods_off(self, taints: list[dict[str, str]] | None, kept_off: bool) -> None:
        assert self.placed({"taints": taints}).allowed is not kept_off

    def test_a_pool_that_the_rule_does_not_name_is_not_guarded_by_it(self) -> None:
        verdict = self.placed({"name": "another", "taints": [self.TAINT]})
        assert verdict.allowed
        assert verdict.decided_by.startswith("validatingadmissionpolicy/")

    def test_of_two_pools_of_one_account_both_must_be_guarded(self) -> None:
        open_one = {"name": "another", "taints": []}
        verdict = self.placed({}, open_one)
        assert (verdict.allowed, verdict.decided_by) == (True, "nodepool/another")
        assert self.placed(open_one, {}).decided_by == "nodepool/another"

    def test_a_pool_without_a_configuration_is_found_by_no_account(self) -> None:
        pool = Resource("gcp:container/nodePool:NodePool", "bare", {})
        judge = Admission(Snapshot.of(rendered(plan_of(dev_config())), (pool,)))
        assert judge.placed("team-x", "").decided_by == "nodepool/bare"


def test_the_rule_of_gateway_nodes_is_among_the_recorded() -> None:
    assert GATEWAY_NODES in recorded()
