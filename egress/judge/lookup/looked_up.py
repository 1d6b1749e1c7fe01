"""By which of a gateway's listeners names are looked up that only the client's own server name says.

A destination of the resolution DYNAMIC_DNS has no address until a filter on the way has looked its name up;
without the filter a connection ends there. istiod puts one in front of requests by itself, and none in front
of TLS that is passed through.
Understood: EnvoyFilter patches that insert sni_dynamic_forward_proxy into the listener of one address and
port, with the cache of names that the destination's cluster has. Source: Envoy, "SNI dynamic forward proxy";
Istio reference, EnvoyFilter.
"""

from __future__ import annotations

from egress.judge.lookup.envoy_filters import is_for
from egress.judge.model.flow import Pod
from egress.judge.model.snapshot import Manifest, Snapshot, listed, part

_FILTER = "envoy.filters.network.sni_dynamic_forward_proxy"


class LookUps:
    """Filters that look names up, by listener and destination."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._found: dict[tuple[str, str], list[Manifest]] = {}
        for manifest in snapshot.kind("EnvoyFilter"):
            for patch in listed(manifest, "spec", "configPatches"):
                value = part(patch, "patch", "value")
                if value.get("name") == _FILTER:
                    listener = str(part(patch, "match", "listener").get("name"))
                    names = str(part(value, "typed_config", "dns_cache_config").get("name"))
                    self._found.setdefault((listener, names), []).append(manifest)

    def on(self, pod: Pod, address: str | None, port: int, host: str) -> bool:
        """Whether names below a pattern are looked up in what comes in at an address (None: any) and port of
        a gateway's pods."""
        key = (f"{address or '0.0.0.0'}_{port}", f"{host}_dfp_dns_cache")
        return any(is_for(manifest, pod) for manifest in self._found.get(key, ()))
