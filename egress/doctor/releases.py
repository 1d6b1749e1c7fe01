"""How long versions are supported. Tables as their makers publish them, with the date of the reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

Minor = tuple[int, int]


@dataclass(frozen=True)
class Release:
    ends: date | None
    """The last day; None: no day is published yet."""
    expected: bool = False
    """The day is an estimate of its makers."""
    kubernetes: tuple[Minor, Minor] | None = None
    """The oldest and the newest version that it supports."""


@dataclass(frozen=True)
class Releases:
    what: str
    source: str
    read: date
    by_minor: Mapping[Minor, Release]


ISTIO = Releases(
    "Istio",
    "https://istio.io/latest/docs/releases/supported-releases/",
    date(2026, 9, 21),
    {
        (1, 26): Release(date(2025, 12, 22), kubernetes=((1, 29), (1, 33))),
        (1, 27): Release(date(2026, 4, 7), kubernetes=((1, 29), (1, 33))),
        (1, 28): Release(date(2026, 7, 1), kubernetes=((1, 30), (1, 34))),
        (1, 29): Release(date(2026, 8, 31), expected=True, kubernetes=((1, 31), (1, 35))),
        (1, 30): Release(date(2026, 11, 30), expected=True, kubernetes=((1, 32), (1, 36))),
        (1, 31): Release(None, kubernetes=((1, 32), (1, 36))),
    },
)
GKE = Releases(
    "GKE",
    "https://cloud.google.com/kubernetes-engine/docs/release-schedule",
    date(2026, 4, 4),
    {
        (1, 31): Release(date(2026, 1, 16)),
        (1, 32): Release(date(2026, 4, 11)),
        (1, 33): Release(date(2026, 8, 3), expected=True),
        (1, 34): Release(date(2026, 10, 1), expected=True),
        (1, 35): Release(date(2027, 4, 11), expected=True),
    },
)
"""The end of standard support; the channel `extended` has about ten months more."""


def minor(version: str) -> Minor:
    """`1.35.8-gke.100` is (1, 35)."""
    first, second, *_ = version.split(".")
    return int(first), int(second)


def written(of: Minor) -> str:
    return ".".join(map(str, of))
