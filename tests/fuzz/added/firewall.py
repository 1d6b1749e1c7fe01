"""Random firewall rules, firewall policies and routes, each with what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.added.packets import ODD_PORTS, PRIVATE, PUBLIC, TRANSPORTS, VIPS, policy
from tests.fuzz.added.stacks import TLS, Change, Json, Stack, at, breaks, google, nothing, opens, put, take

Draw = st.DrawFn


def firewall(stack: Stack, **fields: Any) -> Json:
    own: dict[str, Any] = {"network": stack.network, "direction": "EGRESS", "priority": 900}
    return google("compute/firewall:Firewall", **(own | fields))


def protocols(draw: Draw) -> list[Json]:
    """Protocols and ports, of which at least one nobody needs."""
    how = draw(st.sampled_from(["all", "protocol", "ports", "range", "other"]))
    protocol = draw(st.sampled_from(["tcp", "udp", "sctp", "6", "17", "132"]))
    port = draw(st.sampled_from(ODD_PORTS))
    if how == "ports":
        return [{"protocol": protocol, "ports": [str(port)]}]
    if how == "range":
        return [
            {
                "protocol": protocol,
                "ports": [f"{draw(st.integers(0, port))}-{draw(st.integers(port, 65535))}"],
            }
        ]
    other = draw(st.sampled_from(["icmp", "esp", "ah", "ipip", "47", "58"]))
    return [{"protocol": {"all": "all", "protocol": protocol, "other": other}[how]}]


def firewall_opened(draw: Draw, stack: Stack) -> Change | None:
    """A rule that lets nodes leave for what nobody needs: nodes' own processes, and one layer less for
    pods."""
    if list(stack.kinds("NetworkFirewallPolicyWithRules")):
        return None  # the policy is asked first, and denies the rest (components/network.py sets the order)
    cidr = draw(st.sampled_from([*PUBLIC, *PRIVATE]))
    who = draw(st.sampled_from(["everybody", "application", "gateway"]))
    if who == "gateway" and f"nodepool/{who}" not in stack.resources:
        return None
    targets = {} if who == "everybody" else {"targetServiceAccounts": [stack.account(who)]}
    priority = draw(
        st.sampled_from([0, 1, 500, 1000, 1500] if stack.node_ports else [0, 1, 500, 1000, 65000, 65534])
    )
    what = protocols(draw)
    rule = firewall(stack, priority=priority, destinationRanges=[cidr], allows=what, **targets)
    return opens(f"nodes ({who}) may reach {cidr} by {what}", rule)


def firewall_widened(draw: Draw, stack: Stack) -> Change | None:
    """A rendered rule that means more."""
    known = [
        name for name in stack.kinds("Firewall") if stack.resources[name].properties["direction"] == "EGRESS"
    ]
    allowed = [name for name in known if "allows" in stack.resources[name].properties]
    if not allowed:
        return None
    how = draw(st.sampled_from(["ranges", "protocols", "targets", "denial", "disabled"]))
    if how in ("denial", "disabled"):
        name = stack.named("firewall", "global-deny-egress-all")
        edit = take(name) if how == "denial" else at(name, ["disabled"], True)
        return opens(f"{name}: {how}", edit) if name in known else None
    name = draw(st.sampled_from(allowed))
    properties = stack.resources[name].properties
    if how == "ranges":
        if name.endswith("-outside") or "0.0.0.0/0" in properties["destinationRanges"]:
            return None
        cidr = draw(st.sampled_from([*PUBLIC, *PRIVATE]))
        if cidr in PUBLIC and properties["allows"][0].get("ports") == ["443"] and TLS in stack.node_ports:
            return None
        return opens(
            f"{name}: {cidr} too", at(name, ["destinationRanges", len(properties["destinationRanges"])], cidr)
        )
    if how == "protocols":
        if "nodes-and-pods" in name or "deny" in name:
            return None
        if "0.0.0.0/0" not in properties["destinationRanges"]:
            return None  # towards Google's and the control plane's addresses pods have their own fence
        return opens(f"{name}: everything", at(name, ["allows"], [{"protocol": "all"}]))
    if not name.endswith("gateway-allow-egress-web") or stack.node_ports:
        return None
    return opens(f"{name}: for every node", at(name, ["targetServiceAccounts"], None))


def firewall_breaks(draw: Draw, stack: Stack) -> Change | None:
    """A denial before what is declared, or a rule that goes."""
    if not stack.in_cluster or list(stack.kinds("NetworkFirewallPolicyWithRules")):
        return None  # a policy is asked before the network's own rules
    if draw(st.booleans()):
        cidr = draw(st.sampled_from(["0.0.0.0/0", stack.pods, "10.0.0.0/8"]))
        rule = firewall(
            stack,
            priority=draw(st.sampled_from([0, 1, 999])),
            destinationRanges=[cidr],
            denies=[{"protocol": "all"}],
        )
        return breaks(f"nothing reaches {cidr}", rule) if _leaves(stack) else None
    needed = (
        "gateway-allow-egress-web",
        "allow-egress-nodes-and-pods",
        "allow-egress-to-api-server",
        "allow-egress-gcp-apis",
    )
    every = (*needed, "allow-ingress-api-server-to-webhook")
    names = [name for name in (stack.named("firewall", one) for one in every) if name in stack.resources]
    if not names or not _leaves(stack):
        return None
    name = draw(st.sampled_from(names))
    return breaks(f"{name} is gone", take(name))


def _leaves(stack: Stack) -> bool:
    return any(stack.of_http(team) or stack.passed(team) for team in stack.closed)


def firewall_that_changes_nothing(draw: Draw, stack: Stack) -> Change | None:
    how = draw(st.sampled_from(["disabled", "elsewhere", "denial", "again", "described"]))
    ranges = {"destinationRanges": ["0.0.0.0/0"], "allows": [{"protocol": "all"}]}
    if how == "disabled":
        return nothing("a rule that is switched off", firewall(stack, disabled=True, **ranges))
    if how == "elsewhere":
        network = stack.network.replace("vpc-network", "another")
        return nothing("a rule of another network", firewall(stack, **{**ranges, "network": network}))
    if how == "denial":
        denied = [{"protocol": draw(st.sampled_from(["tcp", "udp"])), "ports": ["25"]}]
        return nothing(
            "a denial of what nobody may", firewall(stack, destinationRanges=["0.0.0.0/0"], denies=denied)
        )
    names = [
        name for name in stack.kinds("Firewall") if stack.resources[name].properties["direction"] == "EGRESS"
    ]
    if not names:
        return None
    name = draw(st.sampled_from(names))
    if how == "again":
        properties = {key: value for key, value in stack.resources[name].properties.items() if key != "name"}
        return nothing(f"{name} once more", google("compute/firewall:Firewall", "somebodys", **properties))
    return nothing(f"{name} described otherwise", at(name, ["description"], "otherwise"))


# Ways.


def ways(draw: Draw, stack: Stack) -> Change | None:
    """Where packets go, other than by firewall rules."""
    kinds: dict[str, Any] = {
        "compute/route:Route": {
            "destRange": draw(st.sampled_from(["0.0.0.0/1", "192.168.0.0/16"])),
            "nextHopIp": "10.0.0.9",
        },
        "compute/networkPeering:NetworkPeering": {},
        "compute/forwardingRule:ForwardingRule": {},
        "networkconnectivity/policyBasedRoute:PolicyBasedRoute": {},
        "compute/networkFirewallPolicyRule:NetworkFirewallPolicyRule": {
            "priority": 1,
            "action": "allow",
            "direction": "EGRESS",
        },
        "compute/firewallPolicyRule:FirewallPolicyRule": {"priority": 1, "action": "allow"},
        "compute/vPNTunnel:VPNTunnel": {},
    }
    type_token = draw(st.sampled_from(sorted(kinds)))
    return opens(type_token, google(type_token, network=stack.network, **kinds[type_token]))


def firewall_policy(draw: Draw, stack: Stack) -> Change | None:
    """A rule more in the network's own firewall policy, or such a policy beside its rules."""
    what: list[Json] = [
        {"ipProtocol": one["protocol"], **({"ports": one["ports"]} if "ports" in one else {})}
        for one in protocols(draw)
    ]
    cidr = draw(st.sampled_from([*PUBLIC, *PRIVATE]))
    rule = {
        "priority": draw(st.sampled_from([1, 999])),
        "direction": "EGRESS",
        "action": "allow",
        "match": {"destIpRanges": [cidr], "layer4Configs": what},
    }
    if stack.node_ports:
        return None
    policies = list(stack.kinds("NetworkFirewallPolicyWithRules"))
    said = f"by a policy nodes may reach {cidr} by {what}"
    if policies:
        return opens(
            said, at(policies[0], ["rules", len(stack.resources[policies[0]].properties["rules"])], rule)
        )
    return opens(
        said, google("compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules", rules=[rule])
    )


def both_layers(draw: Draw, stack: Stack) -> Change | None:
    """A team's NetworkPolicy and a firewall rule for the same: the whole flow is open."""
    if not stack.closed:
        return None
    team = draw(st.sampled_from(stack.closed))
    cidr = draw(st.sampled_from([*PUBLIC, *PRIVATE, *(vip for vip in VIPS if vip != stack.google_range)]))
    transport, port = draw(st.sampled_from(TRANSPORTS)), draw(st.sampled_from([*ODD_PORTS, 53, 443]))
    ports = [{"protocol": transport, "port": port}]
    rule = firewall(
        stack,
        priority=1,
        destinationRanges=[cidr],
        allows=[{"protocol": transport.lower(), "ports": [str(port)]}],
    )
    written = policy(draw, team, "Egress", {"ipBlock": {"cidr": cidr}}, ports)
    return opens(f"pods of {team} reach {cidr} on {transport} {port}", put(written), rule)


GENERATORS: tuple[Callable[[Draw, Stack], Change | None], ...] = (
    firewall_opened,
    firewall_widened,
    firewall_breaks,
    firewall_that_changes_nothing,
    firewall_policy,
    ways,
    both_layers,
)
