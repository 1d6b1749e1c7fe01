"""Random NetworkPolicies, each with what it does."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.added.stacks import TLS, WEB, Change, Json, Stack, at, breaks, nothing, opens, put, take

Draw = st.DrawFn
PUBLIC = ("8.8.8.8/32", "1.1.1.0/24", "203.0.113.77/32", "0.0.0.0/0", "128.0.0.0/1", "35.191.0.0/16")
PRIVATE = (
    "192.168.7.0/24",
    "192.168.0.0/16",
    "172.16.0.0/12",
    "10.99.0.0/16",
    "10.250.0.1/32",
    "100.64.0.0/10",
)
METADATA = "169.254.169.254/32"
VIPS = ("199.36.153.4/30", "199.36.153.8/30")
TRANSPORTS = ("TCP", "UDP", "SCTP")
ODD_PORTS = (22, 1521, 4000, 5000, 9999, 31000, 65535)
"""Ports that no example declares, and no proxy or gateway serves."""
STRANGERS = ("foo", "default", "gmp-system", "monitoring")


def labelled(name: str) -> dict[str, Any]:
    return {"matchLabels": {"kubernetes.io/metadata.name": name}}


def part_of(draw: Draw, cidr: str) -> str:
    """A random range in a range, or the range itself."""
    whole = ip_network(cidr)
    length = draw(st.integers(whole.prefixlen, whole.max_prefixlen))
    offset = draw(st.integers(0, 2 ** (length - whole.prefixlen) - 1))
    return str(ip_network((int(whole.network_address) + (offset << (whole.max_prefixlen - length)), length)))


def some_ports(draw: Draw, *odd: int) -> list[Json] | None:
    """Ports of a rule; each holds at least one of `odd`. None: every port of every protocol."""
    how = draw(st.sampled_from(["all", "protocol", "one", "one", "range", "two"]))
    if how == "all":
        return None
    protocol = draw(st.sampled_from(TRANSPORTS))
    if how == "protocol":
        return [{"protocol": protocol}]
    port = draw(st.sampled_from(odd or ODD_PORTS))
    if how == "range":
        first, last = draw(st.integers(1, port)), draw(st.integers(port, 65535))
        return [{"protocol": protocol, "port": first, "endPort": last}]
    one = {"protocol": protocol, "port": port} if protocol != "TCP" or draw(st.booleans()) else {"port": port}
    return [one, {"protocol": "TCP", "port": 15012}] if how == "two" else [one]


def policy(
    draw: Draw,
    namespace: str,
    direction: str,
    peer: Json | None,
    ports: list[Json] | None,
    selects: Json | None = None,
) -> Json:
    rule = {
        **({"from" if direction == "Ingress" else "to": [peer]} if peer else {}),
        **({"ports": ports} if ports else {}),
    }
    own = draw(st.sampled_from([{}, {}, {"matchLabels": {"app": "a"}}])) if selects is None else selects
    spec = {"podSelector": own, "policyTypes": [direction], direction.lower(): [rule]}
    name = draw(st.sampled_from(["somebodys", "a-first", "zz-last"]))
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def block(draw: Draw, cidr: str) -> Json:
    """A peer that holds at least an address of a range."""
    whole = ip_network(cidr)
    if whole.prefixlen < 31 and draw(st.booleans()):
        half = draw(st.sampled_from(list(whole.subnets(1))))
        return {"ipBlock": {"cidr": cidr, "except": [str(half)]}}
    return {"ipBlock": {"cidr": cidr}}


def from_team_to_addresses(draw: Draw, stack: Stack) -> Change | None:
    """A team's pods, to addresses that its policy leaves out."""
    if not stack.closed:
        return None
    team = draw(st.sampled_from(stack.closed))
    inside = [cidr for cidr in PRIVATE if not ip_network(cidr).overlaps(ip_network(stack.control_plane))]
    cidr, ports = draw(st.sampled_from([*PUBLIC, *inside])), some_ports(draw)
    if draw(st.booleans()) and cidr != "0.0.0.0/0":
        cidr = part_of(draw, cidr)
    written = policy(draw, team, "Egress", block(draw, cidr), ports)
    return opens(f"pods of {team} may reach {cidr} on {ports}", put(written))


def from_team_inside(draw: Draw, stack: Stack) -> Change | None:
    """A team's pods, to nodes, pods by their addresses, the control plane, Google's, the metadata server: the
    firewall lets all these through, so nothing else stands there."""
    if not stack.closed:
        return None
    team = draw(st.sampled_from(stack.closed))
    where: list[tuple[str, list[Json] | None]] = [
        (part_of(draw, stack.nodes), some_ports(draw)),
        (part_of(draw, stack.pods), some_ports(draw)),
        (
            part_of(draw, stack.control_plane),
            [{"protocol": "TCP", "port": draw(st.sampled_from([443, 10250, 8132]))}],
        ),
        (stack.control_plane, None),
        (METADATA, [{"protocol": "TCP", "port": draw(st.sampled_from([988, 4000]))}]),
    ]
    if not stack.uses_google(team):
        where += [
            (part_of(draw, stack.google_range), [{"protocol": "TCP", "port": 443}]),
            (stack.google_range, None),
            (METADATA, draw(st.sampled_from([None, [{"port": 80}]]))),
        ]
    cidr, ports = draw(st.sampled_from(where))
    peer = {"ipBlock": {"cidr": cidr}}
    return opens(
        f"pods of {team} may reach {cidr} on {ports}", put(policy(draw, team, "Egress", peer, ports))
    )


def strangers_peer(draw: Draw, *names: str) -> Json:
    """A peer that means pods of no team: by name, by labels, or everybody; some of them alone, or all."""
    of: Json = draw(
        st.sampled_from([*map(labelled, names), {}, {"matchLabels": {"purpose": "batch"}}])
        | st.sampled_from(["Exists", "DoesNotExist"]).map(
            lambda how: {"matchExpressions": [{"key": "somebodys/key", "operator": how}]}
        )
    )
    pods = draw(
        st.sampled_from([{}, {}, {"podSelector": {}}, {"podSelector": {"matchLabels": {"app": "b"}}}])
    )
    return {"namespaceSelector": of, **pods}


def team_and_strangers(draw: Draw, stack: Stack) -> Change | None:
    """Pods of no team have no policy of their own, so that a team's is all that stands between."""
    team = draw(st.sampled_from(stack.teams))
    direction = draw(st.sampled_from(["Ingress", "Egress"]))
    peer, ports = strangers_peer(draw, *STRANGERS), some_ports(draw, *ODD_PORTS, 8080, 15006)
    return opens(
        f"pods of {team}, {direction} {peer} on {ports}", put(policy(draw, team, direction, peer, ports))
    )


def platform_and_strangers(draw: Draw, stack: Stack) -> Change | None:
    """Gateways' and the control plane's pods, and pods of nobody's."""
    if not stack.in_cluster:
        return None
    namespace = draw(st.sampled_from([*stack.gateways, "istio-system"]))
    direction, peer, ports = (
        draw(st.sampled_from(["Ingress", "Egress"])),
        strangers_peer(draw, *STRANGERS),
        some_ports(draw),
    )
    selects = None if draw(st.booleans()) else _own(stack, namespace)
    # What an app's labels select in a gateway's namespace is nothing that anybody runs there.
    written = policy(draw, namespace, direction, peer, ports, {} if selects is None else selects)
    return opens(f"pods of {namespace}, {direction} {peer} on {ports}", put(written))


def from_addresses(draw: Draw, stack: Stack) -> Change | None:
    """Who has an address and is no pod: other nodes' processes, the company's network, whoever is outside."""
    platform = [*stack.gateways, "istio-system"] if stack.in_cluster else []
    namespace = draw(st.sampled_from([*stack.teams, *platform]))
    cidr = draw(st.sampled_from([*PUBLIC, *PRIVATE, stack.nodes]))
    ports = some_ports(draw, *ODD_PORTS, 8080)
    selects = {} if namespace in platform else None
    written = policy(draw, namespace, "Ingress", block(draw, cidr), ports, selects)
    return opens(f"{cidr} may reach pods of {namespace} on {ports}", put(written))


def _own(stack: Stack, namespace: str) -> Json:
    name = "control-plane-boundary" if namespace == "istio-system" else "gateway-boundary"
    return stack.objects[f"{namespace}/networkpolicy/{name}"]["spec"]["podSelector"]


def platform_to_addresses(draw: Draw, stack: Stack) -> Change | None:
    """Gateways and istiod, to addresses or ports that nobody needs."""
    if not stack.in_cluster:
        return None
    namespace = draw(st.sampled_from([*stack.gateways, "istio-system"]))
    if not _known(stack, namespace):
        return None
    cidr = draw(
        st.sampled_from(
            [*PRIVATE, stack.nodes, stack.pods, METADATA, "199.36.153.4/30", "199.36.153.8/30", *PUBLIC]
        )
    )
    web = cidr not in PUBLIC or namespace == "istio-system"
    ports = some_ports(draw, *ODD_PORTS, *((WEB, TLS) if web else ()))
    selects = draw(st.sampled_from([{}, _own(stack, namespace)]))
    written = policy(draw, namespace, "Egress", {"ipBlock": {"cidr": cidr}}, ports, selects)
    return opens(f"pods of {namespace} may reach {cidr} on {ports}", put(written))


def between_two(draw: Draw, stack: Stack) -> Change | None:
    """Two policies, one at each end: team to team, team to a gateway's other ports or to istiod's, gateway to
    team."""
    ends = [
        (one, other)
        for one in stack.teams
        for other in stack.teams
        if one != other and other not in stack.reaches(one)
    ]
    ends += [(gateway, team) for gateway in stack.gateways for team in stack.teams]
    if stack.in_cluster:
        ends += [(team, own) for team in stack.teams for own in ("istio-system", *stack.gateways)]
    if not ends:
        return None
    source, target = draw(st.sampled_from(ends))
    port = draw(st.sampled_from([*ODD_PORTS, 15000, 15020]))
    ports = draw(st.sampled_from([None, [{"protocol": draw(st.sampled_from(TRANSPORTS)), "port": port}]]))
    either = st.sampled_from([{"namespaceSelector": {}}, None])
    out = policy(draw, source, "Egress", draw(either) or {"namespaceSelector": labelled(target)}, ports, {})
    into = policy(draw, target, "Ingress", draw(either) or {"namespaceSelector": labelled(source)}, ports, {})
    out["metadata"]["name"], into["metadata"]["name"] = "somebodys-out", "somebodys-in"
    return opens(f"{source} may reach {target} on {ports}, by both policies", put(out), put(into))


def _known(stack: Stack, namespace: str) -> bool:
    """Whether judges know a platform's namespace: a gateway's without a host has no Gateway, by which they
    would."""
    teams = (team for team in stack.teams if stack.intent.uses_gateway(team, namespace))
    return stack.in_cluster and (namespace == "istio-system" or any(teams))


def policy_weakened(draw: Draw, stack: Stack) -> Change | None:
    """A rendered NetworkPolicy that goes, selects fewer pods, or no longer holds one direction."""
    # Beside the boundaries of the platform stands `nothing`: without them less is possible, and not more.
    known = [name for name in stack.kinds("NetworkPolicy") if name.endswith(("/nothing", "/team-boundary"))]
    name = draw(st.sampled_from(known))
    how = draw(st.sampled_from(["gone", "selects", "ingress", "egress"]))
    if name.endswith("/nothing") and not _known(stack, name.split("/")[0]):
        return None
    if how == "gone":
        return opens(f"{name} is gone", take(name))
    if how == "selects":
        return opens(
            f"{name} is for other pods", at(name, ["spec", "podSelector"], {"matchLabels": {"app": "nobody"}})
        )
    other = {"ingress": "Egress", "egress": "Ingress"}[how]
    return opens(
        f"{name} no longer holds {how}",
        at(name, ["spec", "policyTypes"], [other]),
        at(name, ["spec", how], None),
    )


def policy_rule_widened(draw: Draw, stack: Stack) -> Change | None:
    """One more address, port or peer in a rule of a gateway's own policy."""
    if not stack.gateways:
        return None
    name = f"{draw(st.sampled_from(stack.gateways))}/networkpolicy/gateway-boundary"
    rules = stack.objects[name]["spec"]["egress"]
    blocks = [
        (number, place)
        for number, rule in enumerate(rules)
        for place, peer in enumerate(rule.get("to", ()))
        if "except" in peer.get("ipBlock", {})
    ]
    if not blocks:
        return None
    number, place = draw(st.sampled_from(blocks))
    ipblock = rules[number]["to"][place]["ipBlock"]
    path = ["spec", "egress", number]
    if draw(st.booleans()):
        left = draw(st.integers(0, len(ipblock["except"]) - 1))
        cidr = ipblock["except"][left]
        if cidr in ("127.0.0.0/8", "0.0.0.0/8"):
            return None
        edit = at(name, [*path, "to", place, "ipBlock", "except", left], None)
        beside = (rule for at_, rule in enumerate(rules) if at_ != number)
        if any(
            rule["ports"] == rules[number]["ports"] and {"ipBlock": {"cidr": cidr}} in rule["to"]
            for rule in beside
            if "ports" in rule and "to" in rule
        ):
            return nothing(f"{name} no longer leaves {cidr} out, and another rule lets it through", edit)
        return opens(f"{name} no longer leaves {cidr} out", edit)
    if draw(st.booleans()):
        return opens(f"{name}: every port", at(name, [*path, "ports"], None))
    more = {"port": draw(st.sampled_from(ODD_PORTS)), "protocol": draw(st.sampled_from(TRANSPORTS))}
    return opens(f"{name}: {more} as well", at(name, [*path, "ports", len(rules[number]["ports"])], more))


def policy_rule_gone(draw: Draw, stack: Stack) -> Change | None:
    """A rule that what is declared needs: names, istiod, the gateway."""
    teams = [team for team in stack.closed if stack.of_http(team) or stack.passed(team)]
    if not teams or not stack.in_cluster:
        return None
    team = draw(st.sampled_from(teams))
    name = f"{team}/networkpolicy/team-boundary"
    number = draw(st.integers(0, 2))
    return breaks(f"{name} without its rule {number}", at(name, ["spec", "egress", number], None))


def policy_that_changes_nothing(draw: Draw, stack: Stack) -> Change | None:
    """What is there already, less of it, or what is nobody's."""
    team = draw(st.sampled_from(stack.teams))
    rules = stack.objects[f"{team}/networkpolicy/team-boundary"]["spec"]
    direction = draw(st.sampled_from(["Egress", "Ingress"]))
    rule = draw(st.sampled_from(rules[direction.lower()]))
    if rule.get("ports") and draw(st.booleans()):
        rule = {**rule, "ports": [draw(st.sampled_from(rule["ports"]))]}
    written = policy(draw, team, direction, None, None)
    written["spec"][direction.lower()] = [rule]
    if draw(st.integers(0, 3)) == 0:
        written["metadata"]["namespace"] = "nobodys"
    if draw(st.integers(0, 3)) == 0:
        written["spec"][direction.lower()] = []
    return nothing(
        f"another policy for what is there: {written['metadata']['namespace']} {direction}", put(written)
    )


GENERATORS: tuple[Callable[[Draw, Stack], Change | None], ...] = (
    from_team_to_addresses,
    from_team_inside,
    team_and_strangers,
    platform_and_strangers,
    platform_to_addresses,
    from_addresses,
    between_two,
    policy_weakened,
    policy_rule_widened,
    policy_rule_gone,
    policy_that_changes_nothing,
)
