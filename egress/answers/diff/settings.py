"""Which keys two configs say differently, and which of these say nothing about anybody's reach and about no
protection.

Both configs are compared as they are understood, defaults included, so writing a default out is no
difference. Names that people choose for ranges and clients, and the reasons that they give, are words: what
they are for is compared.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, cast

from egress.answers.diff.facts import Fact
from egress.settings import Settings
from egress.settings.mesh import Flavor

CONFIG = "config"
"""How such a difference is called, before the path of the key."""
SILENT: Mapping[str, str] = {
    "labels": "labels in Google Cloud are for bills and searches; nothing here selects by them",
    "repair": "which objects are applied anew, as they are",
    "network.subnet.name": "a name; the ranges say what is inside",
    "network.nat.minPortsPerVm": "how many connections at once",
    "network.nat.maxPortsPerVm": "how many connections at once",
    "network.nat.dynamicPortAllocation": "how many connections at once",
    "network.nat.tcpTimeWait": "how soon a source port is used again",
    "network.nat.tcpEstablishedIdle": "how long an idle connection is remembered",
    "network.nat.tcpTransitoryIdle": "how long one that is being opened or closed is remembered",
    "network.perimeter.name": "a name",
    "cluster.name": "a name; the cluster is made anew, with the same fences",
    "cluster.zone": "where in the region nodes stand",
    "cluster.releaseChannel": "when Google brings new versions",
    "cluster.maintenanceStart": "when Google brings new versions",
    "cluster.secretSync": "by itself it copies nothing: `credentials` says what",
    **dict.fromkeys(
        ("cluster.defaultPool", "cluster.gatewayPool", "cluster.ingressPool"), "how many nodes, and how large"
    ),
    **{
        f"{gateway}.{key}": "how many replicas, and how large"
        for gateway in ("gateway", "gateways.*", "ingress")
        for key in ("minReplicas", "maxReplicas", "cpu", "memory")
    },
    "gateways.*.pool": "how many nodes, and how large",
    **dict.fromkeys(
        ("gateway.idleTimeout", "gateways.*.idleTimeout"), "when a connection ends on which nothing is sent"
    ),
    "fences.contact": "whom a refused person is told to ask",
    "fences.applicationNodes.reason": "words",
    "fences.writers.breakGlass.reason": "words",
    "mesh.keepalive": "what the network on the way does not forget",
    "teams.*.labels": "further labels of the namespace; those that fences go by cannot be written here",
    "teams.*.model": "the reason; another model is another key, and what it opens is asked",
    "teams.*.limits.requestsPerConnection": "when a connection is closed, not how much goes over it",
    "teams.*.http10": "an older form of the same requests",
    "teams.*.testApp": "an idle pod of the team's, which may run any image there",
    "teams.*.egress.*.http.protocol": "how the same requests are written",
    "teams.*.egress.*.http.traffic": "how long, how often and how much at once; not what, and not who",
    "teams.*.egress.*.http.mirror.percent": "how many of the requests that may all be copied",
}
"""Keys that say nothing about who may reach what and take no protection away, each with the reason. Below a
key everything is meant; `*` is any name. What is written down here is what docs/commands.md names."""
WORDS = "/description$"
"""A key's last part that is always for people."""
_BY_VALUE = (
    *(
        "cluster.controlPlane.authorizedNetworks",
        "fences.privateHosts",
        "fences.privateAddresses",
        "ingress.sourceRanges",
    ),
    *("teams.*.receives.*.clients",),
)
"""Maps whose names are words: what counts is the values."""
_BY_NAME = (
    *(
        "network.dns.alsoResolved",
        "network.dns.answeredElsewhere",
        "network.nat.addresses",
        "gateways.*.nat.addresses",
    ),
    *(
        "fences.relaxed",
        "fences.admission.relaxed",
        "fences.admission.exemptions.*",
        "fences.admission.namespaces.*",
    ),
    *("mesh.istio.acceptedAdvisories", "teams.*.googleApis.serviceAccounts.*.projectRoles"),
)
"""Maps whose values are reasons: what counts is the names."""
_SHARES = ("teams.*.egress.*.http.split",)
"""Maps whose values are shares of what may go there anyhow."""


def _pattern(keys: Iterable[str]) -> str:
    return "|".join("[^/]+".join(map(re.escape, key.replace(".", "/").split("*"))) for key in keys)


_SILENT = re.compile(rf"^(?:{_pattern(SILENT)})(?:/|$)|{WORDS}")
_VALUES = re.compile(rf"^(?:{_pattern(_BY_VALUE)})$")
_KEYS = re.compile(rf"^(?:{_pattern((*_BY_NAME, *_SHARES))})$")


def differing(old: Settings, new: Settings) -> list[str]:
    """Paths of the keys, `/` between their parts, since names of hosts have dots."""
    before, after = (dict(_leaves(_dumped(settings), words=True)) for settings in (old, new))
    return _unlike(before, after)


def silent(old: Settings, new: Settings) -> list[str]:
    """Of these, those that say nothing about anybody's reach and take no protection away."""
    meant = set(meaning(old, new))
    return [
        path
        for path in differing(old, new)
        if not any(path == key or path.startswith(f"{key}/") for key in meant)
    ]


def is_silent(key: str) -> bool:
    """Whether a key, as the reference has it, is on the list."""
    return _SILENT.search(key.replace(".", "/")) is not None


def meaning(old: Settings, new: Settings) -> list[str]:
    """Keys that mean something else; maps whose names or values are words are one key."""
    before, after = (dict(_leaves(_dumped(settings))) for settings in (old, new))
    return [path for path in _unlike(before, after) if not _SILENT.search(path)]


def unseen(old: Settings, new: Settings, facts: Collection[Fact]) -> Iterator[str]:
    """Keys that mean something else, of which no fact says what: nobody here can tell."""
    teams = {name for name in old.teams if name in new.teams}
    gateways = {name for name in old.gateways if name in new.gateways}
    before, after = (dict(_leaves(_dumped(settings))) for settings in (old, new))
    found: dict[str, set[str]] = {}
    for path in meaning(old, new):
        said = _values(before.get(path)) ^ _values(after.get(path))
        section, *rest = path.split("/")
        if section == "gateways" and rest[0] not in gateways:
            continue  # nobody leaves by it who does not leave by another one then, and that is a fact
        if section == "teams" and rest[0] not in teams:
            found[f"teams/{rest[0]}"] = set()
        elif section == "teams" and rest[1:2] == ["egress"]:
            one = _is_on_one(old, new, rest[0], rest[2])
            found["/".join(("teams", *rest[:3]) if one else (section, *rest))] = set() if one else said
        else:
            found[path] = said
    for path, values in found.items():
        if not any(_is_about(fact, path, values) for fact in facts) and not _is_empty(path, old, new):
            yield path


def _values(value: Any) -> set[str]:
    return set(map(str, cast("list[Any]", value))) if isinstance(value, list) else set()


def _is_on_one(old: Settings, new: Settings, team: str, host: str) -> bool:
    return (host in old.teams[team].egress) != (host in new.teams[team].egress)


def _is_empty(path: str, old: Settings, new: Settings) -> bool:
    """A team that comes or goes and may do nothing."""
    section, _, name = path.partition("/")
    if section != "teams" or "/" in name:
        return False
    team = old.teams.get(name) or new.teams[name]
    return not (team.egress or team.receives or team.google_apis or team.reaches or team.model)


def _is_about(fact: Fact, path: str, values: Iterable[str]) -> bool:
    """Whether a fact can be what a key does: a team's is about the team, its host or what the key says; any
    may be what a key of nobody's does."""
    section, *rest = path.split("/")
    if section != "teams":
        return True
    said = f"{fact.target} {fact.what} {fact.by}"
    if fact.team == rest[0] or rest[0] in said or any(value in said for value in values):
        return True
    return len(rest) > 2 and rest[1] == "egress" and rest[2] in said


def _unlike(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))


def _dumped(settings: Settings) -> dict[str, Any]:
    found = settings.model_dump(mode="json", by_alias=True)
    if settings.mesh.flavor is Flavor.ISTIO:
        found["mesh"]["istio"] = settings.mesh.chart.model_dump(mode="json", by_alias=True)
    return found


def _leaves(value: Any, path: str = "", *, words: bool = False) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        of = cast("Mapping[str, Any]", value)
        if not words and of and _VALUES.search(path):
            yield path, sorted(map(str, of.values()))
        elif not words and of and _KEYS.search(path):
            yield path, sorted(of)
        else:
            for key, below in of.items():
                yield from _leaves(below, f"{path}/{key}" if path else str(key), words=words)
    elif value is not None:
        yield path, value
