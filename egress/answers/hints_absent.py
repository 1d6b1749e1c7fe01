"""Why there is no hint for a refused flow: what to say where no proposal opens it and nothing else."""

from __future__ import annotations

from ipaddress import ip_address

from egress.answers.hint_change import Path, at
from egress.answers.hint_check import led_to, seen_path
from egress.answers.hints_opening import METADATA_NAMES, declared_entry
from egress.common import google_hosts
from egress.common.google_hosts import never_outside
from egress.common.hosts import HostError, google_word, normalise
from egress.common.normal_form import ambiguous
from egress.common.ports import HTTP_PORT, HTTPS_PORT, PROXY_PORTS
from egress.judge.layers.sidecar import is_address
from egress.judge.model.flow import Flow, Protocol
from egress.plan.model import Plan
from egress.settings.access import Access
from egress.settings.teams import Team

_OF_PROXIES = (
    "The mesh's own proxies use port {port}, and no entry takes it: let the app connect to another port."
)


class NoOpening:
    """Why one refused flow of an app has no hint."""

    def __init__(self, plan: Plan, flow: Flow) -> None:
        self._plan, self._flow = plan, flow
        self._team: Team = plan.settings.teams[flow.namespace]
        self._path: Path = ("teams", flow.namespace)
        self._entry_path, self._entry = declared_entry(plan, flow)

    def in_words(self) -> str:
        """Why there is no hint: whole sentences, and nothing to copy."""
        flow, host = self._flow, self._flow.host
        if flow.protocol is Protocol.UDP:
            return "UDP is never let out, and no setting lets it."
        if host in METADATA_NAMES:
            return (
                "It hands out Google identities, to teams with googleApis; "
                f"{at((*self._path, 'googleApis'))} is not there."
            )
        if to := led_to(flow):
            return self._neighbour_words(to)
        if never_outside(host):
            return self._googles_words()
        if is_address(host):
            return _of_address(host, flow.port)
        if self._entry is None:
            return self._undeclared_words()
        return self._declared_words(self._entry)

    def _googles_words(self) -> str:
        host = self._flow.host
        try:
            google_hosts.normalise(host)
        except HostError as error:
            return f"{error.consequence} {error.fix}"
        return (
            "Google's hosts are asked for by https, on port 443, by teams with service accounts in "
            f"{at((*self._path, 'googleApis'))}. There, {google_word(host)} beside serviceAccounts names "
            "this one."
        )

    def _neighbour_words(self, other: str) -> str:
        if other not in self._plan.settings.teams:
            return f"This is a Service of {other}, which is no team's; no entry opens one."
        if other == self._flow.namespace or other in self._team.reaches:
            return (
                f"Pods of {other} are open to {self._flow.namespace}, and the Service does not read this "
                "on this port."
            )
        return (
            f"Pods of {other} are open to teams whose `reaches` names it, on the ports that their "
            "Services have."
        )

    def _undeclared_words(self) -> str:
        flow, host = self._flow, self._flow.host
        namespace = host.removesuffix(".svc").rpartition(".")[2]
        if namespace in (
            "default",
            "kube-system",
            "istio-system",
            *(gateway.namespace for gateway in self._plan.gateways),
        ):
            return f"This is the name of a Service of {namespace}, which is no team's; no entry opens one."
        try:
            normalise(host)
        except HostError as error:
            return f"{error.consequence} {error.fix}"
        if flow.protocol is not Protocol.HTTP and flow.port == HTTP_PORT:
            return (
                f"{host} is not declared, and on port 80 the proxies read HTTP: what is none leaves there "
                "as raw TCP to addresses that are named, and to nothing else."
            )
        if flow.protocol is not Protocol.TLS and flow.port == HTTPS_PORT:
            return (
                f"{host} is not declared, and on port 443 the proxies read TLS: what is none leaves there "
                "as raw TCP to addresses that are named, and to nothing else."
            )
        if flow.port in PROXY_PORTS:
            return (
                f"{_OF_PROXIES.format(port=flow.port)} If the host has no other, declare tcp with it as "
                "outsidePort."
            )
        return (
            f"{host} is not declared for {flow.namespace}. No entry was found that opens this and nothing "
            "else; how hosts are "
            "declared is in docs/config.md."
        )

    def _declared_words(self, entry: Access) -> str:
        flow = self._flow
        entry_at = at(self._entry_path)
        if flow.authority:
            return (
                f"The Host header says {flow.authority}; {entry_at} holds for its name alone, with no "
                "port but 80 beside it."
            )
        if flow.protocol is Protocol.TLS and entry.http and entry.https is None:
            return (
                f"{entry_at} is for http: the app has to say http://{flow.host}, and its rules do not allow "
                f"{flow.method} "
                f"{flow.path}. https: passthrough beside it would let the app send anything, past methods "
                "and paths."
            )
        if entry.tcp and flow.port in PROXY_PORTS:
            return f"{_OF_PROXIES.format(port=flow.port)} {entry_at} is for {_ports(entry)}."
        if entry.tcp and entry.http is None and entry.https is None:
            return f"{entry_at} is for TCP on {_ports(entry)}, and for nothing else."
        if flow.protocol is Protocol.HTTP and flow.port != HTTP_PORT and entry.http and entry.https is None:
            return (
                f"{entry_at} is for http on port {HTTP_PORT}, and its rules do not allow {flow.method} "
                f"{flow.path} there either."
            )
        if flow.protocol is Protocol.HTTP and seen_path(flow.path) is None:
            return "The proxies take no request with this path."
        if flow.protocol is Protocol.HTTP and ambiguous(seen_path(flow.path, keeps=True) or ""):
            return (
                "No rule opens it: a host that decodes what the proxies did not may read `..` in this path, "
                "and so another path than the rule. Write a path without it, or give the path whole, in a "
                f"host entry whose rules leave no part open; {entry_at} leaves some."
            )
        return (
            f"{entry_at} does not hold for it. No change was found that opens this and nothing else; it "
            f"is in {entry_at} to say."
        )


def _ports(entry: Access) -> str:
    ports = sorted(entry.ports)
    return f"port {ports[0]}" if len(ports) == 1 else f"ports {', '.join(map(str, ports))}"


def _of_address(host: str, port: int) -> str:
    address = ip_address(host)
    if address.version == 6:
        return "IPv6 is not let out, and no setting lets it."
    if not address.is_global:
        return (
            "This address is not one of the internet. Raw TCP to it needs its range in "
            "fences.privateAddresses, and an entry that names it."
        )
    if port in PROXY_PORTS:
        return _OF_PROXIES.format(port=port)
    return (
        "An address carries no name that could be checked: declare the host and let the app ask for it "
        "by "
        "its name."
    )
