"""Random AuthorizationPolicies, each with what it does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from egress.common.ports import GATEWAY_HTTP
from tests.fuzz.added.mesh import ROOT, istio, pods_of, serves
from tests.fuzz.added.stacks import Change, Json, Stack, at, breaks, nothing, opens, take

Draw = st.DrawFn


def _foreign(stack: Stack, gateway: str) -> list[tuple[str, str]]:
    """A team, and a host of plain HTTP that the gateway serves and that is another's."""
    served = stack.objects[f"{gateway}/gateway/egress-gateway"]["spec"] if serves(stack, gateway) else {}
    if not served:
        return []
    own = {team for team in stack.closed if stack.intent.uses_gateway(team, gateway)}
    every = {(team, host) for team in own for host in stack.of_http(team)}
    return sorted((team, host) for team in own for _, host in every if host not in stack.hosts(team))


def source_of(draw: Draw, team: str, account: str = "any") -> Json:
    """A source that means at least one account of a team."""
    return draw(
        st.sampled_from(
            [
                {"namespaces": [team]},
                {"namespaces": [f"{team[:-1]}*"]},
                {"namespaces": ["elsewhere", team]},
                {"principals": [f"cluster.local/ns/{team}/sa/{account}"]},
                {"principals": [f"*/ns/{team}/sa/{account}"]},
                {"principals": [f"*/sa/{account}"]},
                {"principals": [f"cluster.local/ns/{team}/*"]},
                {"principals": ["*"]},
                {"notPrincipals": ["cluster.local/ns/elsewhere/sa/a"]},
                {"notNamespaces": ["elsewhere"]},
                {"serviceAccounts": [f"{team}/{account}"]},
                {},
            ]
        )
    )


def rule_allowed(draw: Draw, stack: Stack) -> Change | None:
    """Another team's host is allowed to a team."""
    gateway = draw(st.sampled_from(stack.gateways)) if stack.gateways else ""
    foreign = _foreign(stack, gateway)
    if not foreign:
        return None
    team, host = draw(st.sampled_from(foreign))
    source = source_of(draw, team)
    to = draw(
        st.sampled_from(
            [
                None,
                {"hosts": [host]},
                {"hosts": [f"{host}:80"]},
                {"hosts": [host], "notPaths": ["/"]},
                {"hosts": [host], "notMethods": ["GET"]},
                {"hosts": [f"*{host[1:]}"]},
                {"hosts": [f"{host[:-2]}*"]},
                {"hosts": [f"*.{host.partition('.')[2]}"]},
                {"hosts": [f"{host.partition('.')[0]}*"]},
                {"hosts": [f"*.{host.partition('.')[2]}:80"]},
                {"hosts": ["*:80"]},
                {"hosts": [host], "paths": ["/a/*"]},
                {"hosts": [host], "methods": ["DELETE"]},
                {"notHosts": ["elsewhere.example"]},
                {"ports": [str(GATEWAY_HTTP)]},
            ]
        )
    )
    when = draw(
        st.sampled_from(
            [
                None,
                [{"key": "destination.port", "values": [str(GATEWAY_HTTP)]}],
                [{"key": "request.headers[x-a]", "values": ["b"]}],
                [{"key": "request.headers[x-a]", "notValues": ["b"]}],
                [{"key": "destination.ip", "values": ["10.0.0.0/8"]}],
                [{"key": "source.namespace", "values": [team]}],
                [{"key": "experimental.a", "values": ["b"]}],
            ]
        )
    )
    rule = {
        **({"from": [{"source": source}]} if source else {}),
        **({"to": [{"operation": to}]} if to else {}),
    }
    rule |= {"when": when} if when else {}
    namespace = draw(st.sampled_from([gateway, gateway, ROOT]))
    selector = {"selector": pods_of(stack, gateway)} if namespace == gateway and draw(st.booleans()) else {}
    return opens(
        f"{team} may ask {gateway} for {host}: {rule}",
        istio("AuthorizationPolicy", namespace, action="ALLOW", rules=[rule], **selector),
    )


def rule_denied(draw: Draw, stack: Stack) -> Change | None:
    """What a team declared is refused, to some of its accounts at least."""
    teams = [team for team in stack.closed if stack.of_http(team)]
    if not teams or not stack.in_cluster:
        return None
    team = draw(st.sampled_from(teams))
    gateway = next(name for name in stack.gateways if stack.intent.uses_gateway(team, name))
    host = draw(st.sampled_from(stack.of_http(team)))
    rules = stack.team(team)["egress"][host]["http"]
    accounts = rules.get("serviceAccounts") or [
        of for one in (rules.get("allow") or {}).values() for of in one.get("serviceAccounts", ())
    ]
    source = source_of(draw, team, accounts[0] if accounts else "any")
    to = draw(
        st.sampled_from(
            [
                None,
                {"hosts": [host]},
                {"hosts": [f"*{host[2:]}"]},
                {"hosts": ["*"]},
                {"ports": [str(GATEWAY_HTTP)]},
            ]
        )
    )
    rule = {
        **({"from": [{"source": source}]} if source else {}),
        **({"to": [{"operation": to}]} if to else {}),
    }
    action = draw(st.sampled_from(["DENY", "DENY", "CUSTOM"]))
    namespace = draw(st.sampled_from([gateway, gateway, ROOT]))
    provider = {"provider": {"name": "somebodys"}} if action == "CUSTOM" else {}
    policy = istio("AuthorizationPolicy", namespace, action=action, rules=[rule], **provider)
    return breaks(f"{action} for {team} at {host}: {rule}", policy)


def rule_for_neighbours(draw: Draw, stack: Stack) -> Change | None:
    """A team that others reach takes no calls any more."""
    reached = sorted({other for team in stack.closed for other in stack.reaches(team)})
    if not reached or not stack.in_cluster:
        return None
    team = draw(st.sampled_from(reached))
    caller = next(one for one in stack.closed if team in stack.reaches(one))
    spec = draw(
        st.sampled_from(
            [
                {"action": "DENY", "rules": [{}]},
                {"action": "DENY", "rules": [{"from": [{"source": {"namespaces": [caller]}}]}]},
                {"action": "DENY", "rules": [{"to": [{"operation": {"ports": ["8080"]}}]}]},
                {"action": "ALLOW", "rules": [{"from": [{"source": {"namespaces": [team]}}]}]},
                {"action": "ALLOW"},
            ]
        )
    )
    return breaks(f"{team} refuses {caller}: {spec}", istio("AuthorizationPolicy", team, **spec))


def rule_widened(draw: Draw, stack: Stack) -> Change | None:
    """A rendered rule without one of its conditions."""
    found: list[tuple[str, list[Any]]] = []
    for name in stack.kinds("AuthorizationPolicy"):
        gateway = name.split("/")[0]
        for number, rule in enumerate(stack.objects[name]["spec"].get("rules") or ()):
            if gateway not in stack.gateways or "hosts" not in json.dumps(rule):
                continue
            path = ["spec", "rules", number]
            for place, to in enumerate(rule.get("to") or ()):
                found += [
                    (name, [*path, "to", place, "operation", key])
                    for key in ("paths", "methods")
                    if key in to["operation"]
                ]
            found += [
                (name, [*path, "when", place])
                for place, when in enumerate(rule.get("when") or ())
                if when["key"].startswith("request.headers")
            ]
            if _foreign(stack, gateway):
                found.append((name, [*path, "from"]))
    if not found:
        return None
    name, path = draw(st.sampled_from(found))
    if path[-1] == "from" and not any(
        host in json.dumps(stack.objects[name]["spec"]["rules"][path[2]])
        for _, host in _foreign(stack, name.split("/")[0])
    ):
        return None
    rules = stack.objects[name]["spec"]["rules"]
    if path[-1] != "from" and any(
        _passes_all_of(other, rules[path[2]]) for number, other in enumerate(rules) if number != path[2]
    ):
        return nothing(f"{name} without {path}, and another rule passes everything", at(name, path, None))
    return opens(f"{name} without {path}", at(name, path, None))


def _passes_all_of(wide: Json, narrow: Json) -> bool:
    """Whether a rule of the same team passes every request to the hosts of another, from any of its pods."""
    anybody = all(set(one["source"]) == {"namespaces"} for one in wide.get("from") or ())
    everything = [to["operation"] for to in wide.get("to") or ()]
    hosts = [to["operation"].get("hosts") for to in narrow["to"]]
    ports = [when for when in narrow.get("when") or () if when["key"] == "destination.port"]
    return anybody and wide.get("when") == ports and everything == [{"hosts": of} for of in hosts]


def rule_gone(draw: Draw, stack: Stack) -> Change | None:
    names = [name for name in stack.kinds("AuthorizationPolicy") if "/egress-" in name]
    return breaks("a team's rules are gone", take(draw(st.sampled_from(names)))) if names else None


def rules_that_change_nothing(draw: Draw, stack: Stack) -> Change | None:
    names = [
        name
        for name in stack.kinds("AuthorizationPolicy")
        if name.split("/")[0] in stack.gateways and "/egress-" in name
    ]
    if not names or not stack.in_cluster:
        return None
    name = draw(st.sampled_from(names))
    spec = dict(stack.objects[name]["spec"])
    gateway = name.split("/")[0]
    how = draw(st.sampled_from(["again", "one", "audit", "nobody", "elsewhere"]))
    if how == "one":
        spec["rules"] = [draw(st.sampled_from(spec["rules"]))]
    if how == "audit":
        spec = {"action": "AUDIT", "rules": [{}]}
    if how == "nobody":
        spec = {
            "action": "DENY",
            "rules": [{"from": [{"source": {"namespaces": ["nobodys"]}}]}],
            "selector": spec["selector"],
        }
    namespace = "nobodys" if how == "elsewhere" else gateway
    return nothing(f"a rule more, {how}", istio("AuthorizationPolicy", namespace, **spec))


GENERATORS: tuple[Callable[[Draw, Stack], Change | None], ...] = (
    rule_allowed,
    rule_denied,
    rule_for_neighbours,
    rule_widened,
    rule_gone,
    rules_that_change_nothing,
)
