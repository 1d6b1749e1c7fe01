"""Which layer stopped a flow, by what the pod heard and what the proxies wrote down of it - never by what was
expected.

A line of the sidecar's access log belongs to a flow by the port that the app connected from; a gateway's line
belongs to the sidecar's by the request's id or by the address between them. What is dropped in silence, as
NetworkPolicies and firewalls do it, has no trace that a pod could show: then the layer is unknown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from egress.judge.model.flow import Layer, Protocol
from egress.probe.asked import Asked

Line = Mapping[str, Any]
"""One line of an access log; a field that has nothing to say is not there."""
UNKNOWN = "layer unknown"
_BLACK_HOLE = "BlackHoleCluster"
_DIRECT, _UPSTREAM = "direct_response", "via_upstream"
_REASONS = (
    "response_code_details",
    "connection_termination_details",
    "upstream_transport_failure_reason",
)
_TOLD_BY_THE_GATEWAY = {
    "rbac_access_denied": (Layer.AUTHORIZATION, "gateway: authorization"),
    "lua_response": (Layer.GATEWAY, "gateway: inspection"),
    _DIRECT: (Layer.GATEWAY, "gateway: a path that could mean another"),
    "TLS_error": (Layer.GATEWAY, "gateway: the site's certificate"),
    "filter_chain_not_found": (Layer.GATEWAY, "gateway: no such host"),
    "route_not_found": (Layer.GATEWAY, "gateway: no such host"),
}
_FAILED = {"UF", "UH", "UO", "URX", "NC", "UC", "UT"}
"""Envoy's flags for: nothing came of the connection onward."""
_AUTHORITY = re.compile("self.signed|issuer certificate")
"""What OpenSSL says of a certificate that somebody signed whom it does not know, as a private authority."""
_DENIED = "RBAC: access denied"
"""What a proxy of Istio's answers where a rule refuses."""
_PROXYS_OWN = ("upstream connect error", "no healthy upstream", "upstream request timeout")


@dataclass(frozen=True)
class Came:
    """What came of a flow."""

    arrived: bool
    word: str
    """In one word: the status, or how it ended."""
    layer: Layer | None = None
    """The layer that stopped it, as the judges call it, where that is known."""
    by: str = "-"
    """The same for people."""
    at: str = "-"
    """Where it arrived, as the last proxy wrote it down."""
    detail: str = ""
    let_on: bool = False
    """Whether the pod's own sidecar sent it onward, so that something behind it stopped it."""


def lines(text: str) -> list[Line]:
    """The lines of an access log among everything that a proxy wrote."""
    found: list[Line] = []
    for line in text.splitlines():
        at = line.find('{"')
        if at >= 0 and '"start_time":' in line:
            try:
                found.append(json.loads(line[at:]))
            except ValueError:
                continue
    return found


class Logs:
    """What proxies wrote: each pod's own sidecar, and every gateway."""

    def __init__(self, sidecar: str, gateways: Iterable[str]) -> None:
        self._sidecar = {line.get("downstream_remote_address"): line for line in lines(sidecar)}
        of_gateways = [line for text in gateways for line in lines(text)]
        self._by_id = {line["request_id"]: line for line in of_gateways if line.get("request_id")}
        self._by_address = {line.get("downstream_remote_address"): line for line in of_gateways}

    def of(self, local: str | None) -> tuple[Line | None, Line | None]:
        """The sidecar's line of a flow, and the gateway's; None: there is none."""
        line = self._sidecar.get(local) if local else None
        if line is None:
            return None, None
        gateway = self._by_id.get(line.get("request_id")) or self._onward(line)
        while gateway and str(gateway.get("upstream_host", "")).startswith("127."):
            # To itself: a wildcard's inner name is read by a second server of the same gateway.
            inner = self._onward(gateway)
            if inner is None or inner is gateway:
                break
            gateway = inner
        return line, gateway

    def _onward(self, line: Line) -> Line | None:
        """The gateway's line of the connection that a line led to."""
        address = line.get("upstream_local_address")
        return self._by_address.get(address) if address else None


def came(asked: Asked, said: Mapping[str, Any], logs: Logs) -> Came:
    """What came of a flow, by all that is known of it."""
    failure = str(said.get("failure", ""))
    if asked.resolves and not said.get("addresses"):
        if said.get("addresses") is None:
            return Came(False, "no answer", None, UNKNOWN, detail=f"the name's lookup failed: {failure}")
        return Came(False, "no such name", Layer.DNS, "DNS: no such name")
    if asked.lookup:
        return Came(True, said["addresses"][0])
    sidecar, gateway = logs.of(said.get("local"))
    stopped = _refused(sidecar, gateway)
    if stopped and not (said.get("tls") or said.get("heard")):
        return Came(False, _word(said), *stopped, detail=failure)
    arrived = _got_through(asked.flow.protocol, said, sidecar, gateway)
    at = str((gateway or sidecar or {}).get("upstream_host", "-"))
    if not arrived:
        on = sidecar is not None and "upstream_cluster" in sidecar
        return Came(False, _word(said), *_by_its_words(asked, said), detail=failure, let_on=on)
    if asked.says is not None and str(said.get("body", "")).strip() != asked.says:
        heard = str(said.get("body", ""))[:60]
        return Came(False, _word(said), None, "another answer", at, f"answered {heard!r}, not {asked.says!r}")
    untrusted = str(said.get("certificate", ""))
    if asked.expected.passes and untrusted and not _AUTHORITY.search(untrusted):
        return Came(False, _word(said), None, "another certificate", at, untrusted)
    if asked.hidden and said.get("status") != 200:
        return Came(False, _word(said), None, "metadata server", at)
    note = (
        f"its certificate is of an authority that the image does not know: {untrusted}" if untrusted else ""
    )
    return Came(True, _word(said), at=at, detail=note)


def _refused(sidecar: Line | None, gateway: Line | None) -> tuple[Layer, str] | None:
    """The layer whose own line says that it refused."""
    if gateway:
        told = " ".join(str(gateway[field]) for field in _REASONS if field in gateway)
        found = (stopper for words, stopper in _TOLD_BY_THE_GATEWAY.items() if words in told)
        return next(found, None)
    if sidecar is None:
        return None
    status, details = str(sidecar.get("response_code", "")), str(sidecar.get("response_code_details", ""))
    own = (status.startswith("4") or status == "501") and not details.startswith(_UPSTREAM)
    if (
        sidecar.get("upstream_cluster") == _BLACK_HOLE
        or details == _DIRECT
        or own
        or sidecar.get("response_flags") == "DPE"
    ):
        return Layer.SIDECAR, "sidecar"
    return None


def _got_through(
    protocol: Protocol, said: Mapping[str, Any], sidecar: Line | None, gateway: Line | None
) -> bool:
    if protocol is Protocol.HTTP:
        return _answered(said, sidecar, gateway)
    if protocol is Protocol.TLS:
        return "tls" in said
    return bool(said.get("heard")) if protocol is Protocol.UDP else _kept(said, sidecar, gateway)


def _answered(said: Mapping[str, Any], sidecar: Line | None, gateway: Line | None) -> bool:
    """Whether what answered stands behind the proxies."""
    if said.get("status") is None:
        return False
    last = gateway or sidecar
    if last is not None and "response_code_details" in last:
        return str(last["response_code_details"]).startswith(_UPSTREAM) and not _own_words(said)
    return not _own_words(said)


def _own_words(said: Mapping[str, Any]) -> bool:
    """Whether an answer reads as one that a proxy writes itself."""
    body, status = str(said.get("body", "")), said.get("status")
    return body == _DENIED or body.startswith(_PROXYS_OWN) or (status == 502 and not body)


def _kept(said: Mapping[str, Any], sidecar: Line | None, gateway: Line | None) -> bool:
    """Whether a connection on which nobody spoke leads anywhere: a sidecar takes each one first."""
    flags = {
        flag for line in (sidecar, gateway) if line for flag in str(line.get("response_flags")).split(",")
    }
    return bool(said.get("open")) and not flags & _FAILED


def _by_its_words(asked: Asked, said: Mapping[str, Any]) -> tuple[Layer | None, str]:
    """Where no line says it, an answer still may: rules answer in the same words everywhere."""
    if said.get("body") == _DENIED:
        if asked.flow.to:
            return Layer.SIDECAR, "sidecar of the destination"
        return Layer.AUTHORIZATION, "gateway: authorization"
    return None, UNKNOWN


def _word(said: Mapping[str, Any]) -> str:
    if said.get("status") is not None:
        return str(said["status"])
    if "tls" in said:
        return "TLS"
    if said.get("open") or said.get("heard"):
        return "open"
    return "no answer" if "timed out" in str(said.get("failure", "")) else "refused"
