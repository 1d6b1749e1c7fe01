"""Random changes of the load balancer where teams receive, and Services that open a way in, each with
what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.added.cluster import thing
from tests.fuzz.added.inbound import BALANCER, HOME, OUTSIDE, receiving
from tests.fuzz.added.packets import ODD_PORTS
from tests.fuzz.added.stacks import Change, Stack, at, breaks, opens

Draw = st.DrawFn


def load_balancer_wider(draw: Draw, stack: Stack) -> Change | None:
    if not receiving(stack):
        return None
    spec = stack.objects[BALANCER]["spec"]
    port = draw(st.sampled_from(ODD_PORTS))
    path, value = draw(
        st.sampled_from(
            [
                (["loadBalancerSourceRanges"], None),
                (
                    ["loadBalancerSourceRanges", len(spec["loadBalancerSourceRanges"])],
                    draw(st.sampled_from(OUTSIDE)),
                ),
                (["externalTrafficPolicy"], "Cluster"),
                (
                    ["ports", len(spec["ports"])],
                    {"name": "more", "port": port, "targetPort": port, "protocol": "TCP"},
                ),
                (
                    ["ports", len(spec["ports"])],
                    {"name": "admin", "port": 444, "targetPort": 15000, "protocol": "TCP"},
                ),
                (["ports", 0, "targetPort"], 15000),
                (["selector"], {"app": "another"}),
                (["loadBalancerClass"], "somebodys.example/balancer"),
                (["externalIPs"], ["198.51.100.9"]),
            ]
        )
    )
    return opens(f"the load balancer: {path} is {value}", at(BALANCER, ["spec", *path], value))


def load_balancer_narrower(draw: Draw, stack: Stack) -> Change | None:
    if not receiving(stack):
        return None
    path, value = draw(
        st.sampled_from(
            [
                (["type"], "ClusterIP"),
                (["ports", 0], None),
                (["loadBalancerSourceRanges"], ["203.0.113.77/32"]),
                (["selector"], {"app": "another"}),
            ]
        )
    )
    return breaks(f"the load balancer: {path} is {value}", at(BALANCER, ["spec", *path], value))


def service_to_the_outside(draw: Draw, stack: Stack) -> Change | None:
    """A Service more by which somebody outside connects to pods."""
    namespace = draw(st.sampled_from([*stack.teams, *stack.gateways, *([HOME] if receiving(stack) else [])]))
    ports = [{"port": draw(st.sampled_from([80, 443, 8080, *ODD_PORTS])), "name": "a"}]
    kind = draw(st.sampled_from(["LoadBalancer", "NodePort"]))
    spec: dict[str, Any] = {
        "type": kind,
        "selector": draw(st.sampled_from([{"app": "a"}, {}])),
        "ports": ports,
    }
    if kind == "LoadBalancer" and draw(st.booleans()):
        spec["loadBalancerSourceRanges"] = [draw(st.sampled_from(OUTSIDE))]
    return opens(f"a {kind} in {namespace}: {spec}", thing("Service", "v1", namespace, spec=spec))


GENERATORS: tuple[Callable[[Draw, Stack], Change | None], ...] = (
    load_balancer_wider,
    load_balancer_narrower,
    service_to_the_outside,
)
