"""Which of a gateway's connections are tied to its pod's network card, so that they cannot end in the pod
itself.

Understood: EnvoyFilter patches that merge into clusters of gateways a socket option of this one kind, chosen
by port and service.
Source: Istio, EnvoyFilter (ClusterMatch); Linux, socket(7), SO_BINDTODEVICE.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from egress.judge.lookup.envoy_filters import for_gateways, is_for
from egress.judge.model.flow import Pod
from egress.judge.model.snapshot import Manifest, Snapshot, listed, part

_SOL_SOCKET, _SO_BINDTODEVICE = 1, 25
_CARD = b"eth0"
"""A pod's first network card, as container runtimes call it."""


@dataclass(frozen=True)
class _Tie:
    manifest: Manifest
    ports: frozenset[int | None]
    services: frozenset[tuple[str, int | None]]


class Bound:
    """What ties clusters to the network card, by gateway."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._ties: list[_Tie] = []
        for manifest in snapshot.kind("EnvoyFilter"):
            spec = part(manifest, "spec")
            clusters = [
                part(patch, "match", "cluster")
                for patch in listed(spec, "configPatches")
                if ties(patch) and for_gateways(patch)
            ]
            if any(cluster.keys() - {"portNumber", "service"} for cluster in clusters):
                continue
            self._ties.append(
                _Tie(
                    manifest,
                    frozenset(cluster.get("portNumber") for cluster in clusters if "service" not in cluster),
                    frozenset(
                        (cluster["service"], cluster.get("portNumber"))
                        for cluster in clusters
                        if "service" in cluster
                    ),
                )
            )

    def on(self, pod: Pod, host: str, port: int) -> bool:
        """Whether a gateway's connections to a port of a host (as its ServiceEntry writes it) are tied."""
        return any(
            is_for(tie.manifest, pod)
            and bool(tie.ports & {None, port} or tie.services & {(host, None), (host, port)})
            for tie in self._ties
        )


def ties(patch: Mapping[str, Any]) -> bool:
    """Whether a patch does this and nothing else."""
    if patch["applyTo"] != "CLUSTER" or patch["patch"].get("operation") != "MERGE":
        return False
    value = part(patch["patch"], "value")
    bind = part(value, "upstream_bind_config")
    options = listed(bind, "socket_options")
    if [*value] != ["upstream_bind_config"] or [*bind] != ["socket_options"] or len(options) != 1:
        return False
    (option,) = options
    return (option.get("level"), option.get("name"), option.get("state")) == (
        _SOL_SOCKET,
        _SO_BINDTODEVICE,
        "STATE_PREBIND",
    ) and _decoded(option.get("buf_value")) == _CARD


def _decoded(value: Any) -> bytes:
    """What an option of bytes says; nothing where it is none, which an object from outside may hold."""
    try:
        return b64decode(str(value)).rstrip(b"\0")
    except ValueError:
        return b""
