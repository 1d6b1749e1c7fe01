"""How proxies read plain HTTP, as far as EnvoyFilters change it.

Understood: patches that merge into what reads HTTP which upgrades are no reason to refuse a request, in
every proxy (of Istio's root namespace, without a workloadSelector); that encoded slashes are kept, in all
sidecars of a namespace on one port, and in a gateway for one server name; and that all sidecars of a
namespace take HTTP/1.0, which has to be recognised as well.
Source: Envoy, Http1ProtocolOptions and HttpConnectionManager; Istio reference, EnvoyFilter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from egress.common.normal_form import Normalization
from egress.judge.lookup.envoy_filters import is_for
from egress.judge.lookup.service_registry import ROOT_NAMESPACE
from egress.judge.model.flow import Layer, Misread, Outcome, Pod, Verdict
from egress.judge.model.snapshot import Manifest, Snapshot, identity, listed, part

MANAGER = "envoy.filters.network.http_connection_manager"
HTTP_1_0 = {"accept_http_10": True}
RECOGNISED = {
    "applyTo": "FILTER_CHAIN",
    "match": {
        "context": "SIDECAR_OUTBOUND",
        "listener": {"filterChain": {"applicationProtocols": "http/1.1,h2c"}},
    },
    "patch": {
        "operation": "MERGE",
        "value": {"filter_chain_match": {"application_protocols": ["http/1.0"]}},
    },
}
"""What makes sidecars take HTTP/1.0 for HTTP, where they look at what an app says first."""
KEEPS = {"path_with_escaped_slashes_action": "KEEP_UNCHANGED"}
OFFERS = {"ignore_http_11_upgrade": [{"prefix": "TLS/", "ignore_case": True}]}
"""Offers of TLS in a request without TLS, in every version and in any case."""


class Reading:
    """What EnvoyFilters say to what reads HTTP."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._patches = list(_patches(snapshot))

    def in_sidecars(self, namespace: str, port: int, how: Normalization) -> Normalization:
        """How the sidecars of a namespace bring paths of what apps say on a port into normal form. `how`:
        what the mesh is told.

        Raises:
            Misread: some of them do it in another way than others.
        """
        for manifest, match, config in self._patches:
            if (
                KEEPS.items() <= config.items()
                and match.get("context") == "SIDECAR_OUTBOUND"
                and manifest["metadata"]["namespace"] in (namespace, ROOT_NAMESPACE)
                and part(match, "listener").get("portNumber") == port
            ):
                if part(manifest, "spec", "workloadSelector").get("labels"):
                    raise Misread(identity(manifest), "spec.workloadSelector", "It is for some pods alone.")
                return _kept(how)
        return how

    def of_sidecars(self, namespace: str, port: int) -> Verdict:
        """Whether the sidecars of a namespace send encoded slashes on as they are."""
        how = Normalization.DECODE_AND_MERGE_SLASHES
        try:
            kept = self.in_sidecars(namespace, port, how) is not how
        except Misread as error:
            return Verdict(Layer.SIDECAR, Outcome.NOT_UNDERSTOOD, error.by, error.field, error.reason)
        reason = f"They send encoded slashes on {'as they are' if kept else 'as slashes'}."
        return Verdict(Layer.SIDECAR, Outcome.of(kept), None, "", reason)

    def of_http10(self, namespace: str) -> Verdict:
        """Whether the sidecars of a namespace take HTTP/1.0 from apps: they recognise it, and read it."""
        for manifest in {id(manifest): manifest for manifest, *_ in self._patches}.values():
            if (
                manifest["metadata"]["namespace"] in (namespace, ROOT_NAMESPACE)
                and not part(manifest, "spec", "workloadSelector").get("labels")
                and RECOGNISED in listed(manifest, "spec", "configPatches")
                and any(_reads_http10(match, config) for of, match, config in self._patches if of is manifest)
            ):
                by, reason = identity(manifest), "Its sidecars take HTTP/1.0."
                return Verdict(Layer.SIDECAR, Outcome.ALLOWED, by, "spec.configPatches", reason)
        reason = "Sidecars end connections on which an app speaks HTTP/1.0."
        return Verdict(Layer.SIDECAR, Outcome.DENIED, None, "", reason)

    def in_gateway(self, pod: Pod, port: int, hosts: Sequence[str], how: Normalization) -> Normalization:
        """The same of what a gateway's server for some names reads."""
        for manifest, match, config in self._patches:
            listener = part(match, "listener")
            if (
                KEEPS.items() <= config.items()
                and match.get("context") == "GATEWAY"
                and is_for(manifest, pod)
                and listener.get("portNumber") == port
                and part(listener, "filterChain").get("sni") in hosts
            ):
                return _kept(how)
        return how

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


def _reads_http10(match: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    return (
        config.get("http_protocol_options") == HTTP_1_0
        and match.get("context") == "SIDECAR_OUTBOUND"
        and {*part(match, "listener")} == {"filterChain"}
    )


def _kept(how: Normalization) -> Normalization:
    return Normalization.MERGE_SLASHES if how is Normalization.DECODE_AND_MERGE_SLASHES else how


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
