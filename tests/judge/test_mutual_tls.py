"""Whether a namespace's workloads take callers without a certificate, rule by rule of Istio's reference,
PeerAuthentication.

That policies with a selector count for nothing in the root namespace, and ports for nothing without a
selector, is held against Istio by tests/mesh/test_rules.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from egress.judge.layers.mutual_tls import Namespaces
from egress.judge.model.flow import Layer, Verdict
from tests.judge.objects import snapshot, written


def peers(mode: str | None, home: str = "shop", name: str = "default", **spec: Any) -> dict[str, Any]:
    return written("PeerAuthentication", home, name, **({"mtls": {"mode": mode}} if mode else {}), **spec)


def some(
    mode: str | None,
    name: str = "some",
    *,
    home: str = "shop",
    ports: dict[Any, Any] | None = None,
    **labels: str,
) -> Any:
    more = {"portLevelMtls": {port: {"mode": of} for port, of in ports.items()}} if ports else {}
    return peers(mode, home, name, selector={"matchLabels": labels or {"app": "web"}}, **more)


def judged(*policies: dict[str, Any], of: str = "shop") -> Verdict:
    verdict = Namespaces(snapshot(*policies)).mutual(of)
    assert verdict.layer is Layer.AUTHORIZATION
    assert verdict.understood or verdict.allowed
    return verdict


def takes(*policies: dict[str, Any], of: str = "shop") -> bool | None:
    """Whether callers without a certificate are taken; None: it is not understood."""
    verdict = judged(*policies, of=of)
    return verdict.allowed if verdict.understood else None


class TestWhole:
    def test_without_a_policy_everybody_is_taken(self) -> None:
        verdict = judged()
        assert (verdict.allowed, verdict.decided_by, verdict.field) == (True, None, "")
        assert verdict.reason == "Nothing demands mutual TLS there."

    def test_strict_takes_nobody_without_a_certificate(self) -> None:
        verdict = judged(peers("STRICT"))
        assert (verdict.allowed, verdict.decided_by, verdict.field) == (
            False,
            "shop/peerauthentication/default",
            "spec.mtls.mode",
        )
        assert verdict.reason == "Mutual TLS is STRICT there."

    @pytest.mark.parametrize("mode", ["PERMISSIVE", "DISABLE"])
    def test_every_other_mode_takes_them(self, mode: str) -> None:
        verdict = judged(peers(mode))
        assert (verdict.allowed, verdict.decided_by, verdict.reason) == (
            True,
            "shop/peerauthentication/default",
            f"Mutual TLS is {mode} there.",
        )

    def test_a_policy_is_for_its_own_namespace(self) -> None:
        assert takes(peers("STRICT", "bank")) is True
        assert takes(peers("STRICT"), peers("DISABLE", "bank")) is False

    def test_the_root_namespaces_is_for_the_whole_mesh(self) -> None:
        verdict = judged(peers("STRICT", "istio-system"))
        assert (verdict.allowed, verdict.decided_by) == (False, "istio-system/peerauthentication/default")
        assert takes(peers("STRICT", "istio-system"), of="istio-system") is False
        assert takes(peers("DISABLE", "istio-system")) is True

    def test_a_namespaces_own_comes_before_the_meshs(self) -> None:
        assert takes(peers("STRICT", "istio-system"), peers("PERMISSIVE")) is True
        assert takes(peers("PERMISSIVE"), peers("STRICT", "istio-system")) is True
        assert takes(peers("DISABLE", "istio-system"), peers("STRICT")) is False

    @pytest.mark.parametrize(
        "unset",
        [peers("UNSET"), peers(None), written("PeerAuthentication", "shop", mtls=None), peers(None, mtls={})],
    )
    def test_unset_is_whatever_the_mesh_demands(self, unset: dict[str, Any]) -> None:
        assert takes(unset, peers("STRICT", "istio-system")) is False
        assert takes(unset, peers("DISABLE", "istio-system")) is True
        assert takes(unset) is True

    def test_unset_in_the_mesh_is_permissive(self) -> None:
        verdict = judged(peers("UNSET", "istio-system"))
        assert (verdict.allowed, verdict.reason) == (True, "Mutual TLS is PERMISSIVE there.")
        assert takes(peers("UNSET", "istio-system"), peers("STRICT")) is False

    @pytest.mark.parametrize("selector", [None, {}, {"matchLabels": {}}, {"matchLabels": None}])
    def test_an_empty_selector_means_the_whole_namespace(self, selector: Any) -> None:
        assert takes(peers("STRICT", selector=selector)) is False
        assert takes(peers("DISABLE", selector=selector), peers("STRICT", "istio-system")) is True

    def test_a_mode_that_does_not_exist_is_not_understood(self) -> None:
        verdict = judged(peers("strict"))
        assert (verdict.understood, verdict.field) == (False, "spec.mtls.mode")
        assert verdict.reason == "Mutual TLS is strict there, which is not known."
        assert takes(peers("strict", "istio-system"), peers("STRICT")) is False

    def test_ports_without_a_selector_are_ignored(self) -> None:
        assert takes(peers("STRICT", portLevelMtls={8080: {"mode": "DISABLE"}})) is False
        assert takes(peers("PERMISSIVE", portLevelMtls={8080: {"mode": "STRICT"}})) is True


class TestTwoForTheSamePods:
    """The older one counts, and age is not read."""

    def test_where_both_demand_the_same_it_does_not_matter_which(self) -> None:
        assert takes(peers("STRICT"), peers("STRICT", name="second")) is False
        assert takes(peers("DISABLE"), peers("PERMISSIVE", name="second")) is True

    @pytest.mark.parametrize("modes", [("STRICT", "DISABLE"), ("PERMISSIVE", "STRICT")])
    def test_where_they_differ_it_is_not_understood(self, modes: tuple[str, str]) -> None:
        first, second = modes
        verdict = judged(peers(first), peers(second, name="second"))
        assert (verdict.understood, verdict.decided_by) == (False, "shop/peerauthentication/default")
        assert (
            verdict.reason
            == "shop/peerauthentication/second demands something else: which of the two counts is not read "
            "here."
        )
        assert takes(peers(first, "istio-system"), peers(second, "istio-system", "second")) is None

    def test_one_that_leaves_it_to_istio_is_not_called_nothing(self) -> None:
        verdict = judged(peers("STRICT"), peers("UNSET", name="second"))
        assert not verdict.understood
        assert verdict.reason.startswith("What Istio does by default demands something else: ")

    def test_one_that_is_unset_may_count_as_well(self) -> None:
        assert takes(peers("STRICT"), peers("UNSET", name="second")) is None
        assert takes(peers("UNSET"), peers("STRICT", name="second"), peers("STRICT", "istio-system")) is False
        assert takes(peers("STRICT", "istio-system"), peers("UNSET", "istio-system", "second")) is None


class TestSome:
    MESH = peers("STRICT", "istio-system")

    @pytest.mark.parametrize("mode", ["PERMISSIVE", "DISABLE"])
    def test_some_pods_that_take_them_are_enough(self, mode: str) -> None:
        verdict = judged(self.MESH, some(mode))
        assert (verdict.allowed, verdict.decided_by, verdict.field) == (
            True,
            "shop/peerauthentication/some",
            "spec.mtls.mode",
        )
        assert verdict.reason == f"Mutual TLS is {mode} for some pods or ports there."

    def test_some_pods_that_do_not_are_not_the_namespace(self) -> None:
        assert takes(some("STRICT")) is True
        assert judged(some("STRICT")).decided_by is None
        assert takes(some("STRICT"), peers("PERMISSIVE")) is True

    @pytest.mark.parametrize("mode", ["UNSET", None])
    def test_unset_is_whatever_the_namespace_or_the_mesh_demands(self, mode: str | None) -> None:
        assert takes(some(mode), self.MESH) is False
        assert takes(some(mode), peers("STRICT")) is False
        assert takes(some(mode), peers("PERMISSIVE"), self.MESH) is True

    def test_it_comes_before_the_namespaces(self) -> None:
        assert takes(peers("STRICT"), some("DISABLE")) is True

    def test_in_the_root_namespace_it_counts_for_nobody(self) -> None:
        assert takes(self.MESH, some("DISABLE", home="istio-system")) is False
        assert takes(self.MESH, some("DISABLE", home="istio-system"), of="istio-system") is False
        assert takes(some("STRICT", home="istio-system")) is True

    def test_in_another_namespace_it_counts_there(self) -> None:
        assert takes(self.MESH, some("DISABLE", home="bank")) is False

    def test_one_port_that_takes_them_is_enough(self) -> None:
        verdict = judged(self.MESH, some("STRICT", ports={8080: "PERMISSIVE"}))
        assert (verdict.allowed, verdict.field) == (True, "spec.portLevelMtls.8080.mode")
        assert takes(self.MESH, some(None, ports={"9090": "STRICT", "8080": "DISABLE"})) is True

    def test_a_port_that_is_unset_is_as_its_pods_are(self) -> None:
        assert takes(self.MESH, some("STRICT", ports={8080: "UNSET"})) is False
        assert judged(self.MESH, some("DISABLE", ports={8080: "UNSET"})).field == "spec.mtls.mode"

    def test_ports_that_demand_more_do_not_make_up_for_pods_that_demand_less(self) -> None:
        assert takes(self.MESH, some("PERMISSIVE", ports={8080: "STRICT"})) is True

    def test_a_mode_that_does_not_exist_is_not_understood(self) -> None:
        verdict = judged(self.MESH, some("permissive"))
        assert (verdict.understood, verdict.field) == (False, "spec.mtls.mode")
        assert takes(self.MESH, some("STRICT", ports={8080: "OFF"})) is None
        assert takes(self.MESH, some("OFF"), some("DISABLE", "other", app="x")) is True

    def test_which_of_two_for_the_same_pods_counts_is_not_understood(self) -> None:
        verdict = judged(self.MESH, some("DISABLE"), some("STRICT", "second"))
        assert (verdict.understood, verdict.decided_by) == (False, "shop/peerauthentication/some")
        assert "which of the two counts is not read" in verdict.reason
        assert (
            takes(self.MESH, some("DISABLE", app="web", version="v1"), some("STRICT", "second", app="web"))
            is None
        )

    def test_pods_that_only_the_weaker_one_selects_are_enough(self) -> None:
        assert (
            takes(self.MESH, some("DISABLE", app="web"), some("STRICT", "second", app="web", version="v1"))
            is True
        )
        assert takes(self.MESH, some("DISABLE", app="web"), some("STRICT", "second", app="other")) is True
        assert (
            takes(self.MESH, some("DISABLE"), some("STRICT", "second"), some("DISABLE", "third", app="other"))
            is True
        )
