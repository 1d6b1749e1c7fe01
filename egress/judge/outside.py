"""Addresses outside of the cluster, in sets that no range of a given list tells apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from egress.judge.model.ip_ranges import Ranges
from egress.judge.trace import Judges

ELSEWHERE = "any other address"
"""What people call the addresses that no object names."""


@dataclass(frozen=True)
class Source:
    """Addresses that no object tells from each other."""

    ranges: Ranges
    words: str


def outside(sides: Iterable[Judges]) -> Ranges:
    """Every address that is none of the cluster's own, on any side; of IPv6 where machines may have it."""
    subnets = [side.inbound.subnets for side in sides]
    everything = Ranges.of(["0.0.0.0/0", *(["::/0"] if any(one.ipv6 for one in subnets) else [])])
    for one in subnets:
        everything = everything.minus(one.own)
    return everything


def told_apart(whole: Ranges, named: Mapping[Ranges, str], other: str = ELSEWHERE) -> list[Source]:
    """The parts of a set of addresses, each of which lies within or without each of some ranges.

    Args:
        whole: the addresses.
        named: the ranges, each with its words.
        other: what people call those that no range names.
    """
    atoms = [whole] if whole else []
    for ranges in named:
        atoms = [part for atom in atoms for part in (atom.within(ranges), atom.minus(ranges)) if part]
    narrower = [ranges for ranges in named if not ranges.covers(Ranges.of(["0.0.0.0/0"]))]
    return [Source(atom, _called(atom, named, narrower, other)) for atom in atoms]


def _called(atom: Ranges, named: Mapping[Ranges, str], narrower: Iterable[Ranges], other: str) -> str:
    if atom in named:
        return named[atom]
    if not any(ranges.covers(atom) for ranges in narrower):
        return other
    first, *more = atom.cidrs
    return f"{first} and {len(more)} more" if more else first
