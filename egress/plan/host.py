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
    passthrough: bool
    passthrough_accounts: tuple[str, ...] = ()
    """ServiceAccounts that may pass TLS through; empty: the whole team."""
    tcp: Tcp | None = None


@dataclass(frozen=True)
class TlsNames:
    """By which names the gateway opens TLS to a host."""

    sni: str | None = None
    """Server name that it sends. None: the host's own."""
    certificate: tuple[str, ...] = ()
    """Names of which the certificate has to have one. Empty: the host's own."""

    @classmethod
    def of(cls, said: Http | Tcp) -> TlsNames:
        return cls(said.sni, tuple(sorted(set(said.subject_alt_names or ()))))

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

    @property
    def tls(self) -> bool:
        return self.upgrade is not Upgrade.NONE


@dataclass(frozen=True)
class Host:
    """One outside host, or one pattern of hosts, and the teams that use it, in order of their names."""

    name: str
    uses: tuple[Use, ...]
    leaving: Leaving | None
    """None: no team speaks plain HTTP to the gateway for this host."""
    tcp: Tcp | None = None
    """The host's raw TCP settings; teams differ only in which service accounts may use it."""

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
        """Whether any team passes its own TLS through."""
        return any(use.passthrough for use in self.uses)

    @property
    def upgraded(self) -> bool:
        """Whether what the app speaks plainly leaves the gateway as TLS."""
        if self.tcp:
            return self.tcp.upgrade is not Upgrade.NONE
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
    def outside_ports(self) -> tuple[int, ...]:
        """TCP ports on which the gateway connects to this host, ascending."""
        if self.tcp:
            return (self.tcp.leaves_on,)
        ports = {HTTPS_PORT} if self.passthrough or self.upgraded else set[int]()
        return tuple(sorted(ports | ({HTTP_PORT} if self.leaving and not self.upgraded else set())))
