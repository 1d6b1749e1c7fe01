"""Who outside may connect to what inside, on both sides, by the objects of the gateways that receive."""

from __future__ import annotations

from collections.abc import Iterator

from egress.diff.both import Both, Side
from egress.diff.facts import Aspect, Fact
from egress.judge.ranges import Ranges
from egress.judge.received import Door, doors, exposures


def facts(both: Both) -> Iterator[Fact]:
    """Clients and ranges that one side lets in and the other does not."""
    old, new = (_let_in(side) for side in both.sides)
    for gain, fewer, more in ((True, old, new), (False, new, old)):
        for client, door in sorted(more.keys() - fewer.keys()):
            yield Fact(Aspect.RECEIVED, gain, door[0], f"{door[1]} ({door[2]})", client, by=more[client, door])
    yield from _exposed(both)


def _exposed(both: Both) -> Iterator[Fact]:
    """Ranges of which one side takes connections and the other does not, by gateway and way."""
    old, new = (_ranges(side) for side in both.sides)
    for key in sorted(old.keys() | new.keys()):
        before, after = (Ranges.of(of.get(key, {})) for of in (old, new))
        for gain, more, by in ((True, after.minus(before), new), (False, before.minus(after), old)):
            for cidr in more.cidrs:
                yield Fact(Aspect.EXPOSED, gain, "", key[0], f"{cidr} by way of {key[1]}", by=next(iter(by[key].values())))


def _ranges(side: Side) -> dict[tuple[str, str], dict[str, str]]:
    """By gateway and way, each range with the object that names it."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for item in exposures(side.deployed):
        cidr, _, way = item.words.partition(" by way of ")
        found.setdefault((item.gateway, way), {})[cidr] = item.by
    return found


def _let_in(side: Side) -> dict[tuple[str, tuple[str, str, str]], str]:
    """By client and what it reaches - whose, which Service, at which name and port - the object that lets it in."""
    found: dict[tuple[str, tuple[str, str, str]], str] = {}
    for door in doors(side.deployed):
        for client in door.clients:
            found[client, (door.namespace, door.to, _at(door))] = door.by
    return found


def _at(door: Door) -> str:
    return f"{door.host}, port {door.port}"
