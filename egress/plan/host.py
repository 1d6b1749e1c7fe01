"""One outside host: who uses it, and how what is sent to it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from egress.common import names
from egress.common.hosts import is_pattern
from egress.common.ports import HTTP_PORT, HTTPS_PORT
from egress.settings.http import Http, Mirror, Protocol, Slashes
from egress.settings.inspection import Inspection
from egress.settings.tcp import Tcp
from egress.settings.traffic import Traffic
from egress.settings.upgrade import Upgrade


@dataclass(frozen=True)
class Use:
    """One team's ways to one host."""

    team: str
    http: Http | None
    tls_ports: tuple[int, ...]
    """TCP ports on which the app's own TLS is passed through, ascending."""
    passthrough_accounts: tuple[str, ...] = ()
    """ServiceAccounts that may pass TLS through; empty: the whole team."""
    tcp: tuple[Tcp, ...] = ()
    """Raw TCP, in order of the port."""

    @property
    def passthrough(self) -> bool:
        """Whether the app's own TLS is passed through on the port of https."""
        return HTTPS_PORT in self.tls_ports

    @property
    def known_by_name(self) -> bool:
        """Whether the team's sidecars have to know the host by its name."""
        return bool(self.http or self.tls_ports or any(port.by_name for port in self.tcp))


@dataclass(frozen=True)
class TlsNames:
    """By which names the gateway opens TLS to a host."""

    sni: str | None = None
    """Server name that it sends. None: the host's own."""
    certificate: tuple[str, ...] = ()
    """Names of which the certificate has to have one. Empty: the host's own."""

    @classmethod
    def of(cls, said: Http | Tcp) -> TlsNames:
        return cls(said.sni, tuple(said.subject_alt_names or ()))

    def sent(self, host: str) -> str:
        return self.sni or host

    def accepted(self, host: str) -> tuple[str, ...]:
        return self.certificate or (host,)


@dataclass(frozen=True)
class Leaving:
    """How plain HTTP leaves the gateway for one host. There is one for all teams: the gateway speaks one way
    to one host."""

    upgrade: Upgrade
    protocol: Protocol
    credential: str | None
    ca: str | None
    traffic: Traffic | None
    split: tuple[tuple[str, int], ...] = ()
    """Other hosts and the percentage of requests that goes to each instead."""
    mirror: Mirror | None = None
    inspect: Inspection | None = None
    """What requests must not contain; the same for every team of the host."""
    names: TlsNames = TlsNames()
    slashes: Slashes = Slashes.DECODE
    outside_port: int | None = None
    """What the gateway connects to, where that is said."""

    @property
    def tls(self) -> bool:
        return self.upgrade is not Upgrade.NONE

    @property
    def leaves_on(self) -> int:
        """The TCP port to which the gateway connects."""
        return self.outside_port or (HTTPS_PORT if self.tls else HTTP_PORT)


@dataclass(frozen=True)
class TcpPort:
    """Raw TCP to one port of a host, and who may. Whatever else is declared for the host, this has a name of
    its own by which sidecars and gateway tell it apart."""

    host: str
    settings: Tcp
    uses: tuple[tuple[str, tuple[str, ...]], ...]
    """Teams in order of their names, each with the service accounts that may."""

    @property
    def number(self) -> int:
        """What the app connects to."""
        return self.settings.port

    @property
    def by_name(self) -> bool:
        return self.settings.by_name

    @property
    def outer_name(self) -> str:
        """The server name under which sidecars open mutual TLS to the gateway for it."""
        return names.port_name(self.number, self.host)

    @property
    def teams(self) -> tuple[str, ...]:
        return tuple(team for team, _ in self.uses)

    @property
    def upgraded(self) -> bool:
        return self.settings.upgrade is not Upgrade.NONE

    @property
    def destination(self) -> str:
        """The host by which the gateway knows where it leads: itself by name, or one for the addresses."""
        return self.host if self.by_name else self.outer_name


@dataclass(frozen=True)
class Host:
    """One outside host, or one pattern of hosts, and the teams that use it, in order of their names."""

    name: str
    uses: tuple[Use, ...]
    leaving: Leaving | None
    """None: no team speaks plain HTTP to the gateway for this host."""
    tcp: tuple[TcpPort, ...] = ()
    """Raw TCP to the host, in order of the port."""

    @property
    def teams(self) -> tuple[str, ...]:
        return tuple(use.team for use in self.uses)

    @property
    def pattern(self) -> bool:
        """Whether this is every host below a domain: `*.example.org`."""
        return is_pattern(self.name)

    @property
    def outer_name(self) -> str:
        """The server name under which sidecars open mutual TLS to the gateway for this host."""
        return names.pattern_name(self.name) if self.pattern else self.name

    @property
    def passthrough(self) -> bool:
        """Whether any team passes its own TLS through on the port of https."""
        return HTTPS_PORT in self.tls_ports

    @cached_property
    def tls_ports(self) -> tuple[int, ...]:
        """TCP ports on which some team passes its own TLS through, ascending."""
        return tuple(sorted({port for use in self.uses for port in use.tls_ports}))

    def tls_name(self, port: int) -> str:
        """The server name under which sidecars open mutual TLS to the gateway for TLS on a port of it."""
        return self.outer_name if port == HTTPS_PORT else names.port_name(port, self.name)

    @property
    def by_name(self) -> bool:
        """Whether raw TCP to the host is known by its name, so that pods get an address of the mesh for
        it."""
        return any(port.by_name for port in self.tcp)

    @property
    def knowing_teams(self) -> tuple[str, ...]:
        """Teams whose sidecars know the host by its name, in order of their names."""
        return tuple(use.team for use in self.uses if use.known_by_name)

    @property
    def upgraded(self) -> bool:
        """Whether the plain HTTP of apps leaves the gateway as TLS."""
        return self.leaving is not None and self.leaving.tls

    @property
    def keeps_slashes(self) -> bool:
        """Whether encoded slashes in paths arrive as they were sent."""
        return self.leaving is not None and self.leaving.slashes is Slashes.KEEP

    @cached_property
    def leaves_paths_open(self) -> bool:
        """Whether some rule of it leaves a part of a path open."""
        rules = (rule for use in self.uses if use.http for rule in use.http.rules.values())
        return any({*path} & {*"*{"} for rule in rules for path in rule.paths or ())

    @property
    def web_ports(self) -> tuple[int, ...]:
        """TCP ports on which HTTP and TLS leave for this host, ascending."""
        return tuple(sorted({*self.tls_ports, *({self.leaving.leaves_on} if self.leaving else ())}))
