"""What the config declares about one flow: the only question that is answered from the plan and not from
objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from egress.common import names
from egress.common.google_cloud import METADATA_HOST, PRIVATE_ZONES
from egress.common.google_hosts import never_outside
from egress.common.hosts import domain_above, patterns_above
from egress.common.ports import HTTP_PORT, HTTPS_PORT
from egress.judge.model.equivalence import Requests
from egress.judge.model.flow import Flow, Protocol
from egress.judge.model.ip_ranges import Ranges, position
from egress.plan.gateway import EgressGateway
from egress.plan.host import Leaving, TlsNames, Use
from egress.plan.model import Plan
from egress.proof.address_intent import AddressIntent
from egress.proof.request_rules import Way, rule_allows
from egress.settings.dns import Undeclared
from egress.settings.fences import Fence, Rule
from egress.settings.security_model import SecurityModel
from egress.settings.tcp import Tcp
from egress.settings.upgrade import Upgrade

_OPENS = {Upgrade.NONE: "", Upgrade.TLS: "SIMPLE", Upgrade.MTLS: "MUTUAL"}


class Intent(AddressIntent):
    """The plan's declarations, found by team and host."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._teams = {team.name: team for team in plan.teams}
        self._uses = {team.name: {way.host.name: way.use for way in team.ways} for team in plan.teams}
        self._hosts = {team.name: {way.host.name: way.host for way in team.ways} for team in plan.teams}
        self._apis = {team.name: frozenset(team.google_hosts) for team in plan.teams}
        self._reaches = {team.name: frozenset(team.settings.reaches) for team in plan.teams}

    @property
    def gateways(self) -> set[str]:
        """Namespaces of the egress gateways."""
        return {gateway.namespace for gateway in self._plan.gateways}

    @property
    def late_gateways(self) -> list[str]:
        """Namespaces of the gateways that know who calls before they connect outside."""
        return [gateway.namespace for gateway in self._plan.gateways if self._plan.connects_late(gateway)]

    @property
    def platform_namespaces(self) -> set[str]:
        """Those of the control plane and of every gateway."""
        ingress = {names.INGRESS_NAMESPACE} if self._plan.receptions else set[str]()
        return self.gateways | ingress | {names.MESH_NAMESPACE}

    def gateway_in(self, namespace: str) -> EgressGateway | None:
        """The egress gateway of a namespace."""
        return next((gateway for gateway in self._plan.gateways if gateway.namespace == namespace), None)

    def gateway_on(self, nodes: str) -> EgressGateway | None:
        """The egress gateway that a kind of node is for."""
        return next((gateway for gateway in self._plan.gateways if gateway.nodes == nodes), None)

    def may_be_partner(self, address: str) -> bool:
        """Whether connections from an address, or from the internet if it is none, may be those of somebody
        who is received."""
        ingress = self._plan.settings.ingress
        ranges = ingress.source_ranges.values() if ingress else ()
        return not address or position(address) in Ranges.of(map(str, ranges))

    def received_ports(self, team: str) -> tuple[int, ...]:
        """TCP ports of a team's pods that partners are led to."""
        return self._teams[team].received_ports

    def uses_gateway(self, team: str, namespace: str) -> bool:
        """Whether a team's flows go through the gateway in a namespace."""
        found = self._teams[team]
        return bool(found.gateway_ways) and found.gateway.namespace == namespace

    def opened(self, team: str) -> tuple[int, ...]:
        """TCP ports on which the config lets a team's pods leave past any gateway, to wherever they like."""
        return self._plan.leaves_on(self._teams[team])

    @property
    def opened_nodes(self) -> tuple[int, ...]:
        """TCP ports on which the config lets application nodes leave, so that NetworkPolicies alone hold
        other teams there."""
        return self._plan.application_ports

    def is_open(self, team: str) -> bool:
        """Whether the team's sidecars let through what they do not know."""
        return self._teams[team].model is SecurityModel.OPEN

    def keeps(self, namespace: str, rule: Rule) -> bool:
        """Whether a rule of admission refuses things in a namespace, a team's or not."""
        fences = self._plan.settings.fences
        return fences.deciding and rule not in fences.excepted(namespace)

    def keeps_pods_confined(self, team: str) -> bool:
        """Whether no exemption of the team asks for pods that are more than restricted."""
        fences = self._plan.settings.fences
        return fences.deciding and not fences.excepted(team)

    @property
    def refuses_unknown_names(self) -> bool:
        return self._plan.settings.network.dns.undeclared_names is Undeclared.REFUSE

    def may_resolve(self, name: str) -> bool:
        """Whether the config lets a name be looked up: Google's and the metadata server's, what is declared
        and what lies below it, and what it opens."""
        own = name == METADATA_HOST or name in self._own_google_zones
        return own or domain_above(name, self._resolving) is not None

    def is_declared(self, name: str) -> bool:
        """Whether a team declared a name, or a pattern above it, or the config has it resolved besides; and
        the config does not say that others of this network answer it."""
        elsewhere = self._plan.settings.network.dns.answered_elsewhere
        wanted = self._declared | self.also_resolved
        declared = any(one in wanted for one in (name, *patterns_above(name)))
        return declared and domain_above(name, elsewhere) is None

    @cached_property
    def _declared(self) -> frozenset[str]:
        """Hosts and patterns of every team."""
        return frozenset(host for of in self._hosts.values() for host in of)

    @cached_property
    def also_resolved(self) -> frozenset[str]:
        """Names and patterns that resolve although no team declares them."""
        return frozenset(self._plan.settings.network.dns.also_resolved)

    @property
    def resolving_network(self) -> str:
        """The network in whose place declared names are asked for."""
        return self._plan.settings.google_names.resolving_network

    @cached_property
    def _resolving(self) -> frozenset[str]:
        dns = self._plan.settings.network.dns
        declared = {host.removeprefix("*.") for of in self._hosts.values() for host in of}
        opened = {name.removeprefix("*.") for name in (*dns.also_resolved, *dns.answered_elsewhere)}
        return frozenset({*PRIVATE_ZONES, *declared, *opened})

    def puts_up(self, fence: Fence) -> bool:
        return self._plan.settings.fences.up(fence)

    @property
    def least_tls(self) -> str:
        """Version of TLS that proxies open to the outside at least, in Istio's word."""
        return self._plan.settings.mesh.min_tls_version.istio_name

    @property
    def callers(self) -> frozenset[str]:
        """Namespaces that call Services of other namespaces."""
        ingress = {names.INGRESS_NAMESPACE} if self._plan.receptions else set[str]()
        return frozenset({team for team, reached in self._reaches.items() if reached} | ingress)

    @property
    def teams(self) -> list[str]:
        return list(self._uses)

    def hosts(self, team: str) -> Iterator[str]:
        """Hosts and patterns that a team declared."""
        return iter(self._uses.get(team, {}))

    def ports(self, host: str) -> set[tuple[int, Protocol]]:
        """Ports by which teams declared a host, beside those of http and https."""
        return self._ports.get(host, set())

    @cached_property
    def _ports(self) -> dict[str, set[tuple[int, Protocol]]]:
        found: dict[str, set[tuple[int, Protocol]]] = {}
        for of in self._uses.values():
            for host, use in of.items():
                ports = found.setdefault(host, set())
                ports.update((entry.port, Protocol.TCP) for entry in use.tcp)
                ports.update((port, Protocol.TLS) for port in use.tls_ports)
        return found

    def apis(self, team: str) -> set[str]:
        """Names of Google's hosts that a team's apps are to know."""
        return set(self._apis.get(team, ()))

    def declares(self, team: str, host: str) -> bool:
        """Whether a team declared any way to a host."""
        return any(True for _ in self._of(team, host)) or self.is_api(team, host)

    def allows(self, flow: Flow) -> bool:
        """Whether the team declared exactly this, for its app and through the gateway."""
        if flow.to:
            return (
                flow.to.namespace in self._reaches.get(flow.namespace, ())
                or flow.to.namespace == flow.namespace
            )
        if self.is_api(flow.namespace, flow.host):
            return flow.protocol is Protocol.TLS and flow.port == HTTPS_PORT
        if any(
            self._use_allows(use, flow)
            for use in self._of(flow.namespace, flow.host)
            if not flow.authority or any(entry.port == flow.port for entry in use.tcp)
        ):
            return True
        if not flow.authority:
            return False
        # Another name in the Host header is where the request goes, if it is that name and no more than the
        # port beside it.
        named = replace(flow, host=flow.addressed, authority="")
        as_named = flow.authority.lower() in (named.host, f"{named.host}:{HTTP_PORT}")
        return as_named and any(
            self._use_allows(use, named) for use in self._of(flow.namespace, named.host) if use.http
        )

    def is_api(self, team: str, host: str) -> bool:
        """Whether a name is that of a host of Google's that the team uses, which IAM guards and not the
        gateway."""
        return host in self._apis.get(team, ())

    def is_googles(self, host: str) -> bool:
        """Whether private zones are to make a name Google's: that of its domains, or of a host that some
        team names."""
        return never_outside(host) or host in self._own_google_zones

    @cached_property
    def _own_google_zones(self) -> frozenset[str]:
        return frozenset(self._plan.own_google_zones)

    def uses_google(self, team: str) -> bool:
        """Whether the team's pods may connect to Google's APIs and to the metadata server at all."""
        return team in self._google or not self._plan.in_cluster_mesh

    def asks_metadata(self, team: str) -> bool:
        """Whether the team's apps are to know the metadata server, which hands out their Google identity."""
        return team in self._google

    def reaches(self, team: str) -> frozenset[str]:
        return self._reaches.get(team, frozenset())

    def leaves(self, team: str, host: str, protocol: Protocol, port: int) -> tuple[int, str] | None:
        """Port and TLS (SIMPLE, MUTUAL, none) by which a team's host is to be reached for what apps speak to
        a port of it; None: not at all."""
        if tcp := self._tcp(team, host, port):
            return tcp.leaves_on, _OPENS[tcp.upgrade]
        for name in (host, *patterns_above(host)):
            found = self._hosts.get(team, {}).get(name)
            if found is None:
                continue
            if protocol is Protocol.HTTP and found.leaving:
                return found.leaving.leaves_on, _OPENS[found.leaving.upgrade]
            if protocol is Protocol.TLS and port in found.tls_ports:
                return port, ""
        return None

    def _tcp(self, team: str, host: str, port: int) -> Tcp | None:
        """A team's raw TCP to a port of a host."""
        use = self._uses.get(team, {}).get(host)
        return next((entry for entry in use.tcp if entry.port == port), None) if use else None

    def trusts(self, team: str, host: str, protocol: Protocol, port: int) -> str:
        """Whose certificates are taken of a team's host: `system`, or the Secret that is named. Empty: no TLS
        is opened."""
        how = self._spoken(team, host, protocol, port)
        return (how.credential or how.ca or "system") if how and _OPENS[how.upgrade] else ""

    def _spoken(self, team: str, host: str, protocol: Protocol, port: int) -> Leaving | Tcp | None:
        """How what apps speak to a port of a host is treated at the gateway."""
        if tcp := self._tcp(team, host, port):
            return tcp
        found = self._hosts.get(team, {}).get(host)
        return found.leaving if found and protocol is Protocol.HTTP else None

    def certificate(self, team: str, host: str, protocol: Protocol, port: int) -> tuple[str, tuple[str, ...]]:
        """The server name that is sent to a team's host where TLS is opened, and the names of which its
        certificate has to have one."""
        how = self._spoken(team, host, protocol, port)
        called = (how.names if isinstance(how, Leaving) else TlsNames.of(how)) if how else TlsNames()
        return called.sent(host), tuple(sorted(called.accepted(host)))

    def read(self, team: str, host: str) -> Way:
        """How the proxies on a team's way to a host read paths."""
        found = self._hosts.get(team, {}).get(host)
        if found is None:
            return Way()
        return Way(self.keeps_slashes(team), found.keeps_slashes, self._plan.guards(found))

    def keeps_slashes(self, team: str) -> bool:
        """Whether the team's sidecars have to send encoded slashes on as they are."""
        return team in self._teams and self._teams[team].keeps_slashes

    def speaks_http10(self, team: str) -> bool:
        """Whether the team's sidecars have to take HTTP/1.0 from apps."""
        return team in self._teams and self._teams[team].settings.http10

    def kept(self, namespace: str) -> list[str]:
        """Hosts of the gateway in a namespace at which encoded slashes are to arrive as they were sent."""
        gateway = self.gateway_in(namespace)
        return [host.name for host in gateway.hosts if host.keeps_slashes] if gateway else []

    def guarded(self, namespace: str) -> list[str]:
        """Hosts of the gateway in a namespace of which it has to refuse paths that could mean others to
        them."""
        gateway = self.gateway_in(namespace)
        return [host.name for host in gateway.hosts if self._plan.guards(host)] if gateway else []

    def requests(self, team: str, host: str) -> Requests:
        """What the team's rules for a host tell apart."""
        found = Requests()
        for use in self._of(team, host):
            for rule in use.http.rules.values() if use.http else ():
                headers = frozenset(
                    (name, value) for name, values in (rule.headers or {}).items() for value in values
                )
                found |= Requests(frozenset(rule.methods or ()), frozenset(rule.paths or ()), headers)
        return found

    def accounts(self, team: str, host: str) -> frozenset[str]:
        """Service accounts that the team's declarations for a host name."""
        found: set[str] = set()
        for use in self._of(team, host):
            found.update(use.passthrough_accounts)
            found.update(account for entry in use.tcp for account in entry.service_accounts)
            for rule in use.http.rules.values() if use.http else ():
                found.update(rule.service_accounts or ())
        return frozenset(found)

    def _of(self, team: str, host: str) -> Iterator[Use]:
        uses = self._uses.get(team, {})
        for name in (host, *patterns_above(host)):
            if name in uses:
                yield uses[name]

    def _use_allows(self, use: Use, flow: Flow) -> bool:
        if use.http and flow.protocol is Protocol.HTTP and flow.port == HTTP_PORT:
            way = self.read(flow.namespace, flow.host)
            return any(rule_allows(rule, flow, way) for rule in use.http.rules.values())
        if flow.protocol is Protocol.TLS and flow.port in use.tls_ports:
            return not use.passthrough_accounts or flow.service_account in use.passthrough_accounts
        # What the bytes say is all one: HTTP and TLS on such a port are raw TCP like any other.
        ports = [entry for entry in use.tcp if entry.port == flow.port and flow.protocol.transport == "TCP"]
        return any(flow.service_account in entry.service_accounts for entry in ports)
