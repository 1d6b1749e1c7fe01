"""Extensions of proxies on both sides that are understood: what they keep. Of the others unjudged.py says
that they differ.

What one keeps counts only where both sides have what it is kept of: a filter that goes with its host opens
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from egress.answers.diff.both import Both, Side
from egress.answers.diff.facts import Fact, more_or_less
from egress.answers.words import Aspect
from egress.common.names import called
from egress.judge.fields.filters import removed_from_copies, unread_of_extension, unread_of_filter
from egress.judge.model.snapshot import Manifest, identity, listed, part

READERS: Mapping[str, Callable[[Manifest], Iterator[str]] | None] = {
    "EnvoyFilter": unread_of_filter,
    "TrafficExtension": unread_of_extension,
    "WasmPlugin": None,
}
"""Kinds that can refuse requests by code of their own, with who reads them: nobody reads a WasmPlugin."""
EARLY, ITSELF, COPIES, IDS, SLASHES = "early", "itself", "copies", "ids", "slashes"
KEPT = (EARLY, ITSELF, COPIES, IDS, SLASHES)
"""What facts are about: to whom a gateway connects early, whether it can be led to itself, what copies and
logs hold, and whether encoded slashes are decoded before rules are asked."""
_NOTES = "envoy.filters.http.header_to_metadata"
Kept = dict[tuple[str, str], tuple[bool, str]]
"""By the namespace of a gateway, and what of it: whether it is kept, and the object that says so."""


def understood(manifest: Manifest) -> bool:
    """Whether all that an extension of proxies does is known."""
    reader = READERS.get(manifest["kind"])
    return reader is not None and not any(True for _ in reader(manifest))


def facts(both: Both) -> Iterator[Fact]:
    """What gateways keep to on one side alone."""
    for what, kept in ((EARLY, _late), (ITSELF, _bound), (SLASHES, _decoded)):
        yield from _compared(Aspect.FENCE, what, *map(kept, both.sides))
    old, new = (_copies(side) for side in both.sides)
    for namespace, host in sorted(old.keys() & new.keys()):
        target = f"copies to {host} from the gateway in {namespace}"
        for fact in more_or_less(Aspect.FENCE, "", target, new[namespace, host], old[namespace, host]):
            yield replace(fact, how=COPIES)
    yield from _compared(Aspect.LOG, IDS, *map(_noted, both.sides))


def _compared(aspect: Aspect, how: str, old: Kept, new: Kept) -> Iterator[Fact]:
    for key in sorted(old.keys() & new.keys()):
        if old[key][0] != new[key][0]:
            gone = old[key][0]
            yield Fact(
                aspect, gone, "", f"the gateway in {key[0]}", key[1], how, (old if gone else new)[key][1]
            )


def _late(side: Side) -> Kept:
    """Hosts that a gateway connects to only for whom it knows."""
    found: Kept = {}
    for namespace in {pod.namespace for pod in side.judges.gateways.pods}:
        servers = side.judges.gateways.opaque_servers(namespace)
        for (_, _, server), verdict in zip(servers, side.judges.early.judge(namespace), strict=True):
            found |= {
                (namespace, called(host)): (not verdict.allowed, verdict.object) for host in server.hosts
            }
    return found


def _bound(side: Side) -> Kept:
    """Hosts by whose names a gateway is never led to itself."""
    gateways = side.judges.gateways
    found: Kept = {}
    for destinations in side.judges.registry.destinations.values():
        for destination in destinations:
            if destination.inside or destination.resolution == "STATIC":
                continue
            for pod in {
                entrance.pod.namespace: entrance.pod for entrance in gateways.entrances(destination.host)
            }.values():
                for number in destination.ports:
                    tied = gateways.bound.on(pod, destination.host, number)
                    found[pod.namespace, f"{destination.host}, port {number}"] = (
                        tied,
                        f"gateway/{pod.namespace}",
                    )
    return found


def _decoded(side: Side) -> Kept:
    """Hosts of which rules are asked about paths without encoded slashes."""
    gateways = side.judges.gateways
    found: Kept = {}
    for pod in gateways.pods:
        kept = side.judges.path_guards.kept(pod.namespace)
        servers = [one for of in gateways.listening(pod).values() for one in of if one.reads_http]
        for host in sorted({host for server in servers for host in gateways.routed(server)}):
            verdict = kept.get(host)
            found[pod.namespace, host] = (
                verdict is None or not verdict.allowed,
                verdict.object if verdict else f"gateway/{pod.namespace}",
            )
    return found


def _copies(side: Side) -> dict[tuple[str, str], set[str]]:
    """Hosts that get copies of requests, with the headers that are taken off them."""
    found: dict[tuple[str, str], set[str]] = {}
    for manifest in side.snapshot.kind("VirtualService"):
        namespace = str(manifest["metadata"].get("namespace"))
        for route in listed(manifest, "spec", "http"):
            for mirror in listed(route, "mirrors"):
                found[namespace, str(part(mirror, "destination").get("host"))] = set()
    for manifest, patch in _patches(side):
        key = str(manifest["metadata"].get("namespace")), str(part(patch, "match", "cluster").get("service"))
        if key in found:
            found[key].update(removed_from_copies(patch))
    return found


def _noted(side: Side) -> Kept:
    """Gateways that write the id of a request down."""
    noted = {
        str(manifest["metadata"].get("namespace")): identity(manifest)
        for manifest, patch in _patches(side)
        if part(patch, "patch", "value").get("name") == _NOTES
    }
    reading = {pod.namespace for pod, _, http in side.judges.gateways.doors() if http}
    return {
        (namespace, "the id of a request"): (namespace in noted, noted.get(namespace, ""))
        for namespace in reading
    }


def _patches(side: Side) -> Iterator[tuple[Manifest, Manifest]]:
    """Patches of filters that are understood."""
    for manifest in side.snapshot.kind("EnvoyFilter"):
        if understood(manifest):
            yield from ((manifest, patch) for patch in listed(manifest, "spec", "configPatches"))
