"""What would let a refused flow out and nothing else: proposals, the narrowest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from egress.answers.hint_change import Path, Proposal, at, set_to, written
from egress.answers.hint_check import ACCOUNTS, PODS, REQUESTS, led_to, seen_path
from egress.answers.hints_raw_tcp import (
    ADDRESS,
    BY_NAME,
    RAW,
    UNREAD,
    as_written,
    fixed,
    no_name,
    outside_alone,
)
from egress.common.google_cloud import METADATA_ADDRESS
from egress.common.google_hosts import never_outside, served, short
from egress.common.hosts import patterns_above
from egress.common.ports import HTTP_PORT, HTTPS_PORT, listener
from egress.judge.layers.sidecar import is_address
from egress.judge.model.flow import Flow, Protocol
from egress.plan.model import Plan
from egress.proof.request_rules import rule_allows
from egress.settings.access import Access
from egress.settings.http import Http
from egress.settings.http_rule import METHODS, Rule
from egress.settings.tcp import Tcp
from egress.settings.teams import Team

METADATA_NAMES = (METADATA_ADDRESS, "metadata.google.internal")
STAND_IN = "the-host-behind-the-address.example"
"""Stands for the name of a host that was asked for by its address."""


def declared_entry(plan: Plan, flow: Flow) -> tuple[Path, Access | None]:
    """Where a team's entry for the host of a flow is, or would be, and the entry if there is one."""
    egress = plan.settings.teams[flow.namespace].egress
    key = next((name for name in (flow.host, *patterns_above(flow.host)) if name in egress), None)
    return ("teams", flow.namespace, "egress", key or flow.host), egress[key] if key else None


class Opening:
    """Proposals for one refused flow of an app."""

    def __init__(self, plan: Plan, flow: Flow) -> None:
        self._plan, self._flow = plan, flow
        self._team: Team = plan.settings.teams[flow.namespace]
        self._path: Path = ("teams", flow.namespace)
        self._entry_path, self._entry = declared_entry(plan, flow)

    def proposals(self) -> Iterator[Proposal]:
        """What may be a hint, in the order in which it is tried."""
        flow = self._flow
        if flow.protocol is Protocol.UDP or flow.host in METADATA_NAMES:
            return
        if to := led_to(flow):
            yield from self._neighbour(to)
        elif never_outside(flow.host):
            yield from self._google()
        elif is_address(flow.host):
            yield from self._address()
        elif self._entry is None:
            if served(flow.host):
                yield from self._google()
            yield from self._undeclared()
        else:
            if self._entry_path[-1] == self._flow.host:
                yield from self._beside(self._entry)
            if tcp := self._entry.ports.get(flow.port):
                yield from self._account_of_port(self._entry, tcp)
            yield from self._otherwise(self._entry)
            yield from self._accounts(self._entry)
            yield from self._requests(self._entry)

    def _neighbour(self, other: str) -> Iterator[Proposal]:
        if other not in self._plan.settings.teams or other == self._flow.namespace:
            return
        path = (*self._path, "reaches")
        says = (
            f"To allow it, add {other} to {at(path)}. That opens every port of {other}'s pods but their "
            "proxies' own."
        )
        yield Proposal(says, (set_to(path, [*self._team.reaches, other]),), admits=frozenset({PODS}))

    def _google(self) -> Iterator[Proposal]:
        host, google = self._flow.host, self._team.google_apis
        if google is None or served(host) is None:
            return
        api = short(host)
        named = [*google.hosts, host] if api is None else [*google.apis, api]
        path = (*self._path, "googleApis", "hosts" if api is None else "apis")
        asked = replace(self._flow, protocol=Protocol.TLS, port=HTTPS_PORT)
        yield Proposal(f"It is open by https: let the app say https://{self._flow.host}.", instead=asked)
        if asked == self._flow:
            says = (
                f"To allow it, add {api or host} to {at(path)}. It holds for every ServiceAccount; IAM "
                "decides behind it."
            )
            yield Proposal(says, (set_to(path, named),), admits=frozenset({ACCOUNTS}))

    def _address(self) -> Iterator[Proposal]:
        flow = self._flow
        if flow.protocol is Protocol.HTTP and flow.port == HTTP_PORT:
            return  # a request can say a name, and rules can ask about it
        if not ip_address(flow.host).is_global or ":" in flow.host:
            return
        egress = at((*self._path, "egress"))
        way = fixed(flow, flow.host)
        add = f"add to {egress} the name of the host that has this address, with {written(way)}."
        says = f"To allow it, {add}"
        if flow.port in (HTTP_PORT, HTTPS_PORT):
            says = (
                "An address carries no name that could be checked: declare the host with https: passthrough "
                f"and let the app ask for it by its name. If it cannot, {add} {UNREAD}"
            )
        yield Proposal(says, (set_to((*self._path, "egress", STAND_IN), way),), called=STAND_IN)

    def _undeclared(self) -> Iterator[Proposal]:
        way, more = self._way()
        if way:
            says = f"To allow it, add {at(self._entry_path)}: {written(way)}.{more}{self._others(way)}"
            yield Proposal(says, (set_to(self._entry_path, way),), admits=frozenset({ACCOUNTS}))
        if why := no_name(self._flow):
            way = fixed(self._flow, ADDRESS)
            says = (
                f"To allow it, add {at(self._entry_path)}: {written(way)}, with the host's own addresses in "
                f"place of {ADDRESS}. {why}"
            )
            yield Proposal(says, (set_to(self._entry_path, way),))

    def _way(self) -> tuple[dict[str, Any] | None, str]:
        """The narrowest entry that holds for the flow, and what to say of it."""
        flow = self._flow
        everybody = f" It holds for every ServiceAccount of {flow.namespace}."
        if flow.protocol is Protocol.HTTP and flow.port == HTTP_PORT:
            exact = self._exact()
            how = "It leaves the gateway as https." if exact else ""
            return ({"http": {"upgrade": "tls", **exact}}, f" {how}{everybody}") if exact else (None, "")
        if flow.protocol is Protocol.TLS and flow.port == HTTPS_PORT:
            return {"https": "passthrough"}, f"{everybody} What is inside the TLS nobody sees."
        if flow.port in (HTTP_PORT, HTTPS_PORT):
            return None, ""
        if flow.protocol is Protocol.TLS and not listener(flow.port):
            more = f"{everybody} {BY_NAME.format(port=flow.port)}"
            return {"https": "passthrough", "httpsPorts": [flow.port]}, more
        way = {"tcp": {"port": flow.port, "byName": True, "serviceAccounts": [flow.service_account]}}
        more = (RAW, BY_NAME.format(port=flow.port), outside_alone(self._plan, flow.namespace, flow.port))
        return way, f" {' '.join(filter(None, more))}"

    def _others(self, way: dict[str, Any]) -> str:
        """That other teams who declare the host lose a layer: what a gateway knows of a host is known to all
        who declare it."""
        kind, *_ = way
        teams = self._plan.settings.teams.items()
        entries = {
            name: team.egress[self._flow.host]
            for name, team in teams
            if self._flow.host in team.egress and name != self._flow.namespace
        }
        others = sorted(name for name, entry in entries.items() if getattr(entry, kind) is None)
        if not others:
            return ""
        named = ", ".join(others)
        return (
            f" The sidecars of {named} then know the host by {kind} as well, and the gateway alone "
            "refuses that to them."
        )

    def _keeps(self) -> bool:
        """Whether encoded slashes arrive at the host as they are sent."""
        return any(host.name == self._flow.host and host.keeps_slashes for host in self._plan.hosts)

    def _exact(self) -> dict[str, Any]:
        """A rule for just this request; empty: none can be written for it."""
        path = seen_path(self._flow.path, keeps=self._keeps())
        if (
            path is None
            or self._flow.method not in METHODS
            or self._flow.method == "CONNECT"
            or {"*", "{", "}"} & set(path)
        ):
            return {}
        return {"methods": [self._flow.method], "paths": [path]}

    def _otherwise(self, entry: Access) -> Iterator[Proposal]:
        """The same host in a way that is declared."""
        flow, host = self._flow, self._flow.host
        plain = replace(flow, protocol=Protocol.HTTP, port=HTTP_PORT)
        tls = replace(flow, protocol=Protocol.TLS, port=HTTPS_PORT, authority="")
        if entry.http and plain != flow:
            leaves = "" if entry.http.upgrade == "none" else "; it leaves the gateway as https"
            says = f"{at(self._entry_path)} is for http: let the app say http://{host}{flow.path}{leaves}."
            if flow.protocol is Protocol.TLS and entry.https is None:
                says += (
                    " https: passthrough beside it would let the app send anything, past methods and paths."
                )
            yield Proposal(says, instead=plain)
        if entry.https and tls != flow and not (entry.http and plain == flow):
            yield Proposal(
                f"{at(self._entry_path)} is for https: let the app say https://{host}.", instead=tls
            )
        alone = "alone" if entry.http is None and entry.https is None and len(entry.ports) == 1 else "as well"
        for port in entry.ports if flow.port not in entry.ports else ():
            says = f"{at(self._entry_path)} is for port {port} {alone}: let the app connect to {host}:{port}."
            yield Proposal(says, instead=replace(flow, protocol=Protocol.TCP, port=port, authority=""))

    def _accounts(self, entry: Access) -> Iterator[Proposal]:
        """The same way for one ServiceAccount more."""
        flow = self._flow
        lists: list[tuple[Path, list[str]]] = []
        if flow.protocol is Protocol.TLS and entry.service_accounts:
            lists.append((("serviceAccounts",), entry.service_accounts))
        if flow.protocol is Protocol.HTTP and entry.http:
            lists += [
                (path, rule.service_accounts)
                for path, rule in _rules(entry.http, "serviceAccounts")
                if rule.service_accounts
            ]
        for tail, accounts in lists:
            path = (*self._entry_path, *tail)
            known = " or ".join(accounts)
            says = (
                f"To allow it, add {flow.service_account} to {at(path)}. Or let the pod run as {known}."
                if flow.service_account not in accounts
                else ""
            )
            if says:
                edit = set_to(path, [*accounts, flow.service_account])
                yield Proposal(says, (edit,))
                if entry.http:
                    more = f"{says} That holds for all requests of the rule."
                    yield Proposal(more, (edit,), admits=frozenset({REQUESTS}))

    def _account_of_port(self, entry: Access, tcp: Tcp) -> Iterator[Proposal]:
        """Raw TCP to a port for one ServiceAccount more."""
        flow = self._flow
        if flow.service_account in tcp.service_accounts:
            return
        path = (*self._entry_path, "tcp")
        more = tcp.model_copy(update={"service_accounts": [*tcp.service_accounts, flow.service_account]})
        entries = [more if one is tcp else one for one in entry.tcp or ()]
        of_port = "" if len(entries) == 1 else f" of port {tcp.port}"
        says = (
            f"To allow it, add {flow.service_account} to {at((*path, 'serviceAccounts'))}{of_port}. Or let "
            f"the pod run as {' or '.join(tcp.service_accounts)}."
        )
        yield Proposal(says, (set_to(path, as_written(entries)),))

    def _beside(self, entry: Access) -> Iterator[Proposal]:
        """One way more to a declared host: raw TCP to another port of it, or http or https beside raw TCP."""
        way, more = self._way()
        if not way or self._flow.port in (*entry.ports, *entry.tls_ports):
            return
        kind, *_ = way
        said, path = way[kind], (*self._entry_path, kind)
        if kind == "https" and (entry.https or ("httpsPorts" in way and entry.http is None)):
            of_ports = (*self._entry_path, "httpsPorts")
            ports = sorted({*entry.tls_ports, self._flow.port})
            says = (
                f"To allow it, add {self._flow.port} to {at(of_ports)}, now {list(entry.tls_ports)}.{more}"
                if entry.https
                else f"To allow it, add to {at(self._entry_path)}: {written(way)}.{more}{self._others(way)}"
            )
            opened = () if entry.https else (set_to(path, said),)
            edits = (*opened, set_to(of_ports, ports))
            yield Proposal(says, edits, admits=frozenset({ACCOUNTS}))
            return
        if kind != "tcp":
            if entry.http is None and entry.https is None:
                says = f"To allow it, add {at(path)}: {written(said)}.{more}{self._others(way)}"
                yield Proposal(says, (set_to(path, said),), admits=frozenset({ACCOUNTS}))
            return
        if self._flow.protocol is Protocol.HTTP and (entry.http or entry.https):
            return
        known = [one.model_dump(mode="json", by_alias=True, exclude_unset=True) for one in entry.tcp or ()]
        to = f"to the list {at(path)}" if known else at(path)
        says = f"To allow it, add {to}: {written(way['tcp'])}.{more}"
        yield Proposal(says, (set_to(path, [*known, way["tcp"]] if known else way["tcp"]),))

    def _requests(self, entry: Access) -> Iterator[Proposal]:
        """A rule of the host made wide enough for one request more, or a rule of its own for it."""
        flow, exact = self._flow, self._exact()
        if (
            flow.protocol is not Protocol.HTTP
            or flow.port != HTTP_PORT
            or entry.http is None
            or not exact
            or flow.authority
        ):
            return
        for field, key in (("paths", exact["paths"][0]), ("methods", exact["methods"][0])):
            for path, rule in _rules(entry.http, field):
                values: list[str] | None = getattr(rule, field)
                if values and rule_allows(rule.model_copy(update={field: None}), flow):
                    where = (*self._entry_path, *path)
                    yield Proposal(
                        f"To allow it, add {written(key)} to {at(where)}.",
                        (set_to(where, [*values, key]),),
                        admits=frozenset({ACCOUNTS}) if rule.service_accounts is None else frozenset(),
                    )
        yield from self._rule(entry.http, exact)

    def _rule(self, http: Http, exact: dict[str, Any]) -> Iterator[Proposal]:
        named = {name for rule in http.rules.values() for name in rule.headers or {}}
        headers = {
            name: list(self._flow.request.values(name)) for name in sorted(named & self._flow.headers.keys())
        }
        limited = any(rule.service_accounts for rule in http.rules.values())
        rule = exact | ({"headers": headers} if headers else {})
        rule |= {"serviceAccounts": [self._flow.service_account]} if limited else {}
        path = (*self._entry_path, "http")
        admits = frozenset[str]() if limited else frozenset({ACCOUNTS})
        if http.allow is not None:
            name = next(
                name
                for name in ("asked", "asked-2", "asked-3", "asked-4", "asked-5")
                if name not in http.allow
            )
            where = (*path, "allow", name)
            yield Proposal(
                f"To allow it, add {at(where)}: {written(rule)}.", (set_to(where, rule),), admits=admits
            )
            return
        own = http.model_dump(mode="json", by_alias=True, exclude_unset=True)
        fields = {key: value for key, value in own.items() if key in _RULE_KEYS and value is not None}
        whole = {key: value for key, value in own.items() if key not in _RULE_KEYS} | {
            "allow": {"declared": fields, "asked": rule}
        }
        says = f"To allow it, write the rules of {at(path)} by name: {written({'allow': whole['allow']})}."
        yield Proposal(says, (set_to(path, whole),), admits=admits)


_RULE_KEYS = {field.alias or name for name, field in Rule.model_fields.items()}


def _rules(http: Http, field: str) -> Iterator[tuple[Path, Rule]]:
    """Each rule, with where one of its fields lies below the entry."""
    for name, rule in http.rules.items():
        yield ("http", "allow", name, field) if name else ("http", field), rule
