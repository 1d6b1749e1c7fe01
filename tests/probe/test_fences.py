"""What the API server says of the fences, and of what they rest on."""

from __future__ import annotations

from typing import Any, cast

import pytest

from egress.probe import fences
from egress.probe.api import Api, ApiError
from egress.probe.row import State
from tests.support import config_with, dev_config, plan_of

Json = dict[str, Any]
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
AGENTS = "/api/v1/namespaces/kube-system/pods"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
GATEWAY = "/api/v1/namespaces/istio-egress/pods"


class Answers:
    """An API server that answers what it is told to, and takes or refuses every pod."""

    def __init__(self, items: dict[str, list[Json]] | None = None, refuses: ApiError | None = None) -> None:
        self._items, self._refuses = items or {}, refuses
        self.pods: list[Json] = []

    def ask(self, method: str, path: str, body: Json | None = None, **query: str) -> Json:
        if method == "POST":
            assert query == {"dryRun": "All"}, "nothing is made"
            self.pods.append(body or {})
            if self._refuses:
                raise self._refuses
            return {}
        if path not in self._items:
            raise ApiError("pods is forbidden: User cannot list resource", 403)
        return {"items": self._items[path]}


def gateway_pod(node: str, ready: str = "True") -> Json:
    return {"spec": {"nodeName": node}, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


RIGHT: dict[str, list[Json]] = {
    SLICES: [{"endpoints": [{"addresses": ["10.5.0.2"]}]}],
    AGENTS: [{"status": {"podIP": "10.1.3.4"}}, {"status": {}}],
    WEBHOOKS: [
        {"metadata": {"name": "istio-validator-istio-system"}, "webhooks": [{"failurePolicy": "Fail"}]}
    ],
    GATEWAY: [gateway_pod("a"), gateway_pod("b")],
}


def standing(**changed: Any) -> list[tuple[State, str]]:
    items = {**RIGHT, **{globals()[name]: value for name, value in changed.items()}}
    rows = fences.standing(cast(Api, Answers(items)), plan_of(dev_config()))
    return [(row.state, row.seen) for row in rows]


class TestWhatTheyRestOn:
    def test_as_it_should_be(self) -> None:
        assert [state for state, _ in standing()] == [State.OK] * 4

    @pytest.mark.parametrize(
        ("changed", "at", "seen"),
        [
            ({"SLICES": [{"endpoints": [{"addresses": ["10.9.0.2"]}]}]}, 0, "10.9.0.2"),
            ({"AGENTS": [{"status": {"podIP": "10.0.0.7"}}]}, 1, "10.0.0.7"),
            ({"WEBHOOKS": []}, 2, "none"),
            (
                {
                    "WEBHOOKS": [
                        {"metadata": {"name": "istio-validator-x"}, "webhooks": [{"failurePolicy": "Ignore"}]}
                    ]
                },
                2,
                "failurePolicy: Ignore",
            ),
            ({"GATEWAY": [gateway_pod("a"), gateway_pod("a")]}, 3, "2 ready on 1 node"),
            ({"GATEWAY": [gateway_pod("a"), gateway_pod("b", "False")]}, 3, "1 ready on 1 node"),
        ],
    )
    def test_each_thing_that_is_not(self, changed: Any, at: int, seen: str) -> None:
        found = standing(**changed)
        assert found[at] == (State.WRONG, seen)
        assert [state for state, _ in found].count(State.OK) == 3

    def test_what_nobody_may_read_is_not_asked(self) -> None:
        rows = list(fences.standing(cast(Api, Answers()), plan_of(dev_config())))
        assert {row.state for row in rows} == {State.NOT_ASKED}
        assert all("cannot list resource" in row.says for row in rows)


class TestPodsAroundThem:
    def rows(self, refuses: ApiError | None, config: Json | None = None) -> list[tuple[State, str]]:
        plan = plan_of(config or dev_config())
        rows = fences.admission(cast(Api, Answers(refuses=refuses)), plan, ["team-x"], "image")
        return [(row.state, row.stopped_by) for row in rows]

    @pytest.mark.parametrize(
        ("says", "by"),
        [
            (
                "ValidatingAdmissionPolicy 'egress-team-workloads' with binding",
                "policy egress-team-workloads",
            ),
            ('pods "x" is forbidden: violates PodSecurity "restricted:latest": host', "Pod Security"),
            ('admission webhook "check.example" denied the request: no', "webhook check.example"),
        ],
    )
    def test_whoever_refuses_is_named(self, says: str, by: str) -> None:
        assert set(self.rows(ApiError(says, 403))) == {(State.OK, f"API server: {by}")}

    def test_one_that_would_be_taken_is_a_leak(self) -> None:
        assert {state for state, _ in self.rows(None)} == {State.LEAK}

    def test_who_may_make_no_pods_has_not_asked(self) -> None:
        says = 'pods is forbidden: User "ann" cannot create resource "pods" in API group ""'
        assert {state for state, _ in self.rows(ApiError(says, 403))} == {State.NOT_ASKED}
        assert {state for state, _ in self.rows(ApiError("nobody answered"))} == {State.NOT_ASKED}

    def test_a_rule_that_the_config_takes_out_is_not_asked_for(self) -> None:
        exempt = {"exemptions": {"team-x": {"host-namespaces": "an appliance"}}}
        config = config_with("fences", {"contact": "#platform", "admission": exempt})
        states = [state for state, _ in self.rows(None, config)]
        assert states.count(State.LEAK) == len(fences.AROUND) - 1
