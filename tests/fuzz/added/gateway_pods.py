"""Random changes of gateways' pods, each with what it does."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from tests.fuzz.added.stacks import Change, Stack, at, breaks, opens, take

Draw = st.DrawFn


def gateway_pods(draw: Draw, stack: Stack) -> Change | None:
    """Pods of a gateway that are others, or cannot stand."""
    names = [name for name in stack.kinds("Deployment") if name.endswith("/istio-egressgateway")]
    if not names or not any(stack.hosts(team) for team in stack.closed):
        return None
    name = draw(st.sampled_from(names))
    spec = ["spec", "template", "spec"]
    path, value = draw(
        st.sampled_from(
            [
                ([*spec, "containers", 0, "image"], "elsewhere/proxy"),
                ([*spec, "containers", 1], {"name": "another"}),
                ([*spec, "hostNetwork"], True),
                ([*spec, "hostAliases"], [{"ip": "198.51.100.9", "hostnames": ["example.com"]}]),
                ([*spec, "dnsPolicy"], "Default"),
                (
                    ["spec", "template", "metadata", "annotations", "proxy.istio.io/config"],
                    '{"discoveryAddress": "a:1"}',
                ),
            ]
        )
    )
    return opens(f"{name}: {path} is {value}", at(name, path, value))


def gateway_pods_gone(draw: Draw, stack: Stack) -> Change | None:
    """No pod of a gateway can stand."""
    names = [
        name
        for name in stack.kinds("Deployment")
        if name.endswith(("/istio-egressgateway", "/istio-ingressgateway"))
    ]
    names = [
        name for name in names if "egress" not in name or any(stack.hosts(team) for team in stack.closed)
    ]
    if not names:
        return None
    name = draw(st.sampled_from(names))
    namespace, spec = name.split("/")[0], ["spec", "template", "spec"]
    if namespace in stack.gateways and not any(
        stack.intent.uses_gateway(team, namespace) for team in stack.teams
    ):
        return None
    account = stack.objects[name]["spec"]["template"]["spec"]["serviceAccountName"]
    path, value = draw(
        st.sampled_from(
            [
                (["spec", "replicas"], 0),
                ([*spec, "containers"], []),
                ([*spec, "serviceAccountName"], "another"),
                ([*spec, "priorityClassName"], "another"),
                (["spec", "template", "metadata", "labels", "sidecar.istio.io/inject"], "false"),
                (["spec", "template", "metadata", "annotations", "inject.istio.io/templates"], "sidecar"),
                ([], None),
            ]
        )
    )
    if not path:
        return breaks(f"the account of {name} is gone", take(f"{namespace}/serviceaccount/{account}"))
    return breaks(f"{name}: {path} is {value}", at(name, path, value))


GENERATORS: tuple[Callable[[Draw, Stack], Change | None], ...] = (
    gateway_pods,
    gateway_pods_gone,
)
