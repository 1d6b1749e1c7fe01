"""What a gateway connects to before it knows who calls.

Authorization of a connection that is not HTTP is asked with the client's first byte. By itself Envoy has
connected to the host by then, and hands on what the host says first.

Understood: Gateway servers that read no HTTP; of EnvoyFilters the patches that merge `upstream_connect_mode`
into the filter tcp_proxy of a port, of all its chains or of those for one server name. The last patch that
matches wins: objects count by their priority, of equal ones those of the root namespace first; which of two
others is the older is not read.
Source: Envoy, TcpProxy.upstream_connect_mode; Istio reference, EnvoyFilter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from egress.judge.layers.gateway import Gateways, Server
from egress.judge.lookup.envoy_filters import for_gateways, is_for
from egress.judge.lookup.service_registry import ROOT_NAMESPACE
from egress.judge.model.flow import Layer, Outcome, Pod, Verdict
from egress.judge.model.snapshot import Manifest, Snapshot, identity, listed, part

_TCP_PROXY = "envoy.filters.network.tcp_proxy"
_Patch = tuple[int, Manifest, Mapping[str, Any]]
"""Its place among all, the object, and what it says to the filter."""
_ON_DATA, _ON_HANDSHAKE = "ON_DOWNSTREAM_DATA", "ON_DOWNSTREAM_TLS_HANDSHAKE"


class EarlyConnections:
    """Judges gateways' servers by when they connect outside."""

    def __init__(self, snapshot: Snapshot, gateways: Gateways) -> None:
        self._gateways = gateways
        filters = sorted(snapshot.kind("EnvoyFilter"), key=_rank)
        self._patches: dict[tuple[int | None, str | None], list[_Patch]] = {}
        patches = ((item, patch) for item in filters for patch in listed(item, "spec", "configPatches"))
        for place, (manifest, patch) in enumerate(patches):
            if _merges(patch):
                listener = part(patch, "match", "listener")
                key = listener.get("portNumber"), part(listener, "filterChain").get("sni")
                self._patches.setdefault(key, []).append(
                    (place, manifest, part(patch, "patch", "value", "typed_config"))
                )

    def judge(self, namespace: str) -> Iterator[Verdict]:
        """For each server of the namespace's gateways whether it connects to the host for a caller that
        authorization has not let in; that it does not is the refusal."""
        for pod, port, server in self._gateways.opaque_servers(namespace):
            yield self._judge(pod, port, server)

    def _judge(self, pod: Pod, port: int, server: Server) -> Verdict:
        keys = [(at, host) for at in (port, None) for host in (None, *server.hosts)]
        found = [patch for key in keys for patch in self._patches.get(key, ()) if is_for(patch[1], pod)]
        if not found:
            reason = (
                "It connects to the host as soon as anybody connects to it, and hands on what the host "
                "says first."
            )
            return Verdict(Layer.GATEWAY, Outcome.ALLOWED, server.by, server.field, reason)
        found.sort(key=lambda patch: patch[0])
        _, manifest, config = found[-1]
        mode, held = config.get("upstream_connect_mode"), _holds(config, server)
        last = {identity(of): _holds(said, server) for _, of, said in found if _rank(of) == _rank(manifest)}
        if len({*last.values()}) > 1:
            reason = (
                f"{' and '.join(last)} say different things: which of them is the older, and counts "
                "less, is not read here."
            )
            return Verdict(
                Layer.GATEWAY, Outcome.NOT_UNDERSTOOD, identity(manifest), "spec.configPatches", reason
            )
        reason = f"It connects to the host of {', '.join(server.hosts)} with {mode or 'no mode at all'}."
        return Verdict(Layer.GATEWAY, Outcome.of(not held), identity(manifest), "spec.configPatches", reason)


def _rank(manifest: Manifest) -> tuple[int, bool]:
    """What sorts objects in the order in which they are applied, but for their age."""
    return part(manifest, "spec").get("priority") or 0, manifest["metadata"]["namespace"] != ROOT_NAMESPACE


def _holds(config: Mapping[str, Any], server: Server) -> bool:
    """Whether nothing is connected to for somebody who is not let in."""
    mode = config.get("upstream_connect_mode")
    # After the handshake the certificate is known; who may is known then only if the server takes no other
    # certificates.
    late = mode == _ON_DATA or (mode == _ON_HANDSHAKE and bool(server.sans))
    return late and bool(config.get("max_early_data_bytes"))


def _merges(patch: Mapping[str, Any]) -> bool:
    chain = part(patch, "match", "listener", "filterChain")
    return (
        patch["applyTo"] == "NETWORK_FILTER"
        and patch["patch"].get("operation") == "MERGE"
        and for_gateways(patch)
        and part(chain, "filter").get("name") == _TCP_PROXY
    )
