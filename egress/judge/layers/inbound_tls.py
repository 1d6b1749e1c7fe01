"""A gateway's TLS towards those outside: which server takes a connection, and which certificates it takes.

SIMPLE and PASSTHROUGH ask nobody for a certificate, OPTIONAL_MUTUAL may be left without one, MUTUAL takes
those that the authority in the credential has signed, ISTIO_MUTUAL the mesh's own; `subjectAltNames` count
with MUTUAL and OPTIONAL_MUTUAL alone, are compared letter by letter, and demand a certificate from everybody:
Envoy shakes no hand without one whose names it is to look at. Other modes, and two servers for one name and
port, are not understood. A server whose port is for HTTP takes no TLS at all, whatever is said of it.
Source: Istio reference, Gateway (ServerTLSSettings); istiod 1.30, which skips the younger of two servers for
one name.
"""

from __future__ import annotations

from egress.judge.layers.gateway import Gateways
from egress.judge.lookup.inbound_flow import Caller, InboundFlow, Shown
from egress.judge.lookup.servers import NONE, Server
from egress.judge.model.flow import Layer, Outcome, Pod, Verdict


def handshake(gateways: Gateways, pod: Pod, port: int, flow: InboundFlow) -> tuple[Verdict, Server | None]:
    """Whether some server of a gateway's port takes the connection, and which.

    Raises:
        Misread: which one does cannot be told.
    """
    listener = gateways.listener(pod, port)
    if listener is None:
        return refused(f"gateway/{pod.namespace}", "", f"No server listens on port {port}."), None
    first = listener.servers[0]
    nobody = refused(first.by, "spec.servers", f"No server of port {port} is for the name {flow.host}.")
    plain = listener.plain
    if flow.caller.shows is Shown.PLAIN or plain:
        if not plain:
            return refused(first.by, first.field, "The server takes nothing but TLS."), None
        if flow.caller.shows is not Shown.PLAIN and plain.reads_http:
            return refused(
                plain.by, f"{plain.field}.port.protocol", "The server takes plain HTTP alone."
            ), None
        server = listener.closest(flow.host) if plain.reads_http else plain
        if server is None:
            return nobody, None
        reason = "The server takes whoever connects, without TLS."
        return Verdict(
            Layer.GATEWAY, Outcome.ALLOWED, server.by, f"{server.field}.port.protocol", reason
        ), server
    server = gateways.server(listener, pod, flow.host)
    return (_certified(server, flow.caller), server) if server else (nobody, None)


def _certified(server: Server, caller: Caller) -> Verdict:
    """Whether a server takes a client with its certificate, or without one."""
    at, field = server.by, f"{server.field}.tls"
    mode = "PASSTHROUGH" if server.mode == NONE else server.mode
    if mode in ("SIMPLE", "PASSTHROUGH"):
        return Verdict(
            Layer.GATEWAY, Outcome.ALLOWED, at, f"{field}.mode", f"`{mode}` asks nobody for a certificate."
        )
    if mode == "ISTIO_MUTUAL":
        return refused(at, f"{field}.mode", "The server takes the mesh's own certificates alone.")
    if mode not in ("MUTUAL", "OPTIONAL_MUTUAL") or not server.credential:
        reason = (
            f"`{mode}` is not read here." if server.credential else "Whose certificates it takes is not said."
        )
        return Verdict(Layer.GATEWAY, Outcome.NOT_UNDERSTOOD, at, f"{field}.mode", reason)
    if caller.shows is Shown.NOTHING:
        if mode == "OPTIONAL_MUTUAL" and server.sans:
            reason = "The server looks at the names in a certificate, and the client shows none."
            return refused(at, f"{field}.subjectAltNames", reason)
        if mode == "OPTIONAL_MUTUAL":
            return Verdict(
                Layer.GATEWAY, Outcome.ALLOWED, at, f"{field}.mode", "A certificate may be left out."
            )
        return refused(at, f"{field}.mode", "The server demands a certificate, and the client shows none.")
    if caller.shows is Shown.FOREIGN:
        return refused(
            at,
            f"{field}.credentialName",
            f"The server takes certificates of the authority in {server.credential} alone.",
        )
    if server.sans and caller.name not in server.sans:
        return refused(
            at,
            f"{field}.subjectAltNames",
            f"The server takes certificates of {', '.join(server.sans)} alone.",
        )
    return Verdict(
        Layer.GATEWAY,
        Outcome.ALLOWED,
        at,
        f"{field}.subjectAltNames" if server.sans else field,
        f"The server takes {caller}.",
    )


def refused(by: str, field: str, reason: str) -> Verdict:
    """A gateway's no."""
    return Verdict(Layer.GATEWAY, Outcome.DENIED, by, field, reason)
