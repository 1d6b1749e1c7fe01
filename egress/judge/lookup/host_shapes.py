"""Outside hosts by their shape: what of an object may treat two of them differently though it names neither.

One of a shape answers for all of them (docs/model.md, equivalence classes).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from egress.common.names import meant_by
from egress.judge.lookup.host_names import MESH, patterns_above
from egress.judge.lookup.service_registry import ROOT_NAMESPACE, Registry
from egress.judge.lookup.service_registry_destinations import Destination
from egress.judge.model.text_patterns import text_matches

BELOW = "any-name"
"""What stands for every text that a pattern leaves open."""
_Shaped = dict[object, list[str]]


def concrete(host: str) -> str:
    """A name that a host or pattern stands for; of `*` alone none, so it stays."""
    if host == "*":
        return host
    if host.startswith("*"):
        return f"{BELOW}{host[1:]}"
    return f"{host[:-1]}{BELOW}" if host.endswith("*") else host


def common(pattern: str, host: str) -> str | None:
    """A name that a rule's pattern and a host, or pattern, of a destination both cover; None: there is none.

    Args:
        pattern: `*`, or a text with a `*` at its beginning or its end.
        host: a name, or a pattern that begins with `*.`.
    """
    if not host.startswith("*"):
        return host if text_matches(pattern, host) else None
    if not pattern.startswith("*"):
        return f"{pattern[:-1]}{BELOW}{host[1:]}"
    if pattern[1:].endswith(host[1:]):
        return concrete(pattern)
    return concrete(host) if host[1:].endswith(pattern[1:]) else None


class HostShapes:
    """Every outside host that the mesh knows, by shape."""

    def __init__(self, registry: Registry, outer: Mapping[str, str]) -> None:
        """Args:
        registry: what the mesh knows.
        outer: names that gateways go by among themselves, each with the pattern that it stands for.
        """
        self._registry = registry
        self._outer = outer
        self._shapes: _Shaped = {}
        self._meant: dict[tuple[str, str, tuple[str, ...]], _Shaped] = {}

    def add(self, destination: Destination) -> None:
        self._shapes.setdefault(_shape(destination), []).append(meant_by(destination.host))

    def others(self, mine: set[str]) -> Iterator[str]:
        """One host of each shape that exists and that is not among a team's own."""
        return _first_of_each(self._shapes, mine)

    def meant(self, pattern: str, namespace: str, told: tuple[str, ...], mine: set[str]) -> Iterator[str]:
        """Names that a rule's pattern covers and that are not among a team's own: one of each shape, for each
        set of gateways that lead there and of patterns that cover it.

        Args:
            pattern: as the rule writes it.
            namespace: of the gateways for which the rule is; the root namespace is every one's.
            told: every pattern by which some rule tells hosts apart for the team.
            mine: the team's own.
        """
        key = pattern, namespace, told
        if key not in self._meant:
            self._meant[key] = self._covered(pattern, namespace, told)
        return _first_of_each(self._meant[key], mine)

    def _covered(self, pattern: str, namespace: str, told: tuple[str, ...]) -> _Shaped:
        found: _Shaped = {}
        for shape, hosts in self._below(pattern).items():
            for host in hosts:
                gateways = self._gateways(host)
                name = common(pattern, host)
                if name and (namespace == ROOT_NAMESPACE or namespace in {of for of, _ in gateways}):
                    covering = frozenset(one for one in told if text_matches(one, name))
                    found.setdefault((shape, gateways, covering), []).append(self._outer.get(host, name))
        return found

    def _below(self, pattern: str) -> _Shaped:
        """Where it can be read off an index, the hosts that a pattern covers; otherwise every host."""
        if pattern.startswith("*."):
            return self._by_ending.get(pattern, {})
        return {**self._shapes, "inner": list(self._outer)}

    @cached_property
    def _by_ending(self) -> dict[str, _Shaped]:
        found: dict[str, _Shaped] = {}
        for shape, hosts in (*self._shapes.items(), ("inner", list(self._outer))):
            for host in hosts:
                for pattern in patterns_above(host):
                    found.setdefault(pattern, {}).setdefault(shape, []).append(host)
        return found

    def _gateways(self, host: str) -> frozenset[tuple[str, str]]:
        """Namespace and name of the Gateways that lead to a host."""
        return frozenset(
            (namespace, name)
            for of in (host, *patterns_above(host))
            for rule in self._registry.virtual_services.get(of, ())
            for namespace, _, name in (gateway.partition("/") for gateway in rule.gateways)
            if namespace != MESH
        )


def _first_of_each(shapes: _Shaped, mine: Iterable[str]) -> Iterator[str]:
    for hosts in shapes.values():
        other = next((host for host in map(concrete, hosts) if host not in mine), None)
        if other:
            yield other


def _shape(destination: Destination) -> object:
    ports = frozenset((port.number, port.protocol) for port in destination.ports.values())
    return ports, bool(destination.addresses), destination.host.startswith("*"), destination.resolution
