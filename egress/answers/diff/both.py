"""Two sets of objects side by side: what either of them tells apart, so that every question is asked of
both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from egress.answers.diff.normal import SILENT_KINDS, Item, is_live
from egress.answers.words import listing
from egress.common.names import TEAM_LABEL
from egress.judge.cluster_connections import ClusterConnections
from egress.judge.distinctions import Distinctions
from egress.judge.lookup.flow_space import Space
from egress.judge.model.load import KUBECTL
from egress.judge.model.snapshot import Snapshot, part
from egress.judge.targets import Targets
from egress.judge.trace import Judges
from egress.judge.unread import of_google

FIREWALLS = (
    "gcp:compute/firewall:Firewall",
    "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules",
)
ZONE, RECORDS = "gcp:dns/managedZone:ManagedZone", "gcp:dns/recordSet:RecordSet"
_LAST_IPV4 = (1 << 32) - 1


@dataclass(frozen=True)
class Side:
    """One of the two sets of objects."""

    snapshot: Snapshot
    judges: Judges
    teams: frozenset[str]

    @classmethod
    def of(cls, snapshot: Snapshot) -> Side:
        teams = frozenset(name for name, labels in snapshot.namespace_labels.items() if TEAM_LABEL in labels)
        return cls(snapshot, Judges(snapshot, explains=False), teams)

    @property
    def space(self) -> Space:
        return self.judges.space


class Both:
    """The old and the new objects."""

    def __init__(self, old: Snapshot, new: Snapshot) -> None:
        self.old, self.new = Side.of(old), Side.of(new)
        self.teams = sorted(self.old.teams | self.new.teams)

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.old, self.new

    def there(self, team: str) -> tuple[bool, bool]:
        """On which side the team's namespace is: with or without the label that makes it a team's, its pods
        run there."""
        of_old, of_new = (team in side.snapshot.namespace_labels for side in self.sides)
        return of_old, of_new

    def partial(self, item: Item) -> tuple[bool, bool]:
        """Which side says only what the program sets of an object, while the other says everything: of
        Google's resources a config. Of Kubernetes' objects all counts; defaults are no part of their normal
        form."""
        if not item.of_google:
            return False, False
        planned = [side.snapshot.planned for side in self.sides]
        return (planned[0] and not planned[1], planned[1] and not planned[0])

    @cached_property
    def distinctions(self) -> Distinctions:
        """What either of them tells apart."""
        return Distinctions([side.judges for side in self.sides])

    @cached_property
    def targets(self) -> Targets:
        """Every flow, one for all that neither of them tells from it."""
        return Targets(self.distinctions)

    @cached_property
    def connections(self) -> ClusterConnections:
        """The same for connections that no flow shows."""
        return ClusterConnections(self.distinctions)


def comparable(old: Snapshot, new: Snapshot, *, whole: bool = False) -> tuple[Snapshot, Snapshot, list[str]]:
    """The two without what only one of them was handed over with, and sentences that say so: what is missing
    is not removed, unless both were handed over `whole`."""
    notes: list[str] = []
    if bool(old.google) != bool(new.google):
        notes.append(
            f"{'NEW' if old.google else 'OLD'} holds no Google resources: firewall, DNS and nodes are not "
            "compared."
        )
        old, new = replace(old, google=()), replace(new, google=())
    meshes = [any(_is_mesh(manifest) for manifest in side.kubernetes) for side in (old, new)]
    if meshes[0] != meshes[1]:
        notes.append(f"{'NEW' if meshes[0] else 'OLD'} holds no mesh configuration: it is not compared.")
        old, new = (
            replace(side, kubernetes=tuple(item for item in side.kubernetes if not _is_mesh(item)))
            for side in (old, new)
        )
    for name in ("OLD", "NEW"):
        one, other = (old, new) if name == "OLD" else (new, old)
        kinds = [] if whole else _not_printed(one, other)
        left = replace(
            other, kubernetes=tuple(item for item in other.kubernetes if item["kind"] not in kinds)
        )
        old, new = (one, left) if name == "OLD" else (left, one)
        if said := sorted(kind for kind in kinds if kind.lower() not in SILENT_KINDS):
            notes.append(
                f"{name} holds no {listing(said)}: not compared. What to print of a cluster: {KUBECTL}"
            )
    if old.planned != new.planned:
        # What others answer in this network is in no cluster's objects: what the config says holds for both.
        elsewhere = (old if old.planned else new).answered_elsewhere
        old, new = (replace(side, answered_elsewhere=elsewhere) for side in (old, new))
    if old.planned != new.planned and old.google:
        types = {item.type for item in (old if old.planned else new).google}
        kept = [
            [item for item in side.google if item.type in types or any(of_google(side, item))]
            for side in (old, new)
        ]
        compared = {item.type for side in kept for item in side}
        every = {item.type for side in (old, new) for item in side.google}
        beyond = sorted({type_token.rsplit(":", 1)[-1] for type_token in every - compared})
        if beyond:
            notes.append(
                f"{'OLD' if old.planned else 'NEW'} is a config: of Google's resources and the charts, "
                f"{listing(beyond)} and "
                "what the program leaves to defaults are not compared."
            )
        old, new = (replace(side, google=tuple(items)) for side, items in zip((old, new), kept, strict=True))
    return old, new, notes


def _not_printed(one: Snapshot, other: Snapshot) -> list[str]:
    """Kinds that one side, which an API server printed, does not hold at all, and the other does."""
    if not any(is_live(item) for item in one.kubernetes):
        return []
    return sorted(
        {str(item["kind"]) for item in other.kubernetes} - {str(item["kind"]) for item in one.kubernetes}
    )


def _is_mesh(manifest: Mapping[str, Any]) -> bool:
    return manifest["kind"] == "ConfigMap" and "mesh" in part(manifest, "data")
