"""Random objects on the way in, each with what it does: servers, routes, rules and policies where teams
receive."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from tests.fuzz.added.cluster import thing
from tests.fuzz.added.firewall import firewall
from tests.fuzz.added.mesh import istio
from tests.fuzz.added.packets import ODD_PORTS, PUBLIC, STRANGERS, labelled, policy, some_ports
from tests.fuzz.added.stacks import Change, Json, Stack, at, breaks, nothing, opens, put, take

Draw = st.DrawFn
HOME = "istio-ingress"
BALANCER = f"{HOME}/service/istio-ingressgateway"
BOUNDARY = f"{HOME}/networkpolicy/ingress-boundary"
OUTSIDE = tuple(cidr for cidr in PUBLIC if cidr != "35.191.0.0/16")
"""Ranges that hold addresses of nobody who is let in; Google's own probers are."""


def receiving(stack: Stack) -> list[str]:
    """Names of teams' receptions as objects carry them: those whose servers are Gateways of the ingress
    namespace."""
    return [name.rpartition("/")[2] for name in stack.objects if name.startswith(f"{HOME}/gateway/")]


def _server(draw: Draw, stack: Stack) -> tuple[str, Json]:
    """A rendered server, and its Gateway."""
    name = f"{HOME}/gateway/{draw(st.sampled_from(receiving(stack)))}"
    return name, stack.objects[name]["spec"]["servers"][0]


def server_weaker(draw: Draw, stack: Stack) -> Change | None:
    """A server takes whom it is not to take, or for what it is not to be asked."""
    if not receiving(stack):
        return None
    name, server = _server(draw, stack)
    path, value = draw(
        st.sampled_from(
            [
                (["tls", "mode"], "SIMPLE"),
                (["tls", "mode"], "OPTIONAL_MUTUAL"),
                (["tls", "subjectAltNames"], None),
                (
                    ["tls", "subjectAltNames", len(server["tls"]["subjectAltNames"])],
                    "spiffe://elsewhere/ns/a/sa/b",
                ),
                (["tls", "minProtocolVersion"], "TLSV1_0"),
                (["tls", "credentialName"], "somebodys"),
                (["tls", "caCertCredentialName"], "somebodys"),
                (["hosts"], ["*"]),
                (["hosts", 1], "other.example"),
                (["tls"], None),
            ]
        )
    )
    return opens(f"{name}: {path} is {value}", at(name, ["spec", "servers", 0, *path], value))


def server_stricter(draw: Draw, stack: Stack) -> Change | None:
    if not receiving(stack):
        return None
    name, _ = _server(draw, stack)
    path, value = draw(
        st.sampled_from(
            [
                (["tls", "mode"], "ISTIO_MUTUAL"),
                (["tls", "subjectAltNames"], ["spiffe://elsewhere/ns/a/sa/b"]),
                (["hosts"], ["other.example"]),
                (["port", "number"], 9999),
                (["bind"], "127.0.0.1"),
            ]
        )
    )
    return breaks(f"{name}: {path} is {value}", at(name, ["spec", "servers", 0, *path], value))


def server_more(draw: Draw, stack: Stack) -> Change | None:
    """Whoever says another name is taken without a certificate, and then asks for a received host in plain
    HTTP."""
    names = [
        f"{HOME}/gateway/{one}"
        for one in receiving(stack)
        if _routes(stack, f"{HOME}/virtualservice/{one}")[0] == "http"
    ]
    if not names:
        return None
    name = draw(st.sampled_from(names))
    spec = stack.objects[name]["spec"]
    port = {**spec["servers"][0]["port"], "protocol": "HTTPS", "name": "more"}
    more = {"port": port, "hosts": ["*"], "tls": {"mode": "SIMPLE", "credentialName": "a"}}
    return opens(f"{name}: a server more {more}", at(name, ["spec", "servers", 1], more))


def _routes(stack: Stack, name: str) -> tuple[str, Json]:
    spec = stack.objects[name]["spec"]
    section = next(key for key in ("tcp", "http", "tls") if key in spec)
    return section, spec[section]


def route_elsewhere(draw: Draw, stack: Stack) -> Change | None:
    """What comes in is led to another Service, or nowhere."""
    if not receiving(stack):
        return None
    name = f"{HOME}/virtualservice/{draw(st.sampled_from(receiving(stack)))}"
    section, routes = _routes(stack, name)
    to = ["spec", section, 0, "route", 0, "destination"]
    team = draw(st.sampled_from(stack.teams))
    how = draw(st.sampled_from(["service", "outside", "gone", "port", "match", "second", "mirror"]))
    if how == "service":
        return breaks(f"{name} leads elsewhere", at(name, [*to, "host"], f"another.{team}.svc.cluster.local"))
    if how == "outside":
        return breaks(f"{name} leads outside", at(name, [*to, "host"], "elsewhere.example"))
    if how == "port":
        return breaks(f"{name} leads to another port", at(name, [*to, "port", "number"], 9999))
    if how == "match":
        return breaks(f"{name} is for another port", at(name, ["spec", section, 0, "match", 0, "port"], 9999))
    if how == "second":
        first = {"route": [{"destination": {"host": f"another.{team}.svc.cluster.local"}}]}
        spec = {**stack.objects[name]["spec"], section: [first]}
        return breaks(f"a second {name}", istio("VirtualService", HOME, **spec))
    if how == "mirror" and section == "http":
        mirror = {"host": f"another.{team}.svc.cluster.local"}
        return opens(f"{name} is copied elsewhere", at(name, ["spec", "http", 0, "mirror"], mirror))
    return breaks(f"{name} is gone", take(name)) if routes else None


def rule_of_ingress(draw: Draw, stack: Stack) -> Change | None:
    """Rules at the gateway: one more that takes everything, or refuses it, or a rendered one without a
    condition."""
    if not receiving(stack):
        return None
    names = [name for name in stack.objects if name.startswith(f"{HOME}/authorizationpolicy/ingress-")]
    name = draw(st.sampled_from(names))
    rules = stack.objects[name]["spec"]["rules"]
    number = draw(st.integers(0, len(rules) - 1))
    every = draw(st.sampled_from([[{}], [{"from": [{"source": {"notNamespaces": ["nobodys"]}}]}]]))
    only = {"to": [{"operation": {"ports": ["8443", "443", "13306", "5432"]}}]}
    return draw(
        st.sampled_from(
            [
                opens(
                    "everything is allowed in",
                    istio("AuthorizationPolicy", HOME, action="ALLOW", rules=every),
                ),
                opens(
                    "by port all is allowed in",
                    istio("AuthorizationPolicy", HOME, action="ALLOW", rules=[only]),
                ),
                opens(
                    f"{name}: rule {number} for every name",
                    at(name, ["spec", "rules", number, "when", 0], None),
                ),
                breaks(
                    "everything is refused", istio("AuthorizationPolicy", HOME, action="DENY", rules=[{}])
                ),
                breaks(
                    "some service decides",
                    istio("AuthorizationPolicy", HOME, action="CUSTOM", provider={"name": "a"}, rules=[{}]),
                ),
                breaks(f"{name} is gone", take(name)),
                breaks(f"{name}: rule {number} is gone", at(name, ["spec", "rules", number], None)),
            ]
        )
    )


def receivers_refuse(draw: Draw, stack: Stack) -> Change | None:
    """The team's own rules, or the way between the gateway and its pods, refuse what is received."""
    if not receiving(stack):
        return None
    reception = draw(st.sampled_from(receiving(stack)))
    _, routes = _routes(stack, f"{HOME}/virtualservice/{reception}")
    host = routes[0]["route"][0]["destination"]["host"]
    team = host.split(".")[1]
    boundary = f"{team}/networkpolicy/team-boundary"
    rule = next(
        number
        for number, rule in enumerate(stack.objects[boundary]["spec"]["ingress"])
        if HOME in str(rule.get("from"))
    )
    return draw(
        st.sampled_from(
            [
                breaks(f"{team} refuses all", istio("AuthorizationPolicy", team, action="DENY", rules=[{}])),
                breaks(
                    f"{team} refuses the gateway",
                    istio(
                        "AuthorizationPolicy",
                        team,
                        action="DENY",
                        rules=[{"from": [{"source": {"namespaces": [HOME]}}]}],
                    ),
                ),
                breaks(f"{team} allows nobody", istio("AuthorizationPolicy", team)),
                breaks(
                    f"the gateway speaks plainly to {host}",
                    istio("DestinationRule", HOME, host=host, trafficPolicy={"tls": {"mode": "DISABLE"}}),
                ),
                breaks(
                    f"{boundary} takes nothing from the gateway",
                    at(boundary, ["spec", "ingress", rule], None),
                ),
                breaks(f"{BOUNDARY} is gone", take(BOUNDARY)),
            ]
        )
    )


def policy_of_ingress(draw: Draw, stack: Stack) -> Change | None:
    """The gateway's pods take connections from elsewhere, or open some."""
    if not receiving(stack):
        return None
    selects = draw(st.sampled_from([{}, stack.objects[BOUNDARY]["spec"]["podSelector"]]))
    direction = draw(st.sampled_from(["Ingress", "Egress"]))
    block = {"ipBlock": {"cidr": draw(st.sampled_from(OUTSIDE))}}
    peer = draw(
        st.sampled_from(
            [
                block,
                {"namespaceSelector": labelled(draw(st.sampled_from(STRANGERS)))},
                {"namespaceSelector": {}},
            ]
        )
    )
    ports = some_ports(draw, *ODD_PORTS, 8443)
    return opens(
        f"pods of {HOME}, {direction} {peer} on {ports}",
        put(policy(draw, HOME, direction, peer, ports, selects)),
    )


def firewall_of_ingress(draw: Draw, stack: Stack) -> Change | None:
    """The network lets in whom nobody named, or keeps out who is named."""
    targets = draw(st.sampled_from(["application", *(["ingress"] if receiving(stack) else [])]))
    accounts = draw(st.sampled_from([{}, {"targetServiceAccounts": [stack.account(targets)]}]))
    rule = {"direction": "INGRESS", "priority": draw(st.sampled_from([0, 1, 999])), **accounts}
    if receiving(stack) and draw(st.booleans()):
        if targets != "ingress" and accounts:
            return None
        partners = stack.objects[BALANCER]["spec"]["loadBalancerSourceRanges"]
        cidr = draw(st.sampled_from([*partners, "0.0.0.0/0"]))
        return breaks(
            f"{cidr} is kept out", firewall(stack, sourceRanges=[cidr], denies=[{"protocol": "tcp"}], **rule)
        )
    ports = draw(st.sampled_from([None, [str(draw(st.sampled_from([22, 8443, 30001, *ODD_PORTS])))]]))
    what = {
        "protocol": draw(st.sampled_from(["tcp", "all"] if ports is None else ["tcp"])),
        **({"ports": ports} if ports else {}),
    }
    cidr = draw(st.sampled_from(OUTSIDE))
    return opens(
        f"nodes take {what} from {cidr}", firewall(stack, sourceRanges=[cidr], allows=[what], **rule)
    )


def inbound_that_changes_nothing(draw: Draw, stack: Stack) -> Change | None:
    if not receiving(stack):
        return None
    rules = stack.objects[BOUNDARY]["spec"]
    again = policy(draw, HOME, "Ingress", None, None, rules["podSelector"])
    again["spec"]["ingress"] = [draw(st.sampled_from(rules["ingress"]))]
    team = draw(st.sampled_from(stack.teams))
    other = [{"when": [{"key": "connection.sni", "values": ["nobodys.example"]}]}]
    kept_out = firewall(
        stack, direction="INGRESS", priority=1, sourceRanges=["203.0.113.0/24"], denies=[{"protocol": "all"}]
    )
    return draw(
        st.sampled_from(
            [
                nothing("a policy for what is taken already", put(again)),
                nothing(
                    "a denial of a name that nobody has",
                    istio("AuthorizationPolicy", HOME, action="DENY", rules=other),
                ),
                nothing("who is no partner is kept out", kept_out),
                nothing(
                    "a Service of the cluster's own",
                    thing("Service", "v1", team, spec={"selector": {"app": "b"}, "ports": [{"port": 8443}]}),
                ),
            ]
        )
    )


GENERATORS: tuple[Callable[[Draw, Stack], Change | None], ...] = (
    server_weaker,
    server_stricter,
    server_more,
    route_elsewhere,
    rule_of_ingress,
    receivers_refuse,
    policy_of_ingress,
    firewall_of_ingress,
    inbound_that_changes_nothing,
)
