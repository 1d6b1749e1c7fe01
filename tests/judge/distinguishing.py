"""What tests ask of distinctions: the objects that name something, and what they tell apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from egress.common.objects import Resource
from egress.judge.distinctions import Distinctions
from egress.judge.model.equivalence import Requests
from egress.judge.model.flow import Protocol
from egress.judge.trace import Judges
from tests.judge.objects import node_pool, snapshot, written

Written = dict[str, Any]
SHOP, BANK, FARM = "shop", "bank", "farm"


@dataclass
class Config:
    """What a config declares, of which every team says the same."""

    teams: list[str] = field(default_factory=list[str])
    ranges: Iterable[str] = ()
    host: str = "declared.example"
    asked: Requests = field(default_factory=Requests)
    api: str = ""
    port: tuple[int, Protocol] | None = None
    account: str = ""
    reached: str = ""

    def hosts(self, team: str) -> Iterator[str]:
        yield from [self.host] if team in self.teams else []

    def apis(self, team: str) -> Iterable[str]:
        return [self.api] if self.api and team in self.teams else []

    def ports(self, host: str) -> Iterable[tuple[int, Protocol]]:
        return [self.port] if self.port and host == self.host else []

    def requests(self, team: str, host: str) -> Requests:
        return self.asked if (team, host) == (SHOP, self.host) else Requests()

    def accounts(self, team: str, host: str) -> frozenset[str]:
        return frozenset({self.account}) if (team, host) == (SHOP, self.host) else frozenset()

    def reaches(self, team: str) -> frozenset[str]:
        return frozenset({self.reached}) if team == SHOP else frozenset()


def told(*objects: Written, google: Iterable[Resource] = (), config: Config | None = None) -> Distinctions:
    return Distinctions([Judges(snapshot(*objects, google=tuple(google)))], config)


def of_both(one: Iterable[Written], other: Iterable[Written]) -> Distinctions:
    return Distinctions([Judges(snapshot(*objects)) for objects in (one, other)])


def policy(namespace: str = SHOP, name: str = "policy", **spec: Any) -> Written:
    return written("NetworkPolicy", namespace, name, **{"podSelector": {}, **spec})


NODES, GATEWAY_NODES = "app-nodes@p.iam.gserviceaccount.com", "gateway-nodes@p.iam.gserviceaccount.com"
POOLS = (
    node_pool("app", NODES),
    node_pool("gateway", GATEWAY_NODES, {"key": "x", "value": "y", "effect": "NO_SCHEDULE"}),
)


def firewall(
    name: str = "rule", account: str = NODES, *, direction: str = "EGRESS", ranges: Any = (), **what: Any
) -> Resource:
    side = "destinationRanges" if direction == "EGRESS" else "sourceRanges"
    means = {"direction": direction, side: list(ranges) or ["0.0.0.0/0"], "targetServiceAccounts": [account]}
    said = {**means, **(what or {"denies": [{"protocol": "all"}]})}
    return Resource("gcp:compute/firewall:Firewall", name, {"name": name, **said})
