"""What comes in to pods that are given no proxy.

Source: Istio, "Installing the Sidecar" (labels of namespaces); Istio reference, PeerAuthentication and
AuthorizationPolicy.
"""

from __future__ import annotations

import pytest

from egress.judge.model.flow import Layer
from tests.judge.incoming import balancer, by, deployment, flow, gateway, judges, refused, route
from tests.judge.objects import namespace, written


class TestWithoutAProxy:
    """Where no proxy is put into pods, mutual TLS and AuthorizationPolicies are nothing but words."""

    STRICT = written("PeerAuthentication", "istio-system", mtls={"mode": "STRICT"})
    NOBODY = written("AuthorizationPolicy", "shop", "nobody")
    WORLDS = (
        ({"istio-injection": "enabled"}, False),
        ({"istio-injection": "enabled", "istio.io/rev": "a"}, False),
        ({"istio.io/rev": "asm-managed"}, False),
        ({"istio-injection": "disabled", "istio.io/rev": "a"}, True),
        ({"istio-injection": "disabled"}, True),
        ({}, True),
        (None, True),
    )

    @pytest.mark.parametrize(("labels", "taken"), WORLDS)
    def test_past_every_gateway_pods_take_whoever_gets_there(
        self, labels: dict[str, str] | None, taken: bool
    ) -> None:
        home = None if labels is None else namespace("shop", **labels)
        own = balancer("own", "shop", selector={"app": "db"})
        trace = judges(own, self.STRICT, team=home).inbound.trace(flow(edge="shop/service/own"))
        assert trace.allowed is taken
        if taken:
            assert by(trace, Layer.AUTHORIZATION) == "namespace/shop metadata.labels[istio-injection]"

    @pytest.mark.parametrize(("labels", "taken"), WORLDS)
    def test_behind_the_gateway_too_and_what_is_declared_counts_on_no_such_pods(
        self, labels: dict[str, str] | None, taken: bool
    ) -> None:  # fmt: skip
        found = judges(self.NOBODY, team=None if labels is None else namespace("shop", **labels)).inbound
        assert found.trace(flow()).allowed is taken
        assert refused(found.trace(flow(), must_pass=True)) == [Layer.AUTHORIZATION]

    def test_a_gateways_pods_have_one_whatever_their_namespace_says(self) -> None:
        """A gateway for those outside that leads to one for those inside, whose rules let nobody in."""
        inside = gateway("inside", port=9443)
        inside["metadata"]["namespace"], inside["spec"]["selector"] = "inner", {"istio": "inner"}
        service = written(
            "Service", "inner", "door", selector={"istio": "inner"}, ports=[{"name": "tls", "port": 9443}]
        )
        pods = deployment("inner", {"istio": "inner"})
        shut = written("AuthorizationPolicy", "inner", "nobody")
        led = route(to="door.inner.svc.cluster.local", number=9443)
        trace = judges(inside, service, pods, shut, namespace("inner"), route=led).inbound.trace(flow())
        assert refused(trace) == [Layer.AUTHORIZATION]
