"""The flows to ask about for a team so that every flow is answered: hosts, ports and callers that some object
tells apart.

Hosts that no object names for a team are one class for each shape (ports, protocols, addresses) that exists;
names that nobody declared are one class; so are addresses. A question about one member answers for all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from egress.common.names import meant_by
from egress.judge.lookup.host_shapes import HostShapes, concrete
from egress.judge.lookup.service_registry import ROOT_NAMESPACE, Registry
from egress.judge.model.equivalence import Requests
from egress.judge.model.flow import Protocol, without_port
from egress.judge.model.snapshot import Snapshot, listed, part
from egress.judge.model.text_patterns import text_matches

OTHER_HOST = "undeclared.example"
"""Stands for every name that nobody declared."""
OTHER_ADDRESS = "198.51.100.77"
"""Stands for every address outside that nobody declared; RFC 5737 keeps it free."""
OTHER_PORT = 6667
"""Stands for every port that no object names."""
_PROTOCOLS = {"HTTP": Protocol.HTTP, "TLS": Protocol.TLS, "TCP": Protocol.TCP, "AUTO": Protocol.HTTP}


@dataclass(frozen=True)
class Allowance:
    """One rule of an AuthorizationPolicy about a team's requests to a host. Empty: it does not ask."""

    methods: tuple[str, ...]
    paths: tuple[str, ...]
    headers: tuple[tuple[str, tuple[str, ...]], ...]
    accounts: frozenset[str]


class Space:
    """What objects tell apart."""

    def __init__(self, snapshot: Snapshot, registry: Registry) -> None:
        self._registry = registry
        self._exported: dict[str, dict[str, None]] = {}
        self._outer = dict(_outer_names(registry))
        self._shapes = HostShapes(registry, self._outer)
        self._numbers: dict[str, set[int]] = {}
        for host, destinations in registry.destinations.items():
            for destination in destinations:
                if destination.inside or any(address.startswith("127.") for address in destination.endpoints):
                    continue
                for namespace in destination.exported:
                    self._exported.setdefault(namespace, {})[meant_by(host)] = None
                    self._numbers.setdefault(namespace, set()).update(destination.ports)
                self._shapes.add(destination)
        for host, rules in registry.virtual_services.items():
            for rule in rules:
                for namespace in rule.exported:
                    self._exported.setdefault(namespace, {})[meant_by(host)] = None
        self._requests: dict[str, dict[str, Requests]] = {}
        self._accounts: dict[str, dict[str, set[str]]] = {}
        self._names: dict[str, dict[str, None]] = {}
        self._patterns: dict[str, dict[tuple[str, str], None]] = {}
        self._forms: dict[str, dict[tuple[str, str], None]] = {}
        self._allowances: dict[tuple[str, str], dict[Allowance, None]] = {}
        self._authorities: dict[tuple[str, str], dict[str, None]] = {}
        for manifest in snapshot.kind("AuthorizationPolicy"):
            for rule in listed(manifest, "spec", "rules"):
                self._rule(rule, manifest["metadata"]["namespace"])
        for manifest in snapshot.kind("Gateway"):
            for server in listed(manifest, "spec", "servers"):
                for san in listed(server, "tls", "subjectAltNames"):
                    self._account(san, server["hosts"], manifest["metadata"]["namespace"])

    def hosts(self, team: str) -> list[str]:
        """Outside hosts that some object names for a team, sorted; of each pattern a name below it, and one
        of each shape that exists there."""
        found = {
            host
            for of in (self._exported, self._names)
            for caller in (team, "*")
            for host in of.get(caller, ())
        }
        named = {
            concrete(host)
            for host in found
            if host not in self._outer and host != "*" and not host.endswith(".local")
        }
        patterns = dict.fromkeys((host, ROOT_NAMESPACE) for host in sorted(found) if host.startswith("*."))
        for caller in (team, "*"):
            patterns |= self._patterns.get(caller, {})
        told = tuple(sorted({pattern for pattern, _ in patterns}))
        for pattern, namespace in patterns:
            named.update(self._shapes.meant(pattern, namespace, told, named))
        return sorted(named)

    @property
    def outside(self) -> Iterator[str]:
        """Every outside host and pattern that the mesh knows."""
        inner = {host for host in self._outer if meant_by(host) == host}
        for host, destinations in self._registry.destinations.items():
            if host not in inner and not all(destination.inside for destination in destinations):
                yield meant_by(host)

    def others(self, mine: set[str]) -> Iterator[str]:
        """One host of each shape that exists and that is not among a team's own."""
        return self._shapes.others(mine)

    def ports(self, host: str) -> list[tuple[int, Protocol]]:
        """Ports and protocols by which a host may be asked for: HTTP and TLS on their own ports, and what
        objects say."""
        found = {(80, Protocol.HTTP), (443, Protocol.TLS)}
        for destination in self._registry.named(host):
            found |= {(number, _PROTOCOLS[port.protocol]) for number, port in destination.ports.items()}
        return sorted(found)

    def numbers(self, team: str) -> set[int]:
        """Ports of every outside destination that a team's proxies know."""
        return self._numbers.get(team, set()) | self._numbers.get("*", set())

    def requests(self, team: str, host: str) -> Requests:
        """What policies can tell apart about requests of a team to a host."""
        found = Requests()
        for caller in (team, "*"):
            of = self._requests.get(caller, {})
            found = found | of.get(host, Requests()) | of.get("*", Requests())
        return found

    def accounts(self, team: str, host: str) -> set[str]:
        """Service accounts that policies name for a team and a host."""
        found: set[str] = set()
        for caller in (team, "*"):
            of = self._accounts.get(caller, {})
            found |= of.get(host, set()) | of.get("*", set())
        return found

    def _rule(self, rule: Mapping[str, Any], own: str) -> None:
        conditions: dict[str, list[str]] = {}
        for condition in listed(rule, "when"):
            for key in ("values", "notValues"):
                conditions.setdefault(str(condition["key"]), []).extend(map(str, listed(condition, key)))
        addresses = conditions.get("destination.ip", [])
        if addresses and all(address.startswith("127.") for address in addresses):
            return  # what a gateway says to itself; no client comes in by it
        # What a rule leaves out by name it tells from the rest as well.
        meant, left_out = (
            [
                _numbered(str(host).lower())
                for entry in listed(rule, "to")
                for host in listed(entry, "operation", key)
            ]
            for key in ("hosts", "notHosts")
        )
        written = [*meant, *left_out]
        sni = [one for one in listed(rule, "when") if one["key"] == "connection.sni"]
        hosts = [*map(without_port, meant), *(str(host) for one in sni for host in listed(one, "values"))]
        hosts = hosts or ["*"]
        told = [*hosts, *map(without_port, left_out)]
        told += [str(host) for one in sni for host in listed(one, "notValues")]
        requests = Requests()
        for entry in listed(rule, "to"):
            operation = part(entry, "operation")
            methods, paths = (
                frozenset(map(str, (*listed(operation, key), *listed(operation, f"not{key.capitalize()}"))))
                for key in ("methods", "paths")
            )
            requests |= Requests(methods, paths)
        for key, values in conditions.items():
            if key.startswith("request.headers["):
                name = key[len("request.headers[") : -1].lower()
                requests |= Requests(headers=frozenset((name, value) for value in values))
        sources = [part(entry, "source") for entry in listed(rule, "from")]
        # What a condition asks of the caller tells callers apart as well.
        for condition in listed(rule, "when"):
            if field := _ASKED_OF_CALLERS.get(str(condition["key"])):
                negated = f"not{field[0].upper()}{field[1:]}"
                sources.append({field: listed(condition, "values"), negated: listed(condition, "notValues")})
        callers = [caller for source in sources for caller in _callers(source, own)] or [("*", "")]
        self._allow(rule, conditions, hosts, callers)
        # A pattern may mean any host; the name that stands for it is asked for besides.
        every = [*told, *(["*"] if any("*" in host for host in told) else [])]
        for team, account in dict.fromkeys(callers):
            for host in dict.fromkeys(every):
                self._name(team, account, host)
                of_team, name = self._requests.setdefault(team, {}), self._asked_as(host)
                of_team[name] = of_team.get(name, Requests()) | requests
            self._cover(team, told, own)
            for form in _uneven(written):
                host = without_port(form)
                self._authorities.setdefault((team, self._asked_as(host)), {})[concrete(form)] = None
                # `*` alone, and a pattern whose end is open, cover a port as well.
                if host.startswith("*") and "*" not in meant:
                    self._forms.setdefault(team, {})[host, form.removeprefix(host)] = None

    def authorities(self, team: str, host: str) -> list[str]:
        """Further forms of a host in a request's Host header that some rule tells from the name alone."""
        exact = (form for caller in (team, "*") for form in self._authorities.get((caller, host), ()))
        covered = (
            f"{host}{port}"
            for caller in (team, "*")
            for pattern, port in self._forms.get(caller, ())
            if text_matches(pattern, host)
        )
        return list(dict.fromkeys((*exact, *covered)))

    def allowances(self, team: str, host: str) -> list[Allowance]:
        """Rules about a team's requests to a host, as they are written."""
        keys = [(caller, name) for caller in (team, "*") for name in (host, "*")]
        return [allowance for key in keys for allowance in self._allowances.get(key, ())]

    def _allow(
        self,
        rule: Mapping[str, Any],
        conditions: Mapping[str, Any],
        hosts: list[str],
        callers: list[tuple[str, str]],
    ) -> None:
        prefix = "request.headers["
        headers = tuple(
            (key[len(prefix) : -1].lower(), tuple(map(str, values)))
            for key, values in sorted(conditions.items())
            if key.startswith(prefix)
        )
        teams = {team for team, _ in callers}
        for operation in [part(entry, "operation") for entry in listed(rule, "to")] or [{}]:
            methods, paths = (tuple(map(str, listed(operation, key))) for key in ("methods", "paths"))
            for team in teams:
                accounts = {account for of, account in callers if of == team}
                allowance = Allowance(
                    methods, paths, headers, frozenset() if "" in accounts else frozenset(accounts)
                )
                for host in hosts:
                    self._allowances.setdefault((team, self._asked_as(host)), {})[allowance] = None

    def _account(self, principal: str, hosts: list[str], own: str) -> None:
        team, _, account = principal.partition("/ns/")[2].partition("/sa/")
        names = [host.rpartition("/")[2] for host in hosts]
        for host in names:
            self._name(team, account, host)
        self._cover(team, names, own)

    def _name(self, team: str, account: str, host: str) -> None:
        name = self._asked_as(host)
        self._names.setdefault(team, {})[name] = None
        if account:
            self._accounts.setdefault(team, {}).setdefault(name, set()).add(account)

    def _cover(self, team: str, hosts: Sequence[str], own: str) -> None:
        """Notes the patterns among hosts that an object names for a team. `own`: the object's namespace."""
        for host in hosts:
            if "*" in host:
                self._patterns.setdefault(team, {})[host, own] = None

    def _asked_as(self, host: str) -> str:
        """What a client asks for where gateways say this name."""
        return concrete(self._outer.get(host, meant_by(host)))


_ASKED_OF_CALLERS = {
    "source.principal": "principals",
    "source.namespace": "namespaces",
    "source.serviceAccount": "serviceAccounts",
}


def _outer_names(registry: Registry) -> Iterator[tuple[str, str]]:
    """Names that gateways go by among themselves, each with the host or pattern that it stands for."""
    for host in (*registry.destinations, *registry.virtual_services):
        if meant_by(host) != host:
            yield host, meant_by(host)
    for host, destinations in registry.destinations.items():
        if any(
            address.startswith("127.") for destination in destinations for address in destination.endpoints
        ):
            rules = registry.virtual_services.get(host, ())
            patterns = (str(name) for rule in rules for name in listed(rule.spec, "hosts") if name != host)
            yield host, next(patterns, host)


def _numbered(host: str) -> str:
    """Of a host with the beginning of a port, a form that it matches: the usual port where it is one."""
    name, colon, port = host.removesuffix("*").rpartition(":")
    if colon and host.endswith("*") and not host.startswith("*") and (port.isdigit() or not port):
        return f"{name}:{'80' if '80'.startswith(port) else port}"
    return host


def _uneven(hosts: Sequence[str]) -> Iterator[str]:
    """Hosts with a port, where a rule does not name a host both alone and with the port of plain HTTP, and in
    no other form.

    A pattern's end is the end of the header, so names below it are told from the same with a port as a name
    itself is.
    """
    forms: dict[str, set[str]] = {}
    for host in hosts:
        forms.setdefault(without_port(host), set()).add(host)
    for name, written in forms.items():
        usual = f"{name}:80"
        if written != {name, usual}:
            yield from sorted({*written, usual} - {name})


def _callers(source: Mapping[str, Any], own: str) -> Iterator[tuple[str, str]]:
    """Namespace (`*`: any) and account (empty: any) of callers that a source tells from others. `own`: the
    policy's namespace."""
    named = [
        name for field in ("principals", "namespaces", "serviceAccounts") for name in listed(source, field)
    ]
    for principal in (*listed(source, "principals"), *listed(source, "notPrincipals")):
        yield _caller(str(principal))
    for namespace in listed(source, "namespaces"):
        yield ("*", "") if "*" in namespace else (namespace, "")
    for account in (*listed(source, "serviceAccounts"), *listed(source, "notServiceAccounts")):
        namespace, slash, name = str(account).partition("/")
        yield (namespace, name) if slash else (own, namespace)
    if not named:
        yield "*", ""


def _caller(principal: str) -> tuple[str, str]:
    """A caller that a principal means; of a pattern one that it matches and that no other rule is likely to
    name."""
    if "*" not in principal:
        team, _, account = principal.partition("/ns/")[2].partition("/sa/")
        return team or "*", account
    if principal.endswith("*"):
        team, slash, account = principal[:-1].partition("/ns/")[2].partition("/sa/")
        return (team, f"{account}{_ANY}" if account else "") if slash else ("*", "")
    # The end of an identity: of a namespace at most its end is known, unless all of it is there.
    head, _, account = principal[1:].rpartition("/sa/")
    if "/sa/" not in principal:
        return "*", f"{_ANY}{account}"
    _, whole, team = head.rpartition("/ns/")
    return (team if whole else "*"), account


_ANY = "any"
"""Fills what a pattern leaves open in an account's name."""
