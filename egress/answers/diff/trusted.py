"""Whose certificates are taken and shown on the way out and in, where both sides have TLS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from egress.answers.diff.both import Both, Side
from egress.answers.diff.facts import Fact, another
from egress.answers.posture import taken_for
from egress.answers.words import Aspect
from egress.common.names import called
from egress.judge.model.snapshot import identity, listed, part

PUBLIC = "the public authorities"
_OPENS = ("SIMPLE", "MUTUAL")
_TAKES = ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL")
Settings = dict[tuple[str, ...], tuple[Mapping[str, Any], str]]
"""By what they are for: the fields of `tls`, and the object that has them."""


def facts(both: Both) -> Iterator[Fact]:
    """Towards hosts, by DestinationRules; towards who connects, by Gateways."""
    for (namespace, named, _), old, new, by in _on_both(_outwards, both):
        host = called(named)
        if listed(old, "subjectAltNames") and listed(new, "subjectAltNames"):
            yield from _named(host, namespace, old, new, by)
        if old.get("mode") == new.get("mode") == "MUTUAL":
            target = f"what {namespace} speaks mutual TLS with {host} by"
            yield from another(Aspect.OTHER_CERTIFICATE, "", target, _shown(old), _shown(new), by)
        else:
            yield from another(
                Aspect.OTHER_AUTHORITY,
                "",
                f"what the certificate of {host} is checked by",
                _checked(old),
                _checked(new),
                by,
            )
    for (gateway, port, host), old, new, by in _on_both(_inwards, both):
        namespace = gateway.partition("/")[0]
        target = f"what {namespace} shows at {host}, port {port}, and checks clients by"
        yield from another(Aspect.OTHER_CERTIFICATE, "", target, _shown(old), _shown(new), by)


def _on_both(
    of: Any, both: Both
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any], Mapping[str, Any], str]]:
    old, new = (dict(of(side)) for side in both.sides)
    for key in sorted(old.keys() & new.keys()):
        yield key, old[key][0], new[key][0], new[key][1]


def _outwards(side: Side) -> Iterator[tuple[tuple[str, ...], tuple[Mapping[str, Any], str]]]:
    for manifest in side.snapshot.kind("DestinationRule"):
        namespace, host = str(manifest["metadata"].get("namespace")), str(part(manifest, "spec").get("host"))
        policy = part(manifest, "spec", "trafficPolicy")
        for settings in (policy, *listed(policy, "portLevelSettings")):
            tls, port = part(settings, "tls"), str(part(settings, "port").get("number") or "")
            if tls.get("mode") in _OPENS:
                yield (namespace, host, port), (tls, identity(manifest))


def _inwards(side: Side) -> Iterator[tuple[tuple[str, ...], tuple[Mapping[str, Any], str]]]:
    for manifest in side.snapshot.kind("Gateway"):
        for server in listed(manifest, "spec", "servers"):
            tls = part(server, "tls")
            for host in listed(server, "hosts") if tls.get("mode") in _TAKES else ():
                yield (
                    (identity(manifest), str(part(server, "port").get("number")), str(host)),
                    (tls, identity(manifest)),
                )


def _named(
    host: str, namespace: str, old: Mapping[str, Any], new: Mapping[str, Any], by: str
) -> Iterator[Fact]:
    """By which name a host is asked for, and who is taken for it: more names or fewer, or other ones."""
    before, after = ({*map(str, listed(tls, "subjectAltNames"))} for tls in (old, new))
    if old.get("sni") != new.get("sni") or not (before < after or after < before):
        target = f"the name by which {host} is asked for and known in TLS"
        yield from another(Aspect.OTHER_CERTIFICATE, "", target, _known_as(old), _known_as(new), by)
        return
    for name in sorted(before ^ after):
        yield Fact(Aspect.OPENING, name in after, "", by, taken_for(name, host, namespace), by=by)


def _checked(tls: Mapping[str, Any]) -> str:
    if name := tls.get("credentialName"):
        return f"the authority in Secret {name}"
    authorities = str(tls.get("caCertificates") or "system")
    return PUBLIC if authorities == "system" else f"the authorities in {authorities}"


def _known_as(tls: Mapping[str, Any]) -> str:
    sent, names = str(tls.get("sni") or "none"), sorted(map(str, listed(tls, "subjectAltNames")))
    return sent if names == [sent] else f"{sent}, with a certificate for {' or '.join(names)}"


def _shown(tls: Mapping[str, Any]) -> str:
    if name := tls.get("credentialName"):
        return f"Secret {name}"
    return " and ".join(
        str(tls[key]) for key in ("clientCertificate", "serverCertificate", "caCertificates") if tls.get(key)
    )
