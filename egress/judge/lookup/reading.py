"""How proxies read plain HTTP, as far as EnvoyFilters change it.

Understood: patches that merge into what reads HTTP the upgrades that are no reason to refuse a request. One
of Istio's root namespace without a workloadSelector is for every proxy.
Source: Envoy, Http1ProtocolOptions; Istio reference, EnvoyFilter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from egress.judge.lookup.service_registry import ROOT_NAMESPACE
from egress.judge.model.flow import Layer, Outcome, Verdict
from egress.judge.model.snapshot import Manifest, Snapshot, identity, listed, part

MANAGER = "envoy.filters.network.http_connection_manager"
OFFERS = {"ignore_http_11_upgrade": [{"prefix": "TLS/", "ignore_case": True}]}
"""Offers of TLS in a request without TLS, in every version and in any case."""


class Reading:
    """What EnvoyFilters say to what reads HTTP."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._patches = list(_patches(snapshot))

    def of_offers(self) -> Verdict:
        """Whether a request is refused because its client offers TLS."""
        for manifest, match, config in self._patches:
            everywhere = (
                manifest["metadata"]["namespace"] == ROOT_NAMESPACE
                and not part(manifest, "spec").get("workloadSelector")
                and match.get("context") in ("ANY", None)
                and not {*part(match, "listener")} - {"filterChain"}
                and {*part(match, "listener", "filterChain")} == {"filter"}
            )
            if everywhere and config.get("http_protocol_options") == OFFERS:
                by, reason = identity(manifest), "Proxies ignore offers of TLS in plain HTTP."
                return Verdict(Layer.SIDECAR, Outcome.ALLOWED, by, "spec.configPatches", reason)
        reason = "Proxies answer 403 to a request without TLS whose client offers TLS (Upgrade: TLS/1.2)."
        return Verdict(Layer.SIDECAR, Outcome.DENIED, None, "", reason)


def _patches(snapshot: Snapshot) -> Iterator[tuple[Manifest, Mapping[str, Any], Mapping[str, Any]]]:
    """Patches that merge into what reads HTTP: the filter, where, and what they say."""
    for manifest in snapshot.kind("EnvoyFilter"):
        for patch in listed(manifest, "spec", "configPatches"):
            match = part(patch, "match")
            if (
                patch["applyTo"] == "NETWORK_FILTER"
                and patch["patch"].get("operation") == "MERGE"
                and part(match, "listener", "filterChain", "filter").get("name") == MANAGER
            ):
                yield manifest, match, part(patch, "patch", "value", "typed_config")
